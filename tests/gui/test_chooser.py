"""Finding an operation, reading about it, going back to where one was."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_medai import catalog
from napari_medai.gui.forms.chooser import OperationChooser
from napari_medai.gui.help import HelpPage
from napari_medai.gui.widgets import PreprocessPanel


@pytest.fixture
def chooser(qtbot):
    widget = OperationChooser(catalog.of_group("preprocess"))
    qtbot.addWidget(widget)
    widget.show()
    return widget


@pytest.fixture
def panel(make_napari_viewer):
    viewer = make_napari_viewer()
    viewer.add_image(np.zeros((3, 4)), units=("mm", "mm"), contrast_limits=(0, 1), name="scan")
    widget = PreprocessPanel(viewer)
    viewer.window.add_dock_widget(widget, name="preprocess")
    return widget


def type_in(qtbot, chooser, text):
    chooser.lineEdit().selectAll()
    qtbot.keyClicks(chooser.lineEdit(), text)


def test_a_part_of_the_title_finds_the_operation(qtbot, chooser):
    type_in(qtbot, chooser, "ussian sm")
    model = chooser.completer().completionModel()
    assert [model.index(i, 0).data() for i in range(model.rowCount())] == ["Gaussian smoothing"]
    with qtbot.waitSignal(chooser.chosen):
        qtbot.keyClick(chooser.lineEdit(), Qt.Key.Key_Return)
    assert chooser.operation.name == "smooth_gaussian"
    assert chooser.currentText() == "Gaussian smoothing"


def test_what_fits_nothing_changes_nothing(qtbot, chooser):
    chooser.choose("smooth_median")
    type_in(qtbot, chooser, "teleportation")
    qtbot.keyClick(chooser.lineEdit(), Qt.Key.Key_Return)
    assert chooser.operation.name == "smooth_median"
    assert chooser.currentText() == chooser.operation.title


def test_panel_opens_again_with_the_values_last_run_and_resets(qtbot, panel):
    panel.choose("smooth_gaussian")
    panel.form.set_values({"sigma_mm": 4.5})
    with qtbot.waitSignal(panel.runner.finished, timeout=20_000):
        panel.run_button.click()
    panel.choose("smooth_median")
    panel.choose("smooth_gaussian")
    assert panel.form.values()["sigma_mm"] == 4.5
    again = PreprocessPanel(panel.viewer)
    panel.viewer.window.add_dock_widget(again, name="again")
    again.choose("smooth_gaussian")
    assert again.form.values()["sigma_mm"] == 4.5
    (reset,) = [a for a in again.more.actions() if a.text() == "Reset to defaults"]
    reset.trigger()
    assert again.form.values()["sigma_mm"] == 1.0


def test_help_button_opens_the_page(qtbot, panel):
    panel.choose("correct_bias_field")
    panel.help_button.click()
    (shown,) = panel.findChildren(HelpPage)
    assert "bias" in shown.browser.toPlainText().lower()
    shown.close()


@pytest.mark.parametrize("operation", list(catalog.operations().values()), ids=lambda o: o.name)
def test_every_page_tells_all_settings(qtbot, operation):
    window = HelpPage(operation)
    qtbot.addWidget(window)
    text = window.browser.toPlainText()
    assert operation.title in text
    for parameter in operation.parameters:
        assert parameter.name in text
    assert f"medai.{operation.group}.{operation.name}(" in text
