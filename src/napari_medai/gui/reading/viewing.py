"""The dock "Window and orientation": presets, level and width, the convention, Straighten."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_medai import catalog
from napari_medai.core.errors import MedAIError
from napari_medai.gui.notify import explain
from napari_medai.gui.reading.orientation import OBLIQUE_DEG, oblique_angle, placed_layer
from napari_medai.gui.reading.room import reading_room
from napari_medai.gui.reading.window_level import (
    active_image,
    automatic_window,
    set_window,
    window_of,
    windows_for,
)
from napari_medai.gui.runner import Runner
from napari_medai.gui.step import take_snapshots, take_step

if TYPE_CHECKING:
    import napari

_AUTOMATIC = "automatic"
_OWN = "as set below"
_LIMIT = 1e7
_HELP = "Drag with the right button: sideways the width, up and down the level."


class ViewingPanel(QWidget):
    """How the active image is shown; its voxels are never touched.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer it belongs to.
    """

    def __init__(self, viewer: napari.viewer.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.viewer = viewer
        self.room = reading_room(viewer)
        self.runner = Runner(self)
        self.image, self.preset = QLabel(), QComboBox()
        self.level, self.width = _number("Level: the value shown mid-grey"), _number("Width: black to white")
        self.width.setMinimum(0)
        self.convention, self.letters = QComboBox(), QCheckBox("Letters and window on the canvas")
        self.convention.addItem("radiological: left at the right of the screen", "radiological")
        self.convention.addItem("neurological: left at the left of the screen", "neurological")
        self.straighten_button = QPushButton("Straighten")
        self.straighten_button.setToolTip("Resample the oblique scan along the patient's axes: a new layer")
        self.hint = QLabel(_HELP)
        self.hint.setWordWrap(True)
        self._connect()
        self._lay_out()
        self.refresh()

    def refresh(self) -> None:
        """Show what holds for the active image now."""
        layer = active_image(self.viewer)
        for widget in (self.preset, self.level, self.width):
            widget.setEnabled(layer is not None)
        self.image.setText("no image" if layer is None else layer.name)
        self.straighten_button.setEnabled(self._oblique() is not None and not self.runner.running)
        if self.room is not None:
            _choose(self.convention, self.room.convention)
            _quietly(self.letters, self.letters.setChecked, self.room.shows_texts)
        if layer is None:
            return
        center, width = window_of(layer)
        _quietly(self.level, self.level.setValue, center)
        _quietly(self.width, self.width.setValue, width)
        self._offer(layer, center, width)

    def straighten(self) -> None:
        """Resample the oblique layer along the patient's axes, beside the event loop."""
        layer = self._oblique()
        if layer is None or self.runner.running:
            return
        operation = catalog.find("straighten")
        snapshots = take_snapshots({operation.inputs[0].name: layer})
        work = partial(take_step, operation, snapshots, {}, f"{layer.name} · straight")
        self.straighten_button.setEnabled(False)
        self.runner.start(work, operation.title)

    def _connect(self) -> None:
        self.preset.activated.connect(self._apply_preset)
        self.level.valueChanged.connect(self._apply_numbers)
        self.width.valueChanged.connect(self._apply_numbers)
        self.convention.activated.connect(self._apply_convention)
        self.letters.toggled.connect(self._apply_letters)
        self.straighten_button.clicked.connect(lambda _checked=False: self.straighten())
        self.runner.succeeded.connect(self._show_straight)
        self.runner.failed.connect(_say)
        self.runner.finished.connect(self.refresh)
        if self.room is not None:
            self.room.changed.connect(self.refresh)

    def _apply_preset(self, index: int) -> None:
        layer, window = active_image(self.viewer), self.preset.itemData(index)
        if layer is None or self.preset.itemText(index) == _OWN:
            return
        set_window(layer, *(automatic_window(layer) if window is None else window))
        self.refresh()

    def _apply_numbers(self) -> None:
        layer = active_image(self.viewer)
        if layer is not None:
            set_window(layer, self.level.value(), self.width.value())
            self._offer(layer, self.level.value(), self.width.value())

    def _apply_convention(self, index: int) -> None:
        if self.room is not None:
            self.room.set_convention(self.convention.itemData(index))

    def _apply_letters(self, shown: bool) -> None:
        if self.room is not None:
            self.room.show_texts(shown)

    def _oblique(self) -> Any:
        layer = placed_layer(self.viewer)
        return layer if layer is not None and oblique_angle(layer) >= OBLIQUE_DEG else None

    def _offer(self, layer: Any, center: float, width: float) -> None:
        """Fill the presets menu, the window that holds now chosen."""
        self.preset.clear()
        self.preset.addItem(_OWN)
        for name, window in windows_for(layer).items():
            self.preset.addItem(f"{name}  ({window[1]:.4g} / {window[0]:.4g})", window)
            if max(abs(window[0] - center), abs(window[1] - width)) <= 1e-3 * max(abs(width), 1e-9):
                self.preset.setCurrentIndex(self.preset.count() - 1)
        self.preset.addItem(_AUTOMATIC)

    def _show_straight(self, result: Any) -> None:
        from napari.layers import Layer

        for data in result.layers:
            self.viewer.add_layer(Layer.create(*data))

    def _lay_out(self) -> None:
        form = QFormLayout()
        for label, widget in (
            ("Image", self.image),
            ("Window", self.preset),
            ("Level", self.level),
            ("Width", self.width),
            ("Convention", self.convention),
        ):
            form.addRow(label, widget)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        for widget in (self.letters, self.straighten_button, self.hint):
            layout.addWidget(widget)
        layout.addStretch()


def _number(tooltip: str) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(-_LIMIT, _LIMIT)
    box.setDecimals(3)
    box.setKeyboardTracking(False)
    box.setToolTip(tooltip)
    return box


def _choose(box: QComboBox, value: Any) -> None:
    _quietly(box, box.setCurrentIndex, box.findData(value))


def _quietly(widget: QWidget, setter: Any, value: Any) -> None:
    widget.blockSignals(True)
    setter(value)
    widget.blockSignals(False)


def _say(error: MedAIError | None) -> None:
    if error is not None:
        explain(error)
