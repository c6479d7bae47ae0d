"""The panel of segmentation: what a model takes, its channels, the visible part, volumes."""

import numpy as np
import pytest
from napari.layers import Layer
from small_models import random_model

from napari_medai import Geometry, MedAIError, MedicalImage
from napari_medai.gui.boxes import boxes_from_layer
from napari_medai.gui.layers import image_of, layers_from_image
from napari_medai.gui.segmentation.forecast import forecast, stand_in
from napari_medai.gui.segmentation.visible import visible_box
from napari_medai.gui.volumes import volume_table
from napari_medai.gui.widgets import SegmentPanel
from napari_medai.models import choice_store, save_folder
from napari_medai.models.channels import joined_channels
from napari_medai.models.engine import How
from napari_medai.models.estimate import estimate
from napari_medai.models.kept import release_prepared
from napari_medai.models.pace import keep_pace
from napari_medai.models.pipeline import segment_image
from napari_medai.segment import predict_labels

GRID = Geometry.from_spacing((8, 20, 24), (3.0, 1.0, 1.0), (-10.0, 5.0, 40.0))


def shown(name, seed=0, geometry=GRID, **changes):
    array = np.random.default_rng(seed).normal(size=geometry.shape).astype(np.float32)
    image = MedicalImage(array, "zyx", geometry, name=name, **changes)
    return Layer.create(*layers_from_image(image)[0])


@pytest.fixture(autouse=True)
def _own_probes(tmp_path, monkeypatch):
    monkeypatch.setenv(choice_store.VARIABLE, str(tmp_path / "probes.json"))


@pytest.fixture
def two_channels(tmp_path):
    """A model of two channels, and its folder."""
    model = random_model(tile=[16, 16, 16], channels=["FLAIR", "T1c"])
    return save_folder(model, tmp_path / "two"), str(tmp_path / "two")


@pytest.fixture
def panel(make_napari_viewer, qtbot):
    viewer = make_napari_viewer()
    viewer.add_layer(shown("one", 1))
    viewer.add_layer(shown("two", 2))
    panel = SegmentPanel(viewer)
    viewer.window.add_dock_widget(panel)
    panel.form.pickers["image"].choose(viewer.layers["one"])
    return panel


def test_a_stand_in_has_the_size_and_place_and_no_memory():
    layer = shown("one")
    image = stand_in(layer)
    assert image.geometry == image_of(layer).geometry
    assert not any(image.array.strides)
    assert stand_in(layer, 2).axes == "czyx"


def test_what_a_model_takes_stands_there_before_it_runs(panel, qtbot):
    panel.form.fields["model"].set("phantom-3d")
    panel.show_forecast()
    from napari_medai.models.folder import read_spec
    from napari_medai.models.store import model_folders

    spec = read_spec(model_folders()["phantom-3d"] / "model.json")
    expected = estimate(spec, image_of(panel.viewer.layers["one"]), How(quality="balanced"))
    assert panel.forecast.text() == f"Will take {expected}"
    keep_pace(spec, "balanced", 1, 40.0)
    panel.show_forecast()
    assert panel.forecast.text().endswith(f"about {40 * expected.windows} s by the last run")
    panel.form.fields["model"].set("vessels-2d")
    panel.show_forecast()
    assert "is 2-D" in panel.forecast.text()
    panel.choose("threshold_otsu")
    assert panel.forecast.isHidden()


def test_the_forecast_follows_what_is_chosen(panel, qtbot):
    panel.form.fields["model"].set("phantom-3d")
    qtbot.waitUntil(lambda: "window" in panel.forecast.text(), timeout=20_000)
    panel.form.fields["model"].set("lesion-2d")
    qtbot.waitUntil(lambda: "is 2-D" in panel.forecast.text(), timeout=20_000)


def test_nothing_is_said_without_an_image_or_a_model():
    assert forecast(None, [], "phantom-3d", "fast", 0.5) == ""
    assert forecast(shown("one"), [], "no such model", "fast", 0.5) == ""


