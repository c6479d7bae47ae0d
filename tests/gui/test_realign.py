"""Labels of another grid: the refusal comes with a button that mends it."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from napari.layers import Layer

from napari_medai import Geometry, MedicalImage
from napari_medai.core.errors import GridError
from napari_medai.gui.layers import image_of, layers_from_image
from napari_medai.gui.widgets import MeasurePanel

GRID = Geometry.from_spacing((6, 20, 24), (3.0, 1.0, 1.0))
COARSE = Geometry.from_spacing((6, 10, 12), (3.0, 2.0, 2.0), (0.5, 0.5, 0.0))


@pytest.fixture
def panel(make_napari_viewer):
    viewer = make_napari_viewer()
    labels = np.zeros(COARSE.shape, np.uint8)
    labels[2:4, 3:6, 4:8] = 7
    ramp = np.arange(np.prod(GRID.shape), dtype=np.float32).reshape(GRID.shape)
    for image in (
        MedicalImage(ramp, "zyx", GRID, name="scan"),
        MedicalImage(labels, "zyx", COARSE, kind="labels", name="organ"),
    ):
        viewer.add_layer(Layer.create(*layers_from_image(image)[0]))
    panel = MeasurePanel(viewer)
    viewer.window.add_dock_widget(panel, name="Measure")
    panel.choose("measure_regions")
    return panel


def run(qtbot, panel, button):
    with qtbot.waitSignal(panel.runner.finished, timeout=60_000):
        button.click()


def test_one_click_brings_the_labels_onto_the_image_and_the_next_measures_them(qtbot, panel):
    assert panel.realign_button.isHidden()
    run(qtbot, panel, panel.run_button)
    assert not panel.realign_button.isHidden()
    assert panel.realign_button.text() == "Resample organ onto scan"
    run(qtbot, panel, panel.realign_button)
    chosen = next(layer for layer in panel.form.layers().values() if layer.name.startswith("organ"))
    made = image_of(chosen)
    assert made.geometry.is_close(GRID)
    assert (made.array == 7).sum() == 2 * 6 * 8
    assert panel.realign_button.isHidden()
    run(qtbot, panel, panel.run_button)
    assert "table" in panel.status.text()


def test_another_operation_takes_the_offer_away(qtbot, panel):
    run(qtbot, panel, panel.run_button)
    panel.choose("measure_radiomics")
    assert panel.realign_button.isHidden()


def test_the_refusal_travels_between_processes_with_both_grids():
    error = GridError("No.", "Resample.", wanted=GRID, found=COARSE)
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.wanted, again.found) == ("No. Resample.", GRID, COARSE)
