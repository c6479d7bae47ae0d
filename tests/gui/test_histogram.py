"""The histogram dock: counts of the layer or its labels, lines and contrast limits tied both ways."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt

from napari_medai.gui.histogram.panel import HistogramPanel


@pytest.fixture
def viewer(make_napari_viewer):
    viewer = make_napari_viewer()
    values = np.zeros((4, 10, 10), np.float32)
    values[:, 5:] = 100.0
    viewer.add_image(values, name="scan", contrast_limits=(0, 100))
    return viewer


@pytest.fixture
def panel(qtbot, viewer):
    _, panel = viewer.window.add_plugin_dock_widget("napari-medai", "Histogram")
    assert isinstance(panel, HistogramPanel)
    panel.plot.resize(400, 160)
    wait(qtbot, panel)
    return panel


def wait(qtbot, panel):
    qtbot.waitUntil(lambda: not panel.runner.running and bool(panel.plot.curves), timeout=20_000)


def test_it_counts_the_selected_image(panel):
    (curve,) = panel.plot.curves
    assert curve.counts.sum() == 400
    assert (curve.counts[0], curve.counts[-1]) == (200, 200)
    assert panel.plot.range == (0.0, 100.0)


def test_the_lines_follow_the_contrast_limits(viewer, panel):
    viewer.layers["scan"].contrast_limits = (20, 60)
    assert panel.plot.limits == (20.0, 60.0)


def test_a_dragged_line_sets_the_contrast_limits(qtbot, viewer, panel):
    plot, layer = panel.plot, viewer.layers["scan"]
    layer.contrast_limits = (20, 60)
    start, end = (QPoint(round(plot.place_of(v)), 50) for v in (60.0, 80.0))
    qtbot.mousePress(plot, Qt.MouseButton.LeftButton, pos=start)
    qtbot.mouseMove(plot, end)
    qtbot.mouseRelease(plot, Qt.MouseButton.LeftButton, pos=end)
    assert layer.contrast_limits == pytest.approx((20, 80), abs=1)
    qtbot.mouseMove(plot, start)  # no longer held
    assert layer.contrast_limits == pytest.approx((20, 80), abs=1)


def test_the_lines_never_pass_one_another(qtbot, viewer, panel):
    plot, layer = panel.plot, viewer.layers["scan"]
    layer.contrast_limits = (20, 60)
    qtbot.mousePress(plot, Qt.MouseButton.LeftButton, pos=QPoint(round(plot.place_of(20.0)), 50))
    qtbot.mouseMove(plot, QPoint(round(plot.place_of(95.0)), 50))
    low, high = layer.contrast_limits
    assert low < high == 60


def test_labels_have_a_curve_each(qtbot, viewer, panel):
    labels = np.zeros((4, 10, 10), np.uint8)
    labels[:, :2], labels[:, 8:] = 1, 2
    viewer.add_labels(labels, name="parts")
    viewer.layers.selection.active = viewer.layers["scan"]
    panel.region.setCurrentText("parts")
    panel.refresh()
    qtbot.waitUntil(lambda: len(panel.plot.curves) == 2, timeout=20_000)
    first, second = panel.plot.curves
    assert first.counts[0] == first.counts.sum() == 80
    assert second.counts[-1] == second.counts.sum() == 80


def test_labels_of_another_grid_are_said(qtbot, viewer, panel):
    viewer.add_labels(np.ones((2, 3, 3), np.uint8), name="other")
    panel.region.setCurrentText("other")
    panel.refresh()
    qtbot.waitUntil(lambda: not panel.runner.running, timeout=20_000)
    assert "grid" in panel.status.text()


def test_new_data_and_another_layer_are_counted_again(qtbot, viewer, panel):
    viewer.layers["scan"].data = np.full((4, 10, 10), 7.0, np.float32)
    qtbot.waitUntil(lambda: bool(panel.plot.curves) and panel.plot.range[0] == 7.0, timeout=20_000)
    viewer.add_image(np.arange(60.0).reshape(3, 4, 5), name="next")
    qtbot.waitUntil(lambda: panel.plot.range == (0.0, 59.0), timeout=20_000)
    viewer.layers.remove("next")
    assert panel.plot.limits is None or panel.layer is viewer.layers["scan"]


def test_the_log_scale_lifts_what_is_rare(panel):
    heights = []
    for on in (True, False):
        panel.log_box.setChecked(on)
        assert panel.plot.log_scale is on
        (curve,) = panel.plot.curves
        heights.append(panel.plot._heights(curve).max())
    assert heights == [pytest.approx(np.log10(201)), 200]
    assert not panel.plot.grab().isNull()
