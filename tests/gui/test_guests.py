"""Operations on layers in a script: layers in, layers out, the same numbers; the notebook runs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from napari.layers import Image, Labels, Layer, Points

import napari_medai as medai
from napari_medai import Geometry, MedAIError, MedicalImage
from napari_medai.core.landmarks import Landmarks
from napari_medai.core.operation import IntensityImage, operation
from napari_medai.gui.layers import image_of, layers_from_image

NOTEBOOK = Path(__file__).parents[2] / "docs" / "notebook.ipynb"
GRID = Geometry.from_spacing((6, 16, 20), (3.0, 1.0, 1.0), (5.0, -7.0, 11.0))
SCAN = MedicalImage(
    np.random.default_rng(0).normal(100, 20, GRID.shape).astype("float32"), "zyx", GRID, name="scan"
)


def layer_of(image):
    return Layer.create(*layers_from_image(image)[0])


@operation(group="tests", title="Brightest")
def brightest(image: IntensityImage) -> Landmarks:
    """Mark the brightest voxel.

    Parameters
    ----------
    image : MedicalImage
        The image.
    """
    where = np.unravel_index(np.argmax(image.array), image.array.shape)
    return Landmarks(("top",), image.geometry.index_to_world(np.array([where], dtype=float)))


def test_a_layer_in_gives_a_layer_of_the_same_voxels_place_and_history():
    given = layer_of(SCAN)
    shown = medai.preprocess.smooth_gaussian(given, sigma_mm=2.0)
    called = medai.preprocess.smooth_gaussian(SCAN, sigma_mm=2.0)
    assert isinstance(shown, Image)
    assert shown.name == "scan · Gaussian smoothing"
    back = image_of(shown)
    np.testing.assert_array_equal(back.array, called.array)
    assert back.geometry.is_close(SCAN.geometry)
    assert [step.operation for step in back.history] == ["smooth_gaussian"]
    assert back.history[0].inputs == called.history[0].inputs


def test_labels_and_points_come_as_their_layers_and_tables_as_tables():
    given = layer_of(SCAN)
    labels = medai.segment.threshold_otsu(given)
    assert isinstance(labels, Labels)
    assert isinstance(brightest(given), Points)
    table = medai.measure.measure_regions(given, labels, shape=False)
    expected = medai.measure.measure_regions(SCAN, medai.segment.threshold_otsu(SCAN), shape=False)
    assert table.equals(expected)


def test_images_and_layers_may_be_mixed_and_the_first_decides():
    labels = medai.segment.threshold_otsu(SCAN)
    assert isinstance(medai.preprocess.correct_bias_field(layer_of(SCAN), labels), Image)
    assert isinstance(medai.preprocess.correct_bias_field(SCAN, layer_of(labels)), MedicalImage)


def test_several_layers_are_taken_by_an_operation_on_many():
    pair = (layer_of(SCAN), layer_of(SCAN.replace(name="b")))
    shown = medai.register.average_images(pair)
    called = medai.register.average_images([SCAN, SCAN.replace(name="b")])
    first = (
        shown if isinstance(shown, Layer) else next(v for v in vars(shown).values() if isinstance(v, Layer))
    )
    image = (
        called
        if isinstance(called, MedicalImage)
        else next(v for v in vars(called).values() if isinstance(v, MedicalImage))
    )
    np.testing.assert_array_equal(image_of(first).array, image.array)


def test_the_wrong_kind_of_layer_is_refused_as_ever():
    with pytest.raises(MedAIError, match="labels"):
        medai.segment.threshold_otsu(layer_of(medai.segment.threshold_otsu(SCAN)))
    with pytest.raises(MedAIError, match="Landmarks"):
        medai.preprocess.smooth_gaussian(Points(np.zeros((1, 3)), units=("mm",) * 3))


def test_an_array_is_no_layer():
    with pytest.raises(MedAIError, match="found ndarray"):
        medai.preprocess.smooth_gaussian(SCAN.array)


def test_images_need_no_viewer():
    code = (
        "import sys, numpy as np, napari_medai as m; g = m.Geometry.from_spacing((4, 4), (1, 1));"
        "m.preprocess.smooth_gaussian(m.MedicalImage(np.eye(4), 'yx', g));"
        "print([n for n in sys.modules if n.split('.')[0] in ('napari', 'qtpy') or n == 'napari_medai.gui'])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert found.stdout.strip() == "[]", found.stderr


def test_the_notebook_runs_from_top_to_bottom():
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    names: dict = {}
    for cell in cells:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            exec(compile("".join(cell["source"]), f"{NOTEBOOK.name}#{cell['id']}", "exec"), names)
    assert isinstance(names["bright_layer"], Labels)
