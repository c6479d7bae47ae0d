"""The panel: real buttons on a real viewer."""

from __future__ import annotations

import gc
import sys
import time
import warnings

import numpy as np
import pytest
from napari.layers import Layer
from napari.utils.notifications import notification_manager
from qtpy.QtCore import Qt

from napari_medai import Geometry, Landmarks, MedicalImage
from napari_medai.core.errors import ArgumentError
from napari_medai.core.operation import IntensityImage, operation
from napari_medai.core.progress import Progress, silent, track
from napari_medai.gui.layers import image_of, layers_from_image
from napari_medai.gui.panel import OperationPanel
from napari_medai.gui.widgets import MeasurePanel, PreprocessPanel

GRID = Geometry.from_spacing((6, 20, 24), (3.0, 1.0, 1.0), (-10.0, 5.0, 40.0))


@operation(group="tests", title="Slow doubling")
def slow_doubling(
    image: IntensityImage, *, seconds: float = 0.3, progress: Progress = silent
) -> MedicalImage:
    """Double every voxel, slowly.

    Parameters
    ----------
    image : MedicalImage
        The image.
    seconds : float
        How long it takes.
    progress : Progress
        Hears a hundred reports.
    """
    for _ in track(range(100), progress, "Doubling"):
        time.sleep(seconds / 100)
    return image.with_array(image.array * 2)


@operation(group="tests", title="Refusing")
def refusing(image: IntensityImage) -> MedicalImage:
    """Refuse every image.

    Parameters
    ----------
    image : MedicalImage
        The image.
    """
    raise ArgumentError("Found the wrong kind of image.", hint="Take another one.")


@operation(group="tests", title="Broken")
def broken(image: IntensityImage) -> MedicalImage:
    """Fail in a way nobody foresaw.

    Parameters
    ----------
    image : MedicalImage
        The image.
    """
    raise ZeroDivisionError("nobody foresaw this")


@operation(group="tests", title="Everything")
def everything(image: IntensityImage) -> dict:
    """Return results of every kind.

    Parameters
    ----------
    image : MedicalImage
        The image.
    """
    import pandas as pd

    return {
        "seen": image.with_meta(notices=["Half of it was guessed."]),
        "found": image.with_array(np.zeros(image.array.shape, "int32"), kind="labels"),
        "marks": Landmarks(("a", "b"), [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]),
        "measures": pd.DataFrame({"name": ["liver"], "volume_ml": [1234.56789]}),
        "score": 0.5,
    }


@pytest.fixture
def viewer(make_napari_viewer):
    viewer = make_napari_viewer()
    image = MedicalImage(np.arange(6 * 20 * 24, dtype="int16").reshape(6, 20, 24), "zyx", GRID, name="scan")
    viewer.add_layer(Layer.create(*layers_from_image(image)[0]))
    return viewer


@pytest.fixture
def panel(viewer):
    operations = [f.operation for f in (slow_doubling, refusing, broken, everything)]
    widget = OperationPanel(viewer, operations)
    viewer.window.add_dock_widget(widget, name="tests")
    return widget


@pytest.fixture
def said():
    """Everything said to the person while the test runs."""
    messages: list[tuple[str, str]] = []

    def listen(event):
        messages.append((str(event.severity), event.message))

    notification_manager.notification_ready.connect(listen)
    yield messages
    notification_manager.notification_ready.disconnect(listen)


def click(qtbot, button):
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def press_run(qtbot, panel, timeout=20_000):
    with qtbot.waitSignal(panel.runner.finished, timeout=timeout):
        click(qtbot, panel.run_button)


def test_run_adds_a_layer_next_to_its_input(qtbot, viewer, panel, said):
    viewer.add_labels(np.zeros((3, 3), int), name="on top", units=("mm", "mm"))
    press_run(qtbot, panel)
    assert [layer.name for layer in viewer.layers] == ["scan", "scan · Slow doubling", "on top"]
    source, result = image_of(viewer.layers[0]), image_of(viewer.layers[1])
    assert np.array_equal(result.array, source.array * 2)
    assert result.geometry == source.geometry
    assert [step.operation for step in result.history] == ["slow_doubling"]
    assert panel.status.text() == "New layer: scan · Slow doubling."
    assert said == []


