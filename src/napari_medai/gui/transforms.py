"""Transforms have no layer: a shelf keeps them for the session, a picker offers them, a panel saves them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QLabel, QPushButton, QWidget

from napari_medai.core.errors import ArgumentError, MedAIError
from napari_medai.core.parameter import Parameter
from napari_medai.core.transform import SpatialTransform
from napari_medai.gui.notify import explain

_KEPT = 20
_NOTHING = "none"
_FILE = "Open a file …"
_FILES = "Transforms (*.tfm *.txt *.mat *.h5 *.hdf5 *.nii *.nii.gz *.nrrd *.mha)"
_SHELF: dict[str, SpatialTransform] = {}


def keep(name: str, transform: SpatialTransform) -> None:
    """Put a transform on the session's shelf; one of the same name, or the oldest of many, makes room.

    Parameters
    ----------
    name : str
        What a person finds it by.
    transform : SpatialTransform
        The transform.
    """
    _SHELF.pop(name, None)
    _SHELF[name] = transform
    while len(_SHELF) > _KEPT:
        _SHELF.pop(next(iter(_SHELF)))


class TransformPicker(QComboBox):
    """A list of the session's transforms, the newest first, and of a file to be opened.

    Parameters
    ----------
    parameter : Parameter
        The input.
    """

    changed = Signal()

    def __init__(self, parameter: Parameter, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.parameter = parameter
        self._file: Path | None = None
        self.setMinimumContentsLength(8)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.activated.connect(self._on_activated)

    def offer(self, _: list[Any]) -> None:
        """Show the shelf; the choice stays if it is still there."""
        chosen = self.currentData()
        self.clear()
        if self.parameter.optional:
            self.addItem(_NOTHING)
        for name in reversed(_SHELF):
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
            return _SHELF[chosen]
        if self.parameter.optional:
            return None
        raise ArgumentError(
            f"{self.parameter.label}: no transform is chosen.",
            hint="Register two images first, or open a file that holds a transform.",
        )

    def _on_activated(self, _: int) -> None:
        if self.currentText() != _FILE:
            return
        path, _ = QFileDialog.getOpenFileName(self, "Open a transform", "", _FILES)
        if path:
            self.open(path)
        else:
            self.setCurrentIndex(0)


class TransformPanel(QWidget):
    """One new transform with its name and a button to save it.

    Parameters
    ----------
    title : str
        Its name on the shelf.
    transform : SpatialTransform
        The transform.
    """

    def __init__(self, title: str, transform: SpatialTransform, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.transform = transform
        heading = QLabel(title)
        heading.setWordWrap(True)
        self.save_button = QPushButton("Save …")
        self.save_button.setToolTip("Save the transform in a format of ITK, to be applied elsewhere")
        self.save_button.clicked.connect(self._choose_file)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(heading, 1)
        row.addWidget(self.save_button)

    def _choose_file(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save the transform", "transform.h5", _FILES)
        if not path:
            return
        try:
            self.transform.save(path)
        except MedAIError as error:
            explain(error)
