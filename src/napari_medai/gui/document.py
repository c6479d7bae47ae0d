"""A result of plain values: look at its beginning, keep it as a JSON file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qtpy.QtWidgets import QFileDialog, QPlainTextEdit, QVBoxLayout, QWidget

from napari_medai.core.errors import MedAIError
from napari_medai.core.files import write_text
from napari_medai.gui.notify import explain
from napari_medai.gui.parts import button, words

_SHOWN = 2_000


class DocumentPanel(QWidget):
    """Plain values with a title and a Save button.

    Parameters
    ----------
    title : str
        What the values are about.
    values : mapping
        JSON-able.
    """

    def __init__(self, title: str, values: Mapping[str, Any], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.values = dict(values)
        text = json.dumps(self.values, indent=1)
        self.view = QPlainTextEdit(text if len(text) <= _SHOWN else f"{text[:_SHOWN]} …")
        self.view.setReadOnly(True)
        self.save_button = button("Save JSON …", "Save all of the values")
        self.save_button.clicked.connect(self._choose_file)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget in (words(title), self.view, self.save_button):
            layout.addWidget(widget)

    def save(self, path: str | Path) -> None:
        """Write the values as JSON, all of them."""
        write_text(path, json.dumps(self.values))

    def _choose_file(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save the values", "result.json", "JSON (*.json)")
        if not path:
            return
        try:
            self.save(path)
        except MedAIError as error:
            explain(error)
