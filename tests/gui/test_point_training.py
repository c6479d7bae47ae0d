"""Points placed by hand become a landmark model by clicks: cases, plan, train, pause, stop, go on, use."""

from __future__ import annotations

import numpy as np
import pytest
from dot_pictures import NAMES, draw_dots, write_dots

from napari_medai import Geometry, Landmarks, MedicalImage
from napari_medai.gui.layers import layers_from_image
from napari_medai.gui.points import layer_from_landmarks
from napari_medai.gui.training.course import Course
from napari_medai.gui.training.face import TASKS
from napari_medai.gui.training.points import POINTS
from napari_medai.models.folder import load_folder
from napari_medai.train.points import fit as point_fit

TINY = (
    ("coarse_widths: [32, 64, 96, 128, 160]", "coarse_widths: [8, 16]"),
    ("fine_widths: [32, 64, 96, 128]", "fine_widths: [8, 16]"),
    ("window: [64, 64]", "window: [16, 16]"),
    ("coarse_batch: 8", "coarse_batch: 2"),
    ("fine_batch: 24", "fine_batch: 4"),
    ("configuration: true", "configuration: false"),
    ("minutes: 0.4\n", ""),
)


@pytest.fixture
def panel(make_napari_viewer, tmp_path):
    """The panel set to points, with one marked picture open and three more in a folder with a table."""
    from napari.layers import Layer

    viewer = make_napari_viewer()
    array, places = draw_dots(0)
    grid = Geometry.from_spacing(array.shape, (0.5, 0.5))
    image = MedicalImage(array, "yx", grid, name="picture")
    points = Landmarks(NAMES, 0.5 * places, name="marks")
    for layer in (*layers_from_image(image), layer_from_landmarks(points)):
        viewer.add_layer(Layer.create(*layer))
    _, panel = viewer.window.add_plugin_dock_widget("napari-medai", "Fine-tune")
    panel.task_box.setCurrentIndex(list(TASKS.values()).index(POINTS))
    panel.add_button.click()
    panel.place.line.setText(str(write_dots(tmp_path / "dots", 3, size=0.5) / "points.csv"))
    panel.folder.line.setText(str(tmp_path))
    panel.name.setText("dots-model")
    panel.minutes.setValue(0.4)
    return panel


def finished(qtbot, panel, seconds=120):
    qtbot.waitUntil(lambda: not panel.runner.running, timeout=seconds * 1000)


def tiny_plan(qtbot, panel, steps):
    """Press Plan, and make the plan small in its text."""
    panel.plan_button.click()
    finished(qtbot, panel)
    text = panel.plan.toPlainText()
    for old, new in (*TINY, ("_steps: 2000", f"_steps: {steps}")):
        assert old in text, panel.status.text()
        text = text.replace(old, new)
    panel.plan.setPlainText(text)


def test_the_panel_asks_for_what_points_need(panel):
    assert panel.labels.currentText() == "marks"
    assert panel.pairs.rowCount() == 1
    assert panel.pairs.horizontalHeaderItem(1).text() == "Points"
    assert panel.missing.isVisibleTo(panel)
    assert not panel.unpainted.isVisibleTo(panel)
    offered = [panel.start.itemText(k) for k in range(panel.start.count())]
    assert "ceph-phantom" in offered
    assert "vessels-2d" not in offered
    panel.task_box.setCurrentIndex(0)
    assert panel.pairs.rowCount() == 0
    assert not panel.missing.isVisibleTo(panel)


def test_the_image_whose_points_are_least_sure_is_chosen(panel, qtbot):
    from napari.layers import Layer

    from napari_medai.phantoms.ceph import cephalogram

    plain = cephalogram(3, (134, 120), (1.5, 1.5)).image
    noise = np.random.default_rng(0).normal(0, 0.4, plain.array.shape)
    noisy = plain.with_array((np.asarray(plain.array) + noise).astype(np.float32))
    panel.viewer.layers.clear()
    for name, image in (("noisy", noisy), ("plain", plain)):
        panel.viewer.add_layer(Layer.create(*layers_from_image(image.replace(name=name))[0]))
    panel.start.setCurrentText("ceph-phantom")
    assert panel.rank_button.isVisibleTo(panel)
    panel.rank_button.click()
    finished(qtbot, panel)
    assert panel.image.currentText() == "noisy", panel.status.text()
    assert "Do noisy next" in panel.status.text()


def test_marked_pictures_become_a_model_that_the_landmarks_panel_uses(panel, qtbot, tmp_path):
    tiny_plan(qtbot, panel, 6)
    assert "3 points" in panel.estimate.text()
    panel.run_button.click()
    panel.pause_button.click()  # before the worker's first report: it waits there
    qtbot.waitUntil(lambda: panel.status.text().startswith("Paused"), timeout=30_000)
    assert panel.course.epochs == []
    panel.pause_button.click()
    finished(qtbot, panel)
    assert panel.status.text().startswith("Model dots-model is ready, mean error"), panel.status.text()
    assert [e.number for e in panel.course.epochs] == [1, 1]  # one network sees the whole, one windows
    assert len(panel.loss.values) == len(panel.score.values) == 1
    model = load_folder(tmp_path / "dots-model")
    assert model.spec.outputs.points == NAMES
    assert model.spec.points.unit == "mm"
    assert panel.predict_button.isVisibleTo(panel)
    panel.predict_button.click()
    docks = panel.viewer.window.dock_widgets.values()
    landmarks = next(w for w in docks if type(w).__name__ == "LandmarksPanel")
    assert landmarks.operation.name == "detect_landmarks"
    assert landmarks.form.values()["model"] == str(tmp_path / "dots-model")
    panel.continue_button.click()
    assert panel.name.text() == "dots-model-2"
    assert panel.start.currentText() == str(tmp_path / "dots-model")
    panel.run_button.click()
    finished(qtbot, panel)


def test_stopped_it_goes_on_where_it_was_and_ends_when_asked(panel, qtbot, tmp_path, monkeypatch):
    take = Course.take

    def take_and_pause(course, epoch, network):
        course.paused = not course.epochs
        take(course, epoch)

    monkeypatch.setattr(Course, "take", take_and_pause)
    monkeypatch.setattr(point_fit, "STEPS_IN_EPOCH", 3)
    tiny_plan(qtbot, panel, 6)
    panel.run_button.click()
    qtbot.waitUntil(lambda: panel.status.text().startswith("Paused"), timeout=60_000)
    assert [e.number for e in panel.course.epochs] == [1]
    panel.run_button.click()
    finished(qtbot, panel)
    assert "Cancelled" in panel.status.text()
    assert not (tmp_path / "dots-model").exists()
    panel.run_button.click()
    panel.finish_button.click()
    finished(qtbot, panel)
    assert [e.number for e in panel.course.epochs] == [2, 1]  # of two each; the first was there already
    assert (tmp_path / "dots-model" / "model.json").is_file(), panel.status.text()


def test_points_that_do_not_fit_are_refused_by_name(panel, qtbot):
    from napari.utils.notifications import notification_manager

    layer = panel.viewer.layers["marks"]
    layer.data = np.asarray(layer.data) + 1000
    panel.plan_button.click()
    finished(qtbot, panel)
    assert "lies outside the image" in panel.status.text()
    notification_manager.records.clear()