def test_panel_and_function_give_the_same_array(qtbot, viewer):
    from napari_medai.preprocess import smooth_gaussian

    panel = PreprocessPanel(viewer)
    viewer.window.add_dock_widget(panel, name="preprocess")
    panel.choose("smooth_gaussian")
    panel.form.set_values({"sigma_mm": 2.3})
    press_run(qtbot, panel)
    called = smooth_gaussian(image_of(viewer.layers["scan"]), sigma_mm=2.3)
    assert np.array_equal(viewer.layers["scan · Gaussian smoothing"].data, called.array)


def test_panel_opened_from_the_menu_runs_and_copies(qtbot, viewer):
    """napari hands plugins the viewer and its layers in a wrapper."""
    from qtpy.QtWidgets import QApplication

    _, panel = viewer.window.add_plugin_dock_widget("napari-medai", "Preprocess")
    press_run(qtbot, panel)
    assert [layer.name for layer in viewer.layers] == ["scan", "scan · Gaussian smoothing"]
    for layer in viewer.layers:
        viewer.layers.selection.active = layer
        assert panel.form.layers()["image"] is layer
    panel.copy_python()
    assert "step_1 = medai.preprocess.smooth_gaussian(scan)" in QApplication.clipboard().text()


@pytest.mark.parametrize("name", ["Explore", "Preprocess", "Segment", "Measure", "Explain", "History"])
def test_every_panel_opens_without_a_layer_and_twice(make_napari_viewer, name):
    viewer = make_napari_viewer()
    dock, _ = viewer.window.add_plugin_dock_widget("napari-medai", name)
    viewer.window.remove_dock_widget(dock)
    viewer.window.add_plugin_dock_widget("napari-medai", name)


def test_measuring_shows_a_table_that_can_be_copied_and_saved(qtbot, viewer, tmp_path):
    from qtpy.QtWidgets import QApplication

    from napari_medai.gui.tables.dock import table_dock

    grid = viewer.layers["scan"]
    regions = np.zeros((6, 20, 24), "uint8")
    regions[2:4, 5:9, 5:9] = 1
    viewer.add_labels(
        regions, name="regions", scale=grid.scale, translate=grid.translate, units=grid.units,
        axis_labels=grid.axis_labels,
    )  # fmt: skip
    panel = MeasurePanel(viewer)
    viewer.window.add_dock_widget(panel, name="measure")
    panel.choose("measure_regions")
    press_run(qtbot, panel)
    shown = table_dock(viewer).current
    assert float(shown.table["volume_mm3"][0]) == pytest.approx(2 * 4 * 4 * 3.0)
    columns = list(shown.table.columns)
    cell = shown.view.model().index(0, columns.index("volume_mm3"))
    assert shown.view.model().data(cell) == "96"
    click(qtbot, shown.copy_button)
    assert QApplication.clipboard().text().split("\n")[0].split("\t") == columns
    shown.save(tmp_path / "measures.csv")
    assert (tmp_path / "measures.csv").read_text().startswith("label,")
    assert [layer.name for layer in viewer.layers] == ["scan", "regions"]


def test_results_of_every_kind_are_shown(qtbot, viewer, panel, said):
    panel.choose("everything")
    press_run(qtbot, panel)
    names = [layer.name for layer in viewer.layers]
    assert names == [
        "scan",
        "scan · Everything · marks",
        "scan · Everything · found",
        "scan · Everything · seen",
    ]
    assert "score: 0.5" in panel.status.text()
    assert said == [("warning", "Half of it was guessed.")]


