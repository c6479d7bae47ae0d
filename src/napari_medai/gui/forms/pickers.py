"""Choosing layers as the inputs of an operation."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QListWidget, QListWidgetItem, QWidget

from napari_medai.core.boxes import Boxes
from napari_medai.core.errors import ArgumentError
from napari_medai.core.image import MedicalImage
from napari_medai.core.landmarks import Landmarks
from napari_medai.core.parameter import Parameter
from napari_medai.gui.facts import kind_of
from napari_medai.gui.parts import keep_narrow

NOTHING = "none"
_ROWS_SHOWN = 4


def fitting_types(parameter: Parameter) -> tuple[str, ...]:
    """Return the layer types that an input may come from, as napari names them.

    Parameters
    ----------
    parameter : Parameter
        An input of an operation.
    """
    if parameter.input_type is MedicalImage:
        return {"intensity": ("image",), "labels": ("labels",)}.get(
            parameter.image_kind or "", ("image", "labels")
        )
    points = ("shapes", "points") if parameter.drawn else ("points",)
    others: dict[Any, tuple[str, ...]] = {Landmarks: points, Boxes: ("shapes",)}
    return others.get(parameter.input_type, ())


def fits(layer: Any, parameter: Parameter) -> bool:
    """Tell whether a layer can be given for an input."""
    return kind_of(layer) in fitting_types(parameter)


class InputBox(QComboBox):
    """A list from which one input of an operation is chosen.

    Parameters
    ----------
    parameter : Parameter
        The input.
    """

    changed = Signal()

    def __init__(self, parameter: Parameter, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.parameter = parameter
        keep_narrow(self)


class LayerPicker(InputBox):
    """The layers that fit one input; the topmost comes first."""

    def __init__(self, parameter: Parameter, parent: QWidget | None = None) -> None:
        super().__init__(parameter, parent)
        self.currentIndexChanged.connect(lambda _: self.changed.emit())
        self.activated.connect(self._remember_choice)
        self.chosen_by_hand = False
        self._layers: list[Any] = []

    def offer(self, layers: list[Any]) -> None:
        """Show these layers, bottom one first as napari keeps them; the choice stays if it is among them."""
        chosen = self.layer()
        self._layers = [layer for layer in reversed(layers) if fits(layer, self.parameter)]
        self.blockSignals(True)
        self.clear()
        if self.parameter.optional:
            self.addItem(NOTHING)
        self.addItems([layer.name for layer in self._layers])
        self.setEnabled(self.count() > 0)
        if not self._layers and not self.parameter.optional:
            self.setPlaceholderText(f"no {self._wanted()} layer is open")
        if chosen in self._layers:
            self._show(chosen)
        else:
            self.chosen_by_hand = False
        self.blockSignals(False)
        self.changed.emit()

    def layer(self) -> Any:
        """Return the chosen layer, or nothing."""
        index = self.currentIndex() - self.parameter.optional
        return self._layers[index] if 0 <= index < len(self._layers) else None

    def offers(self, layer: Any) -> bool:
        """Tell whether a layer is in the list."""
        return layer in self._layers

    def choose(self, layer: Any) -> None:
        """Choose a layer if it fits."""
        if layer in self._layers:
            self._show(layer)

    def choose_other(self, taken: list[Any]) -> None:
        """Choose the first layer that is not among ``taken``, where there is one."""
        self.choose(next((layer for layer in self._layers if layer not in taken), None))

    def value(self) -> Any:
        """Return the chosen layer.

        Raises
        ------
        ArgumentError
            If there is none and the operation needs one.
        """
        layer = self.layer()
        if layer is None and not self.parameter.optional:
            raise ArgumentError(
                f"{self.parameter.label}: there is no {self._wanted()} layer to work on.",
                hint="Open a file, or File > Open Sample > napari-medai.",
            )
        return layer

    def _wanted(self) -> str:
        return " or ".join(fitting_types(self.parameter)) or "such"

    def _show(self, layer: Any) -> None:
        self.setCurrentIndex(self._layers.index(layer) + self.parameter.optional)

    def _remember_choice(self) -> None:
        self.chosen_by_hand = True


class LayersPicker(QListWidget):
    """A list of layers with check boxes, for an input that takes several.

    Parameters
    ----------
    parameter : Parameter
        The input.
    """

    changed = Signal()

    def __init__(self, parameter: Parameter, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.parameter = parameter
        self.setMaximumHeight(_ROWS_SHOWN * self.fontMetrics().height() * 2)
        self.itemChanged.connect(lambda _: self.changed.emit())
        self._layers: list[Any] = []

    def offer(self, layers: list[Any]) -> None:
        """Show these layers; what was ticked stays ticked."""
        ticked = self.layers()
        self._layers = [layer for layer in reversed(layers) if fits(layer, self.parameter)]
        self.blockSignals(True)
        self.clear()
        for layer in self._layers:
            item = QListWidgetItem(layer.name, self)
            item.setCheckState(Qt.CheckState.Checked if layer in ticked else Qt.CheckState.Unchecked)
        self.blockSignals(False)
        self.changed.emit()

    def layers(self) -> list[Any]:
        """Return the ticked layers."""
        rows = range(self.count())
        return [self._layers[r] for r in rows if self.item(r).checkState() == Qt.CheckState.Checked]

    def choose(self, layer: Any) -> None:
        """Tick a layer if it fits."""
        if layer in self._layers:
            self.item(self._layers.index(layer)).setCheckState(Qt.CheckState.Checked)

    def value(self) -> list[Any]:
        """Return the ticked layers.

        Raises
        ------
        ArgumentError
            If there is none and the operation needs some.
        """
        layers = self.layers()
        if not layers and not self.parameter.optional and self.parameter.required:
            raise ArgumentError(f"{self.parameter.label}: no layer is ticked.", hint="Tick one or more.")
        return layers
