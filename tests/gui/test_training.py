"""Painted slices become a model by clicks: plan, train, pause, end, go on, cancel."""

from __future__ import annotations

import numpy as np
import pytest
from made_images import noisy

from napari_medai import Geometry, MedicalImage
from napari_medai.gui.layers import image_of, layers_from_image
from napari_medai.gui.training.panel import FineTunePanel
from napari_medai.models.folder import load_folder
from napari_medai.segment import predict_labels

SHAPE, SPACING = (12, 24, 24), (2.0, 1.0, 1.0)


def balls(seed):
    """Two kinds of bright balls in noise, and which voxel belongs to which."""
    rng = np.random.default_rng(seed)
    truth = np.zeros(SHAPE, np.uint8)
    places = np.indices(SHAPE) * np.reshape(SPACING, (3, 1, 1, 1))
    for value, radius in ((1, 7.0), (2, 5.0)):
        x = 7.5 if value == 1 else 18.5
        centre = rng.uniform((10, 8, x - 1), (14, 16, x + 1))
        truth[((places - centre.reshape(3, 1, 1, 1)) ** 2).sum(axis=0) < radius**2] = value
    grey = np.array([0.0, 200.0, 400.0])[truth] + rng.normal(0, 40, SHAPE)
    geometry = Geometry.from_spacing(SHAPE, SPACING)
    image = MedicalImage(grey.astype(np.float32), "zyx", geometry, name=f"scan {seed}")
    return image, MedicalImage(truth, "zyx", geometry, "labels", name=f"truth {seed}")


@pytest.fixture
def panel(make_napari_viewer, tmp_path):
    """The panel as the menu opens it, with one scan of which two slices are painted."""
    from napari.layers import Layer

    viewer = make_napari_viewer()
    image, truth = balls(0)
    paint = np.zeros(SHAPE, np.uint8)
    for z in (4, 7):
        paint[z] = truth.array[z]
    for made in (image, truth.replace(array=paint, name="paint")):
        viewer.add_layer(Layer.create(*layers_from_image(made)[0]))
    _, panel = viewer.window.add_plugin_dock_widget("napari-medai", "Fine-tune")
    assert isinstance(panel, FineTunePanel)
    panel.add_button.click()
    panel.unpainted.setCurrentIndex(1)
    panel.folder.line.setText(str(tmp_path))
    panel.name.setText("balls")
    panel.minutes.setValue(0.4)
    return panel


def finished(qtbot, panel, seconds=90):
    qtbot.waitUntil(lambda: not panel.runner.running, timeout=seconds * 1000)


def planned(qtbot, panel):
    """Press Plan."""
    panel.plan_button.click()
    finished(qtbot, panel)
    assert "GB a step" in panel.estimate.text(), panel.status.text()
    assert "name: balls" in panel.plan.toPlainText()


def edit_plan(panel, old, new):
    text = panel.plan.toPlainText()
    assert old in text
    panel.plan.setPlainText(text.replace(old, new))


def test_two_painted_slices_become_a_model_that_labels_the_rest(panel, qtbot, tmp_path):
    planned(qtbot, panel)
    edit_plan(panel, "minutes: 0.4, ", "")  # as many steps on a slow machine as on a fast one
    edit_plan(panel, "epochs: 1000", "epochs: 120")
    panel.run_button.click()
    assert panel.run_button.text() == "Cancel"
    finished(qtbot, panel, 240)
    assert panel.status.text().startswith("Model balls is ready"), panel.status.text()
    assert len(panel.loss.values) >= 2
    assert panel.loss.values[-1] < panel.loss.values[0]
    assert not any("preview" in layer.name for layer in panel.viewer.layers)
    model = load_folder(tmp_path / "balls")
    for seed in (0, 5):
        image, truth = balls(seed)
        found = predict_labels(image, model, device="cpu").array
        for value in (1, 2):
            both = np.sum((found == value) & (truth.array == value))
            assert 2 * both / (np.sum(found == value) + np.sum(truth.array == value)) >= 0.9


def test_pause_waits_and_end_now_makes_a_model(panel, qtbot, tmp_path):
    panel.minutes.setValue(5)
    panel.run_button.click()
    qtbot.waitUntil(lambda: len(panel.loss.values) >= 1, timeout=90_000)
    panel.pause_button.click()
    qtbot.waitUntil(lambda: panel.status.text().startswith("Paused"), timeout=30_000)
    before = len(panel.course.epochs)
    qtbot.wait(1000)
    assert len(panel.course.epochs) == before
    panel.finish_button.click()
    finished(qtbot, panel)
    assert (tmp_path / "balls" / "model.json").is_file(), panel.status.text()
    panel.predict_button.click()
    segment = next(w for w in panel.viewer.window.dock_widgets.values() if type(w).__name__ == "SegmentPanel")
    assert segment.operation.name == "predict_labels"
    assert segment.form.values()["model"] == str(tmp_path / "balls")


def test_cancel_leaves_no_model_and_train_goes_on_where_it_stopped(panel, qtbot, tmp_path):
    planned(qtbot, panel)
    panel.run_button.click()
    qtbot.waitUntil(lambda: len(panel.loss.values) >= 1, timeout=90_000)
    panel.run_button.click()
    finished(qtbot, panel, 10)
    assert "Cancelled" in panel.status.text()
    assert not (tmp_path / "balls").exists()
    stopped = len(panel.course.epochs)
    panel.run_button.click()
    qtbot.waitUntil(lambda: len(panel.course.epochs) >= 1, timeout=90_000)
    assert panel.course.epochs[0].number in (stopped, stopped + 1)
    panel.finish_button.click()
    finished(qtbot, panel)
    assert (tmp_path / "balls" / "model.json").is_file()


def test_what_is_missing_is_said(panel, qtbot):
    from napari.utils.notifications import notification_manager

    panel.folder.line.clear()
    panel.run_button.click()
    assert "No folder" in panel.status.text()
    panel.pairs.selectAll()
    panel.remove_button.click()
    panel.run_button.click()
    assert "No cases" in panel.status.text()
    notification_manager.records.clear()


def test_a_name_that_is_taken_is_refused(panel, qtbot, tmp_path):
    from napari.utils.notifications import notification_manager

    (tmp_path / "balls").mkdir()
    panel.run_button.click()
    finished(qtbot, panel)
    assert "There is a model balls" in panel.status.text()
    notification_manager.records.clear()


def test_a_removed_layer_takes_its_case_along(panel):
    panel.viewer.layers.remove(panel.viewer.layers["paint"])
    assert panel.pairs.rowCount() == 0
    assert panel.labels.count() == 0


def test_the_least_sure_image_is_chosen(panel, qtbot):
    from napari.layers import Layer
    from small_models import random_model

    from napari_medai.models.folder import save_folder
    from napari_medai.train.ranking import rank_by_uncertainty

    model = save_folder(random_model(tile=[16, 16, 16]), panel.wish().model_folder)
    other = noisy(SHAPE, "zyx").replace(name="other")
    panel.viewer.add_layer(Layer.create(*layers_from_image(other)[0]))
    order = rank_by_uncertainty([balls(0)[0], other], model)
    assert 1 >= order[0][1] > order[1][1] >= 0
    panel.start.setCurrentText(str(panel.wish().model_folder))
    panel.rank_button.click()
    finished(qtbot, panel)
    assert panel.image.currentText() == ("scan 0", "other")[order[0][0]], panel.status.text()
    assert image_of(panel.image.currentData()).name == panel.image.currentText()