def test_a_second_run_is_impossible_while_one_works(qtbot, viewer, panel):
    panel.form.set_values({"seconds": 1.0})
    with qtbot.waitSignal(panel.runner.finished, timeout=20_000):
        click(qtbot, panel.run_button)
        assert panel.run_button.text() == "Cancel"
        assert not panel.form.isEnabled()
        assert not panel.chooser.isEnabled()
        panel.run()
    assert panel.run_button.text() == "Run"
    assert panel.form.isEnabled()
    assert len(viewer.layers) == 2


def test_progress_is_shown_in_the_panel_and_in_the_activity_dock(qtbot, viewer, panel):
    from napari.utils import progress

    panel.form.set_values({"seconds": 4.0})
    with qtbot.waitSignal(panel.runner.finished, timeout=30_000):
        click(qtbot, panel.run_button)
        qtbot.waitUntil(lambda: panel.bar.value() > 300, timeout=20_000)
        assert panel.bar.maximum() == 1000
        assert "Doubling …" in panel.status.text()
        assert " s left" in panel.status.text()
        (bar,) = progress._all_instances
        assert bar.desc.startswith("scan · Slow doubling")
        assert bar.n > 100
        click(qtbot, panel.run_button)
    assert not progress._all_instances
    assert panel.bar.isHidden()


def test_cancel_stops_within_two_seconds_and_leaves_nothing_behind(qtbot, viewer, panel, said):
    panel.form.set_values({"seconds": 60.0})
    click(qtbot, panel.run_button)
    qtbot.waitUntil(lambda: "Doubling" in panel.status.text(), timeout=10_000)
    before = time.monotonic()
    with qtbot.waitSignal(panel.runner.stopped, timeout=10_000):
        click(qtbot, panel.run_button)
    assert time.monotonic() - before < 2.0
    assert [layer.name for layer in viewer.layers] == ["scan"]
    assert panel.status.text() == "Cancelled; nothing was changed."
    assert panel.run_button.text() == "Run"
    assert panel.run_button.isEnabled()
    assert said == []
    panel.form.set_values({"seconds": 0.1})
    press_run(qtbot, panel)
    assert len(viewer.layers) == 2


def test_napari_itself_can_cancel_the_step(qtbot, viewer, panel):
    panel.form.set_values({"seconds": 60.0})
    with qtbot.waitSignal(panel.runner.stopped, timeout=10_000):
        click(qtbot, panel.run_button)
        qtbot.waitUntil(lambda: "Doubling" in panel.status.text(), timeout=10_000)
        panel.runner._jobs[0].worker.quit()


def test_a_refusal_is_one_readable_message(qtbot, viewer, panel, said):
    panel.choose("refusing")
    press_run(qtbot, panel)
    assert said == [("error", "Found the wrong kind of image.\nTake another one.")]
    assert panel.status.text() == "Found the wrong kind of image."
    assert len(viewer.layers) == 1


def test_an_unforeseen_exception_is_shown_once_and_not_hidden(qtbot, viewer, panel, said):
    panel.choose("broken")
    press_run(qtbot, panel)
    assert [(severity, message.splitlines()[-1]) for severity, message in said] == [
        ("error", "nobody foresaw this")
    ]
    assert panel.run_button.isEnabled()
    assert len(viewer.layers) == 1


def test_no_layer_to_work_on_is_said(qtbot, make_napari_viewer, said):
    viewer = make_napari_viewer()
    panel = PreprocessPanel(viewer)
    viewer.window.add_dock_widget(panel, name="preprocess")
    click(qtbot, panel.run_button)
    (message,) = said
    assert message[0] == "error"
    assert "there is no image" in message[1]
    assert not panel.runner.running


def test_value_out_of_range_is_one_readable_message(qtbot, viewer, said):
    panel = PreprocessPanel(viewer)
    viewer.window.add_dock_widget(panel, name="preprocess")
    panel.choose("resample_to_spacing")
    panel.form.fields["spacing_mm"].widget.setText("1, -2, 3")
    press_run(qtbot, panel)
    ((severity, message),) = said
    assert severity == "error"
    assert message.startswith("resample_to_spacing: spacing_mm: found")


