"""The history dock: what made a layer, once more with a change, and as a recipe for a script."""

from __future__ import annotations

import time

import numpy as np
import pytest
from napari.layers import Layer

from napari_medai import Geometry, MedicalImage, recipe
from napari_medai.core.operation import IntensityImage, operation
from napari_medai.core.progress import Progress, silent, track
from napari_medai.gui.history.panel import HistoryPanel
from napari_medai.gui.layers import image_of, layers_from_image
from napari_medai.gui.widgets import PreprocessPanel, SegmentPanel
from napari_medai.preprocess import smooth_gaussian
from napari_medai.segment import threshold_otsu

GRID = Geometry.from_spacing((8, 20, 24), (3.0, 1.0, 1.0))
RNG = np.random.default_rng(0)
SCAN = MedicalImage(
    (RNG.normal(0, 40, GRID.shape) + 300 * (np.indices(GRID.shape)[1] > 9)).astype("int16"),
    "zyx",
    GRID,
    name="scan",
)


@operation(group="tests", title="Slow copying")
def slow_copying(
    image: IntensityImage, *, seconds: float = 0.01, progress: Progress = silent
) -> MedicalImage:
    """Copy slowly.

    Parameters
    ----------
    image : MedicalImage
        The image.
    seconds : float
        How long.
    progress : Progress
        Hears a hundred reports.
    """
    for _ in track(range(100), progress, "Copying"):
        time.sleep(seconds / 100)
    return image.with_array(np.array(image.array))


def show(viewer, image):
    return viewer.add_layer(Layer.create(*layers_from_image(image)[0]))


@pytest.fixture
def viewer(make_napari_viewer):
    viewer = make_napari_viewer()
    show(viewer, SCAN)
    return viewer


@pytest.fixture
def dock(viewer):
    panel = HistoryPanel(viewer)
    viewer.window.add_dock_widget(panel, name="history")
    return panel


def listed(dock):
    return [dock.steps.item(i).text().rpartition(" · ")[0] for i in range(dock.steps.count())]


def click_through(qtbot, viewer, steps):
    for panel_type, name, options in steps:
        panel = panel_type(viewer)
        viewer.window.add_dock_widget(panel, name=name)
        panel.choose(name)
        panel.form.set_values(options)
        with qtbot.waitSignal(panel.runner.finished, timeout=60_000):
            panel.run_button.click()


def test_steps_of_the_selected_layer_are_told_with_their_settings(viewer, dock):
    show(viewer, threshold_otsu(smooth_gaussian(SCAN, sigma_mm=2.5)).replace(name="mask"))
    assert listed(dock) == ["1. Gaussian smoothing (sigma mm 2.5)", "2. Otsu threshold"]
    viewer.layers.selection.active = viewer.layers["scan"]
    assert listed(dock) == []
    assert not dock.run_button.isEnabled()
    assert not dock.save_button.isEnabled()


def test_dock_opened_from_the_menu_shows_the_selected_layer_at_once(viewer):
    """napari hands plugins the viewer and its layers in a wrapper."""
    show(viewer, smooth_gaussian(SCAN).replace(name="smooth"))
    _, opened = viewer.window.add_plugin_dock_widget("napari-medai", "History")
    assert listed(opened) == ["1. Gaussian smoothing"]


def test_a_step_is_run_again_with_another_setting(qtbot, viewer, dock):
    show(viewer, threshold_otsu(smooth_gaussian(SCAN, sigma_mm=2.5)).replace(name="mask"))
    dock.steps.setCurrentRow(0)
    dock.fields["sigma_mm"].set(4.0)
    with qtbot.waitSignal(dock.runner.finished, timeout=30_000):
        dock.run_button.click()
    again = image_of(viewer.layers["mask · again"])
    assert np.array_equal(again.array, threshold_otsu(smooth_gaussian(SCAN, sigma_mm=4.0)).array)
    assert [step.parameters.get("sigma_mm") for step in again.history] == [4.0, None]
    assert viewer.layers.index("mask · again") == viewer.layers.index("mask") + 1


def test_running_again_can_be_cancelled_within_a_step(qtbot, viewer, dock):
    show(viewer, slow_copying(SCAN).replace(name="copy"))
    dock.fields["seconds"].set(60.0)
    dock.run_button.click()
    qtbot.waitUntil(lambda: "Copying" in dock.status.text(), timeout=10_000)
    with qtbot.waitSignal(dock.runner.stopped, timeout=2_000):
        dock.run_button.click()
    assert [layer.name for layer in viewer.layers] == ["scan", "copy"]


def test_missing_source_is_said(qtbot, viewer, dock):
    from napari.utils.notifications import notification_manager

    show(viewer, smooth_gaussian(SCAN).replace(name="smooth"))
    viewer.layers.remove("scan")
    viewer.layers.selection.active = viewer.layers["smooth"]
    with qtbot.waitSignal(dock.runner.finished, timeout=30_000):
        dock.run_button.click()
    assert "'scan'" in notification_manager.records[-1].message


def test_recipe_of_five_clicks_replays_without_the_viewer_to_the_same_array(qtbot, viewer, dock, tmp_path):
    click_through(
        qtbot,
        viewer,
        [
            (PreprocessPanel, "smooth_median", {"radius_mm": 1.2}),
            (PreprocessPanel, "resample_to_spacing", {"spacing_mm": (1.5,)}),
            (PreprocessPanel, "normalize_zscore", {}),
            (PreprocessPanel, "smooth_gaussian", {"sigma_mm": 0.8}),
            (SegmentPanel, "threshold_otsu", {"side": "below"}),
        ],
    )
    assert dock.steps.count() == 5
    dock.save_recipe(tmp_path / "five.yaml")
    assert "five.yaml" in dock.status.text()
    text = (tmp_path / "five.yaml").read_text()
    assert str(tmp_path) not in text
    results = recipe.run(recipe.load(tmp_path / "five.yaml"), {"image": SCAN})
    (result,) = results.values() if isinstance(results, dict) else results
    assert np.array_equal(result.array, image_of(viewer.layers.selection.active).array)
