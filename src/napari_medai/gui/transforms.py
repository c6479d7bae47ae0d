"""Transforms have no layer: a shelf keeps them for the session, and each has a button to save it."""

from __future__ import annotations

from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QWidget

from napari_medai.core.errors import MedAIError
from napari_medai.core.transform import SpatialTransform
from napari_medai.gui.notify import explain
from napari_medai.gui.parts import button, words

_KEPT = 20
FILES = "Transforms (*.tfm *.txt *.mat *.h5 *.hdf5 *.nii *.nii.gz *.nrrd *.mha)"
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


def kept() -> dict[str, SpatialTransform]:
    """Return the transforms on the shelf by name, the newest last."""
    return dict(_SHELF)


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
        said = "Save the transform in a format of ITK, to be applied elsewhere"
        self.save_button = button("Save …", said)
        self.save_button.clicked.connect(self._choose_file)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(words(title), 1)
        row.addWidget(self.save_button)

    def _choose_file(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save the transform", "transform.h5", FILES)
        if not path:
            return
        try:
            self.transform.save(path)
        except MedAIError as error:
            explain(error)
