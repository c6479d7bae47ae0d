"""Reading, writing and samples as napari asks for them."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from grids import ORIENTATIONS, geometries, make_geometry
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from napari.layers import Layer
from napari.utils.notifications import notification_manager

from napari_medai import Geometry, Landmarks, MedicalImage
from napari_medai.core.errors import MedAIError, WriteError
from napari_medai.gui.contributions import get_reader, load_sample, read_layers, write_labels, write_layers
from napari_medai.gui.layers import layers_from_image
from napari_medai.gui.points import layer_from_landmarks
from napari_medai.io.read import read
from napari_medai.io.write import write
from napari_medai.phantoms.samples import SAMPLES

# napari warns at every slice of an oblique layer that its 2-D view leaves the tilt out.
pytestmark = pytest.mark.filterwarnings("ignore:Non-orthogonal slicing:UserWarning")


@pytest.fixture
def said():
    """Everything said to the person while the test runs."""
    messages = []

    def listen(event):
        messages.append(event.message)

    notification_manager.notification_ready.connect(listen)
    yield messages
    notification_manager.notification_ready.disconnect(listen)


def through_layer(path, target, kind="labels"):
    """Read a file as napari does, make the layer, and write it as napari does."""
    from napari_medai.gui import contributions

    ((data, state, layer_type),) = get_reader(str(path))(str(path))
    assert layer_type == kind
    layer = Layer.create(data, state, layer_type)
    data, state, _ = layer.as_layer_data_tuple()
    (written,) = getattr(contributions, f"write_{kind}")(str(target), data, state)
    return written


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd"])
@settings(deadline=None, max_examples=96, suppress_health_check=list(HealthCheck))
@given(grid=geometries(), seed=st.integers(0, 2**16))
def test_file_layer_file_keeps_place_and_labels(tmp_path, suffix, grid, seed):
    labels = np.random.default_rng(seed).integers(0, 300, grid.shape).astype("int16")
    first, second = tmp_path / f"first{suffix}", tmp_path / f"second{suffix}"
    write(MedicalImage(labels, "zyx", grid, "labels"), first)
    (back,) = read(through_layer(first, second))
    assert np.abs(back.geometry.corners() - grid.corners()).max() < 1e-3
    assert back.kind == "labels"
    assert np.array_equal(back.array, labels)


@pytest.mark.parametrize("orientation", ORIENTATIONS, ids=lambda o: str(o.astype(int).tolist()))
@pytest.mark.parametrize(
    ("spacing", "tilt"), [((1.0,) * 3, 0.0), ((3.0, 0.7, 1.2), 0.0), ((3.0, 0.7, 1.2), 17.0)]
)
def test_every_orientation_survives_a_layer(tmp_path, orientation, spacing, tilt):
    grid = make_geometry((3, 4, 5), orientation, spacing, (tilt, -tilt / 2, tilt / 3), (-40.0, 30.0, 700.0))
    labels = np.arange(60, dtype="uint8").reshape(3, 4, 5)
    write(MedicalImage(labels, "zyx", grid, "labels"), tmp_path / "a.nii.gz")
    (back,) = read(through_layer(tmp_path / "a.nii.gz", tmp_path / "b.nrrd"))
    assert np.abs(back.geometry.corners() - grid.corners()).max() < 1e-3
    assert np.array_equal(back.array, labels)


def test_flat_film_and_colour_images_survive_a_layer(tmp_path):
    grid = Geometry.from_spacing((4, 5), (0.5, 0.25))
    for axes, shape in (("yx", (4, 5)), ("yxs", (4, 5, 3))):
        image = MedicalImage(np.arange(np.prod(shape), dtype="uint8").reshape(shape), axes, grid)
        write(image, tmp_path / "a.nrrd")
        (back,) = read(through_layer(tmp_path / "a.nrrd", tmp_path / "b.nrrd", "image"))
        assert back.axes == axes
        assert np.array_equal(back.array, image.array)
        assert np.allclose(back.geometry.spacing, (0.5, 0.25))


@pytest.mark.parametrize("key", SAMPLES)
def test_sample_opens_from_the_menu_without_a_unit_warning(make_napari_viewer, caplog, said, key):
    viewer = make_napari_viewer(show=True)
    with caplog.at_level(logging.WARNING):
        viewer.open_sample("napari-medai", key)
        viewer.screenshot(canvas_only=True, flash=False)
    assert [str(u) for u in viewer.layers.units] == ["millimeter"] * viewer.dims.ndim
    assert viewer.dims.axis_labels == ("z", "y", "x")[-viewer.dims.ndim :]
    assert not [r for r in caplog.records if "unit" in r.getMessage().lower()]
    assert not [m for m in said if "unit" in m.lower()]
    assert len(said) == (1 if "oblique" in key else 0)
    assert len(viewer.layers) == len(SAMPLES[key].load())
    assert all(str(u) == "millimeter" for layer in viewer.layers for u in layer.units)


def test_oblique_sample_says_its_angle_once(said):
    layers = load_sample("ct-torso-oblique")
    (message,) = said
    assert "15.8°" in message
    assert message.count("oblique") == 1
    assert all("affine" in state for _, state, _ in layers)


def test_head_sample_names_its_landmarks():
    points = load_sample("mr-head")[-1]
    assert points[2] == "points"
    assert "nasion" in [name.lower() for name in points[1]["features"]["name"]]


def test_notices_of_a_file_are_one_notification(tmp_path, said):
    grid = Geometry.from_spacing((4, 5))
    write(MedicalImage(np.zeros((4, 5), "uint8"), "yx", grid), tmp_path / "a.png")
    read_layers(str(tmp_path / "a.png"))
    assert len(said) == 1
    assert "pixel" in said[0]


def test_foreign_files_and_folders_are_declined(tmp_path):
    (tmp_path / "notes.txt").write_text("not an image")
    (tmp_path / "empty").mkdir()
    assert get_reader(str(tmp_path / "notes.txt")) is None
    assert get_reader(str(tmp_path / "empty")) is None
    assert get_reader(str(tmp_path / "missing.txt")) is None


def test_a_text_file_that_claims_to_be_nifti_is_refused_with_its_name(tmp_path):
    path = tmp_path / "claims.nii"
    path.write_text("not an image")
    with pytest.raises(MedAIError, match=r"claims\.nii"):
        get_reader(str(path))(str(path))


def test_damaged_file_leaves_the_viewer_as_it_was(make_napari_viewer, tmp_path):
    viewer = make_napari_viewer()
    grid = Geometry.from_spacing((10, 20, 30), (1.0, 1.0, 1.0))
    rng = np.random.default_rng(0)
    write(MedicalImage(rng.integers(0, 999, grid.shape).astype("int16"), "zyx", grid), tmp_path / "a.nii.gz")
    whole = (tmp_path / "a.nii.gz").read_bytes()
    (tmp_path / "a.nii.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(MedAIError, match="cut short"):
        viewer.open(tmp_path / "a.nii.gz", plugin="napari-medai")
    assert len(viewer.layers) == 0


def test_file_opens_and_saves_from_the_viewer(make_napari_viewer, tmp_path):
    viewer = make_napari_viewer()
    grid = make_geometry((3, 4, 5), ORIENTATIONS[11], (2.0, 1.0, 1.0))
    write(MedicalImage(np.arange(60, dtype="int16").reshape(3, 4, 5), "zyx", grid), tmp_path / "a.nii.gz")
    viewer.open(tmp_path / "a.nii.gz", plugin="napari-medai")
    (saved,) = viewer.layers.save(str(tmp_path / "b.nii.gz"), plugin="napari-medai")
    (back,) = read(saved)
    assert back.geometry.is_close(grid)
    assert np.array_equal(back.array, np.arange(60).reshape(3, 4, 5))


def test_several_layers_are_saved_under_their_names(tmp_path):
    grid = Geometry.from_spacing((3, 4), (1.0, 1.0))
    image = MedicalImage(np.zeros((3, 4), "int16"), "yx", grid, name="ct")
    labels = MedicalImage(np.ones((3, 4), "uint8"), "yx", grid, "labels", name="ct · Otsu/threshold")
    both = [*layers_from_image(image), *layers_from_image(labels)]
    written = write_layers(str(tmp_path / "case.nii.gz"), both)
    assert written == [str(tmp_path / "case_ct.nii.gz"), str(tmp_path / "case_ct-Otsu_threshold.nii.gz")]
    assert read(written[1])[0].array.max() == 1
    with pytest.raises(WriteError, match="two layers of one name"):
        write_layers(str(tmp_path / "twice.nii.gz"), [both[0], both[0]])
    assert not list(tmp_path.glob("twice*"))


@pytest.mark.parametrize("suffix", [".csv", ".fcsv", ".mrk.json"])
def test_landmarks_are_saved_in_patient_coordinates_and_opened_again(make_napari_viewer, tmp_path, suffix):
    viewer = make_napari_viewer()
    given = Landmarks(("nasion", "inion"), [[1.5, -2.25, 3.0], [4.0, 5.0, 6.0]], name="head")
    viewer.add_layer(Layer.create(*layer_from_landmarks(given)))
    path = tmp_path / f"landmarks{suffix}"
    assert viewer.layers.save(str(path), plugin="napari-medai") == [str(path)]
    viewer.open(path, plugin="napari-medai")
    assert viewer.layers[1].data.tolist() == [[3.0, -2.25, 1.5], [6.0, 5.0, 4.0]]
    assert list(viewer.layers[1].features["name"]) == ["nasion", "inion"]


def test_a_table_that_states_no_frame_is_left_to_others(tmp_path):
    (tmp_path / "landmarks.csv").write_text("name,x,y,z\na,1,2,3\n")
    assert get_reader(str(tmp_path / "landmarks.csv")) is None


def test_a_format_that_cannot_hold_the_layer_writes_nothing(tmp_path):
    with pytest.raises(MedAIError):
        write_labels(str(tmp_path / "a.xyz"), np.zeros((3, 4), "uint8"), {})
    assert not list(tmp_path.iterdir())
