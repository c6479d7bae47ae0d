"""Choosing a transform as the input of an operation: one of this session, or a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QWidget

from napari_medai.core.errors import ArgumentError
from napari_medai.core.parameter import Parameter
from napari_medai.core.transform import SpatialTransform
from napari_medai.gui.forms.pickers import NOTHING, InputBox
from napari_medai.gui.transforms import FILES, kept

_FILE = "Open a file …"


class TransformPicker(InputBox):
    """The session's transforms, the newest first, and a file to be opened."""

    def __init__(self, parameter: Parameter, parent: QWidget | None = None) -> None:
        super().__init__(parameter, parent)
        self._file: Path | None = None
        self.activated.connect(self._on_activated)

    def offer(self, _: list[Any]) -> None:
        """Show the shelf; the choice stays if it is still there."""
        chosen = self.currentData()
        self.clear()
        if self.parameter.optional:
            self.addItem(NOTHING)
        for name in reversed(kept()):
            self.addItem(name, name)
        if self._file is not None:
            self.addItem(self._file.name, self._file)
        self.addItem(_FILE)
        self.setItemData(self.count() - 1, self.palette().link().color(), Qt.ItemDataRole.ForegroundRole)
        self.setCurrentIndex(max(self.findData(chosen), 0) if chosen is not None else 0)

    def open(self, path: str | Path) -> None:
        """Choose a file; it is read when the step runs."""
        self._file = Path(path)
        self.offer([])
        self.setCurrentIndex(self.findData(self._file))

    def value(self) -> SpatialTransform | Path | None:
        """Return the chosen transform, or the file that holds it.

        Raises
        ------
        ArgumentError
            If there is none and the operation needs one.
        """
        chosen = self.currentData()
        if isinstance(chosen, Path):
            return chosen
        if isinstance(chosen, str):
            return kept()[chosen]
        if self.parameter.optional:
            return None
        raise ArgumentError(
            f"{self.parameter.label}: no transform is chosen.",
            hint="Register two images first, or open a file that holds a transform.",
        )

    def _on_activated(self, _: int) -> None:
        if self.currentText() != _FILE:
            return
        path, _ = QFileDialog.getOpenFileName(self, "Open a transform", "", FILES)
        if path:
            self.open(path)
        else:
            self.setCurrentIndex(0)
