"""``predict_labels`` on any grid, and what it refuses."""

import json
import subprocess
import sys

import numpy as np
import pytest
from grids import ORIENTATIONS
from small_models import noise_image, random_model, threshold_model

import napari_medai as medai
from napari_medai import Cancelled, Geometry, MedAIError, MedicalImage
from napari_medai.models import save_folder
from napari_medai.segment import predict_labels


def ball(geometry, centre=(10.0, -5.0, 20.0), radius=18.0):
    """Distance inside a ball in world mm, positive within it: smooth, so that resampling is harmless."""
    index = np.moveaxis(np.indices(geometry.shape), 0, -1)
    distance = np.linalg.norm(geometry.index_to_world(index) - np.array(centre), axis=-1)
    return MedicalImage((radius - distance).astype(np.float32), "zyx", geometry, name="ball")


def centred_grid(direction, spacing, extent=60.0, centre=(10.0, -5.0, 20.0)):
    """A cube of ``extent`` mm around ``centre`` with any direction and spacing."""
    shape = tuple(int(np.ceil(extent / s)) for s in spacing)
    affine = np.eye(4)
    affine[:3, :3] = direction * np.array(spacing)
    affine[:3, 3] = np.array(centre) - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return Geometry(shape, affine)


def dice(a, b):
    return 2 * np.sum(a & b) / (a.sum() + b.sum())


@pytest.mark.parametrize("k", range(0, 48, 5))
def test_labels_lie_on_the_grid_of_the_image_whatever_its_orientation(k):
    image = ball(centred_grid(ORIENTATIONS[k], (4.0, 2.5, 3.0)))
    labels = predict_labels(image, threshold_model(0.0))
    assert labels.kind == "labels"
    assert labels.geometry == image.geometry
    np.testing.assert_array_equal(labels.array, image.array > 0)


@pytest.mark.parametrize("spacing", [(2.0, 2.0, 2.0), (5.0, 1.5, 1.5), (1.2, 3.0, 4.5)], ids=str)
def test_labels_are_right_whatever_the_spacing(spacing):
    image = ball(centred_grid(ORIENTATIONS[7], spacing))
    labels = predict_labels(image, threshold_model(0.0, spacing=[3.0, 3.0, 3.0]))
    assert labels.geometry == image.geometry
    # one voxel of the coarser grid is a sixth of the radius; linear weights place the edge well within it
    assert dice(labels.array > 0, image.array > 0) > 0.97


def test_a_real_network_gives_the_same_labels_for_a_reoriented_image():
    model = random_model(tile=[16, 16, 16])
    image = noise_image((20, 18, 25), (1, 1, 1))
    turn = Geometry.from_spacing((20, 18, 25)).permuted((2, 0, 1)).flipped((0, 2)).nearest_axes().inverse
    turned = image.reoriented(turn)
    assert turned.array.shape != image.array.shape
    expected = predict_labels(image, model)
    labels = predict_labels(turned, model)
    np.testing.assert_array_equal(labels.array, turn.apply(expected.array))
    assert 0 < labels.array.mean() < 1


def test_colour_samples_are_the_channels_and_pixels_need_no_spacing():
    array = np.random.default_rng(0).integers(0, 255, (40, 30, 3), dtype=np.uint8)
    image = MedicalImage(array, "yxs", Geometry.from_spacing((40, 30)))
    labels = predict_labels(image, threshold_model(127.5, ndim=2, channels=("red", "green", "blue")))
    assert labels.axes == "yx"
    assert labels.geometry.unit == "pixel"
    np.testing.assert_array_equal(labels.array, array[..., 0] > 127.5)


def test_transparency_is_no_channel():
    array = np.random.default_rng(0).integers(0, 255, (20, 30, 4), dtype=np.uint8)
    image = MedicalImage(array, "yxs", Geometry.from_spacing((20, 30)))
    model = threshold_model(127.5, ndim=2, channels=("red", "green", "blue"))
    np.testing.assert_array_equal(predict_labels(image, model).array, array[..., 0] > 127.5)


def test_time_points_are_labelled_one_by_one():
    image = noise_image((3, 2, 10, 12, 9), (2, 1, 1), axes="tczyx")
    labels = predict_labels(image, threshold_model(0.0, channels=("a", "b")))
    assert labels.axes == "tzyx"
    np.testing.assert_array_equal(labels.array, image.array[:, 0] > 0)


def test_label_names_go_with_the_labels():
    labels = predict_labels(noise_image(), random_model())
    assert labels.meta["labels"] == {"1": "thing"}


@pytest.mark.parametrize(
    ("image", "changes", "said"),
    [
        (noise_image((8, 9, 10)), {}, "is 2-D; the image is 3-D"),
        (noise_image(), {"channels": ["a", "b"]}, "needs 2 channel(s): a, b; the image has 1"),
        (noise_image((2, 20, 30), axes="cyx"), {}, "needs 1 channel(s)"),
        (noise_image(), {"spacing": [1.0, 1.0]}, "voxel size is unknown"),
    ],
    ids=["dimensions", "few channels", "many channels", "unknown spacing"],
)
def test_an_image_that_does_not_fit_is_refused(image, changes, said):
    with pytest.raises(MedAIError) as caught:
        predict_labels(image, random_model(**changes))
    assert said in str(caught.value)


def test_voxels_that_are_no_numbers_are_refused():
    image = noise_image()
    array = image.array.copy()
    array[3, 4] = np.nan
    with pytest.raises(MedAIError, match="1 NaN or infinite voxels"):
        predict_labels(image.with_array(array), random_model())


def test_the_first_report_can_cancel():
    def cancel(step):
        raise Cancelled

    with pytest.raises(Cancelled):
        predict_labels(noise_image(), random_model(), progress=cancel)


def test_progress_grows_to_one():
    heard = []
    image = noise_image((2, 20, 22, 24), (1, 1, 1), axes="tzyx")
    model = random_model(tile=[16, 16, 16], spacing=[1.5, 1.5, 1.5])
    predict_labels(image, model, progress=lambda step: heard.append(step.fraction))
    assert heard == sorted(heard)
    assert heard[0] == 0
    assert heard[-1] == 1


def test_history_names_the_model_and_no_path_and_replays(tmp_path, monkeypatch):
    save_folder(random_model(), tmp_path / "tiny")
    image = noise_image()
    labels = predict_labels(image, tmp_path / "tiny", overlap=0.25)
    (record,) = labels.history
    assert record.parameters["model"].startswith("tiny@1.2.3#")
    assert record.device == "cpu"
    assert str(tmp_path) not in json.dumps(record.to_json())
    monkeypatch.setenv("NAPARI_MEDAI_MODELS", str(tmp_path))
    np.testing.assert_array_equal(medai.replay(labels.history, [image]).array, labels.array)


def test_without_torch_the_error_says_what_to_install(monkeypatch):
    from importlib import util

    real = util.find_spec
    monkeypatch.setattr(util, "find_spec", lambda name, *rest: None if name == "torch" else real(name, *rest))
    with pytest.raises(MedAIError, match="pip install torch"):
        predict_labels(noise_image(), "vessels-2d")


def test_naming_the_operation_loads_no_torch():
    code = (
        "import sys, napari_medai as m; m.segment.predict_labels; m.models.list_models(); m.operations();"
        "loaded = {'torch', 'monai', 'napari', 'qtpy'} & set(sys.modules); assert not loaded, loaded"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