def test_each_channel_of_a_model_gets_a_layer(panel, two_channels, qtbot):
    channels = panel.form.pickers["channels"]
    assert channels.isHidden()
    model, folder = two_channels
    panel.form.fields["model"].set(folder)
    assert channels.names == ("T1c",)
    panel.show_forecast()
    assert "needs 2 channel" in panel.forecast.text()
    channels.lists[0].choose(panel.viewer.layers["two"])
    panel.show_forecast()
    assert "window" in panel.forecast.text()
    with qtbot.waitSignal(panel.runner.finished, timeout=120_000):
        panel.run()
    names = [layer.name for layer in panel.viewer.layers]
    assert names == ["one", "two", "one · Segment with a trained model"], "no channel hides the labels"
    labels = image_of(panel.viewer.layers["one · Segment with a trained model"])
    both = joined_channels(image_of(panel.viewer.layers["one"]), [image_of(panel.viewer.layers["two"])])
    np.testing.assert_array_equal(labels.array, segment_image(model, both).array)
    table = panel.viewer.window.dock_widgets["Table"].current
    assert "volumes" in table.title


def test_only_what_is_visible_is_labelled(panel, tmp_path, qtbot):
    viewer = panel.viewer
    layer = viewer.layers["one"]
    model = save_folder(random_model(tile=[16, 16, 16]), tmp_path / "single")
    panel.form.fields["model"].set(str(tmp_path / "single"))
    layer.corner_pixels = np.array([[0, 4, 6], [0, 11, 30]])  # as the canvas sets it when it draws
    panel.take_visible()
    box = viewer.layers["visible box"]
    assert panel.form.pickers["boxes"].layer() is box
    data, state, _ = box.as_layer_data_tuple()
    boxes = boxes_from_layer(data, state)
    corners = image_of(layer).geometry.index_to_world([(0, 4, 6), (7, 11, 23)])
    np.testing.assert_allclose(boxes.lower[0], corners.min(axis=0))
    np.testing.assert_allclose(boxes.upper[0], corners.max(axis=0))
    with qtbot.waitSignal(panel.runner.finished, timeout=120_000):
        panel.run()
    labels = image_of(viewer.layers["one · Segment with a trained model"]).array
    expected = segment_image(model, image_of(layer), boxes=boxes).array
    np.testing.assert_array_equal(labels, expected)
    assert expected[:, 4:12, 6:].any()
    assert not expected[:, 12:].any()
    assert not expected[:, :, :6].any()


def test_what_is_visible_is_no_box_in_a_rendering_or_out_of_sight(panel):
    layer = panel.viewer.layers["one"]
    layer.corner_pixels = np.zeros((2, 3), int)
    with pytest.raises(MedAIError, match="shows nothing"):
        visible_box(panel.viewer, layer)
    panel.viewer.dims.ndisplay = 3
    with pytest.raises(MedAIError, match="2-D view"):
        visible_box(panel.viewer, layer)


def test_volumes_are_voxels_times_their_size():
    array = np.zeros((4, 5, 6), np.uint8)
    array[0, :2] = 1
    array[3] = 3
    grid = Geometry.from_spacing(array.shape, (5, 2, 2))
    labels = MedicalImage(array, "zyx", grid, "labels", meta={"labels": {"1": "liver", "2": "spleen"}})
    table = volume_table(labels)
    assert table["name"].tolist() == ["liver", "spleen", "label 3"]
    assert table["voxels"].tolist() == [12, 0, 30]
    assert table["volume_ml"].tolist() == [0.24, 0.0, 0.6]


def test_a_layer_is_prepared_once_and_again_when_it_was_painted_over(tmp_path):
    recipe = [{"operation": "normalize_zscore", "arguments": {}}]
    model = random_model(tile=[16, 16, 16], intensity=recipe)
    save_folder(model, tmp_path / "one")
    layer, ways = shown("one"), (str(tmp_path / "one"), "balanced", 0.5)
    layer.data = np.array(layer.data)
    release_prepared()
    assert "earlier run" not in forecast(layer, [], *ways)
    labels = []
    for brighter in (0, 0, 5):
        layer.data[2:5] += brighter
        heard = []
        done = predict_labels(image_of(layer), model, device="cpu", progress=heard.append)
        labels.append((done.array, any("Prepared before" in step.message for step in heard)))
    assert [before for _, before in labels] == [False, True, False]
    assert (labels[0][0] == labels[1][0]).all()
    assert (labels[1][0] != labels[2][0]).any()
    assert "prepared in an earlier run" in forecast(layer, [], *ways)
    release_prepared()
