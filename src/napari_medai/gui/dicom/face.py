"""The widgets of the DICOM browser and how they lie; what they do, the browser says."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from napari_medai.gui.dicom.tags import TagTable
from napari_medai.gui.dicom.tree import StudyTree
from napari_medai.gui.parts import button, hidden_bar, words
from napari_medai.gui.path_field import PathField, ask_file, ask_folder

_CHOICES = {
    "Folder or disc …": ask_folder("DICOM folder"),
    "File or archive …": ask_file("DICOM file or archive", "DICOM, zip or tar (*)"),
}


class SourceField(PathField):
    """Where the DICOM files lie."""

    chosen = Signal()

    def __init__(self) -> None:
        super().__init__(_CHOICES, "A folder, a file, a DICOMDIR, or a .zip or .tar.gz of DICOM files")

    def _choose(self, ask: object) -> None:
        before = self.path
        super()._choose(ask)  # type: ignore[arg-type]
        if self.path and self.path != before:
            self.chosen.emit()


class BrowserFace(QWidget):
    """A line for the path, the study tree above the tags, buttons and a bar below."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.source = SourceField()
        self.look_button = button("Look through", "List the studies, series and images that lie there")
        self.identity = QCheckBox("Show identity")
        self.identity.setToolTip("Show names, numbers and birth dates; they never leave this panel")
        self.tree, self.tags = StudyTree(), TagTable()
        self.load_button = button("Load", "Read what is ticked, one layer an image")
        self.load_button.setEnabled(False)
        self.cancel_button = button("Cancel", "Stop; nothing is added to the viewer")
        self.bar, self.status = hidden_bar(), words()
        self._lay_out()
        self.show_running(False)

    def show_running(self, running: bool) -> None:
        """Offer to cancel while something runs, else to look and to load."""
        self.bar.setVisible(running)
        self.bar.setValue(0)
        self.cancel_button.setVisible(running)
        self.look_button.setEnabled(not running)
        self.load_button.setEnabled(not running and bool(self.tree.chosen()))

    def _lay_out(self) -> None:
        top, bottom = QHBoxLayout(), QHBoxLayout()
        top.addWidget(self.source, 1)
        top.addWidget(self.look_button)
        for widget in (self.identity, self.cancel_button, self.load_button):
            bottom.addWidget(widget)
        bottom.insertStretch(1)
        splitter = QSplitter(Qt.Orientation.Vertical)
        splitter.addWidget(self.tree)
        splitter.addWidget(self.tags)
        splitter.setSizes([300, 300])
        layout = QVBoxLayout(self)
        layout.addLayout(top)
        layout.addWidget(splitter, 1)
        layout.addLayout(bottom)
        layout.addWidget(self.bar)
        layout.addWidget(self.status)
        self.setMinimumWidth(380)