def test_layer_removed_while_the_step_runs_does_no_harm(qtbot, viewer, panel):
    panel.form.set_values({"seconds": 0.5})
    with qtbot.waitSignal(panel.runner.finished, timeout=20_000):
        click(qtbot, panel.run_button)
        viewer.layers.clear()
    assert [layer.name for layer in viewer.layers] == ["scan · Slow doubling"]


def test_painting_while_the_step_runs_does_not_change_its_input(qtbot, viewer):
    panel = MeasurePanel(viewer)
    viewer.window.add_dock_widget(panel, name="measure")
    grid = viewer.layers["scan"]
    labels = viewer.add_labels(
        np.ones((6, 20, 24), "uint8"), scale=grid.scale, translate=grid.translate, units=grid.units
    )
    from napari_medai.gui.layers import image_from_layer, snapshot

    taken = snapshot(labels)
    labels.data[:] = 0
    assert image_from_layer(*taken).array.min() == 1


def test_the_selected_layer_is_the_input_and_the_result_does_not_take_its_place(qtbot, viewer, panel):
    viewer.add_image(np.zeros((3, 4)), name="other", units=("mm", "mm"), contrast_limits=(0, 1))
    assert panel.form.layers()["image"].name == "other"
    viewer.layers.selection.active = viewer.layers["scan"]
    assert panel.form.layers()["image"].name == "scan"
    press_run(qtbot, panel)
    assert panel.form.layers()["image"].name == "scan"


def test_renamed_layers_are_shown_by_their_new_name(qtbot, viewer, panel):
    viewer.layers["scan"].name = "baseline"
    assert panel.form.pickers["image"].currentText() == "baseline"


def test_opening_panels_loads_no_torch(make_napari_viewer):
    if "torch" in sys.modules:
        pytest.skip("another test of this session has loaded torch")
    viewer = make_napari_viewer()
    viewer.window.add_dock_widget(PreprocessPanel(viewer), name="preprocess")
    assert "torch" not in sys.modules


def test_images_of_a_finished_step_are_let_go(qtbot, viewer, panel):
    """napari's task manager remembers every worker; the arrays must not stay alive with it."""
    import weakref

    press_run(qtbot, panel)
    kept = weakref.ref(viewer.layers[1].data.base)
    assert kept() is not None
    viewer.layers.clear()
    gc.collect()
    assert kept() is None


def test_closing_the_dock_stops_the_step(qtbot, viewer, panel):
    panel.form.set_values({"seconds": 60.0})
    click(qtbot, panel.run_button)
    qtbot.waitUntil(lambda: "Doubling" in panel.status.text(), timeout=10_000)
    with qtbot.waitSignal(panel.runner.stopped, timeout=2_000):
        viewer.window.remove_dock_widget(panel)
    assert len(viewer.layers) == 1


def test_a_removed_panel_is_let_go_without_harm(qtbot, viewer):
    import weakref

    from qtpy.QtWidgets import QApplication

    panel = OperationPanel(viewer, [slow_doubling.operation])
    viewer.window.add_dock_widget(panel, name="tests")
    press_run(qtbot, panel)
    kept = weakref.ref(panel)
    viewer.window.remove_dock_widget(panel)
    del panel
    QApplication.processEvents()
    gc.collect()
    assert kept() is None
    viewer.add_image(np.zeros((3, 4)), units=("mm", "mm"), contrast_limits=(0, 1))
    viewer.layers.clear()


@operation(group="tests", title="Doubtful")
def doubtful(image: IntensityImage) -> MedicalImage:
    """Warn.

    Parameters
    ----------
    image : MedicalImage
        The image.
    """
    warnings.warn("this may be wrong", UserWarning, stacklevel=1)
    return image


def test_a_warning_of_the_worker_is_not_lost(qtbot, viewer):
    panel = OperationPanel(viewer, [doubtful.operation])
    viewer.window.add_dock_widget(panel, name="tests")
    with pytest.warns(UserWarning, match="this may be wrong"):
        press_run(qtbot, panel)
    assert len(viewer.layers) == 2
