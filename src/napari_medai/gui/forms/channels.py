"""Choosing a layer for each further channel of a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFormLayout, QWidget

from napari_medai.core.errors import ArgumentError
from napari_medai.core.operation import IntensityImage
from napari_medai.core.parameter import Parameter
from napari_medai.gui.forms.pickers import LayerPicker


class ChannelsPicker(QWidget):
    """One list of layers a channel, named as the model names it.

    Parameters
    ----------
    parameter : Parameter
        The input that takes the channels.
    """

    changed = Signal()

    def __init__(self, parameter: Parameter, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.parameter = parameter
        self.names: tuple[str, ...] = ()
        self.lists: list[LayerPicker] = []
        self._offered: list[Any] = []
        self._rows = QFormLayout(self)
        self._rows.setContentsMargins(0, 0, 0, 0)

    def expect(self, names: Sequence[str]) -> None:
        """Show a list for each of these channels; none where the image itself holds all."""
        if tuple(names) == self.names:
            return
        self.names = tuple(names)
        while self._rows.rowCount():
            self._rows.removeRow(0)
        one = replace(self.parameter, annotation=IntensityImage | None, default=None)
        self.lists = [LayerPicker(one) for _ in names]
        for name, picker in zip(names, self.lists, strict=True):
            self._rows.addRow(name, picker)
            picker.offer(self._offered)
            picker.changed.connect(self.changed)

    def offer(self, layers: list[Any]) -> None:
        """Show these layers; choices stay where they can."""
        self._offered = layers
        for picker in self.lists:
            picker.offer(layers)

    def layers(self) -> list[Any]:
        """Return the chosen layers."""
        return [layer for picker in self.lists if (layer := picker.layer()) is not None]

    def choose(self, layer: Any) -> None:
        """Choose a layer for the first channel that has none."""
        for picker in self.lists:
            if picker.layer() is None:
                picker.choose(layer)
                return

    def value(self) -> list[Any]:
        """Return a layer for each channel, or nothing where the image holds them.

        Raises
        ------
        ArgumentError
            If some channels have a layer and others not.
        """
        chosen = self.layers()
        if chosen and len(chosen) < len(self.lists):
            missing = [n for n, picker in zip(self.names, self.lists, strict=True) if picker.layer() is None]
            raise ArgumentError(
                f"No layer is chosen for {', '.join(missing)}.",
                hint="Choose one for every channel, or none where the image holds all of them.",
            )
        return chosen
