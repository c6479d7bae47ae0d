"""The dock "DICOM browser": look through a folder or disc, choose series, read their tags."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Qt, Signal
from qtpy.QtGui import QImage
from qtpy.QtWidgets import QWidget

from napari_medai.core.errors import MedAIError
from napari_medai.core.progress import Step
from napari_medai.gui.activity import TICKS
from napari_medai.gui.contributions import as_layers
from napari_medai.gui.dicom.face import BrowserFace
from napari_medai.gui.dicom.scan import Found, draw_thumbnails, look_through, read_chosen
from napari_medai.gui.notify import explain
from napari_medai.gui.runner import Runner

if TYPE_CHECKING:
    import napari


class _Pictures(QObject):
    """Carries thumbnails from the worker thread to the tree."""

    drawn = Signal(int, object)


class DicomBrowser(BrowserFace):
    """Patients, studies, series and images of a folder, archive or disc; what is ticked is loaded.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where chosen images become layers.
    """

    def __init__(self, viewer: napari.viewer.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.viewer = viewer
        self.found: Found | None = None
        self.runner, self.painter = Runner(self), Runner(self)
        self._pictures = _Pictures()
        self._doing = ""
        self._connect()

    def look(self, path: str | Path | None = None) -> None:
        """Look through a path, that of the line above the tree where none is given."""
        if path is not None:
            self.source.line.setText(str(path))
        if not self.source.path:
            explain(MedAIError("No folder chosen.", hint="Choose the folder that holds the images."))
            return
        self.painter.cancel()
        self._start(partial(look_through, self.source.path), "Looking through DICOM files")

    def load(self) -> None:
        """Read what is ticked, and show it as layers."""
        stacks = self.tree.chosen()
        if self.found is None or not stacks:
            explain(MedAIError("No image is ticked.", hint="Tick one or several series in the tree."))
            return
        self._start(partial(read_chosen, self.found, stacks), "Reading DICOM images")

    def cancel(self) -> None:
        """Stop what is under way; nothing is added to the viewer."""
        self.runner.cancel()
        self.painter.cancel()

    def _connect(self) -> None:
        self.source.line.returnPressed.connect(self.look)
        self.source.chosen.connect(self.look)
        self.look_button.clicked.connect(lambda _checked=False: self.look())
        self.load_button.clicked.connect(lambda _checked=False: self.load())
        self.cancel_button.clicked.connect(lambda _checked=False: self.cancel())
        self.identity.toggled.connect(self._show_identity)
        self.tree.itemSelectionChanged.connect(self._show_tags)
        self.tree.itemChanged.connect(self._count)
        self._pictures.drawn.connect(self._show_picture, Qt.ConnectionType.QueuedConnection)
        self.runner.progressed.connect(self._show_progress)
        self.runner.succeeded.connect(self._show_result)
        self.runner.failed.connect(self._show_failure)
        self.runner.stopped.connect(partial(self.status.setText, "Stopped; nothing was changed."))
        self.runner.finished.connect(partial(self.show_running, False))

    def _start(self, work: Any, title: str) -> None:
        if self.runner.running:
            return
        self.show_running(True)
        self.status.setText(f"{title} …")
        self.runner.start(work, title)

    def _show_progress(self, step: Step, _remaining: float) -> None:
        self.bar.setValue(int(step.fraction * TICKS))
        counted = f" {step.done:g} of {step.total:g}" if step.total > 1 else ""
        self.status.setText(f"{step.message}{counted}")

    def _show_result(self, result: Any) -> None:
        if isinstance(result, Found):
            self._show_found(result)
        else:
            self._add_layers(*result)

    def _show_found(self, found: Found) -> None:
        self.found = found.with_identity(self.identity.isChecked())
        self.tree.show_scan(self.found)
        series, skipped = len(found.scan.series), len(found.scan.skipped)
        self.status.setText(f"{series} series; {skipped} files are no DICOM images and were left out.")
        self._count()
        self._draw()

    def _draw(self) -> None:
        stacks = self.tree.stacks()
        if stacks and not self.painter.running:
            work = partial(draw_thumbnails, stacks, self._pictures.drawn.emit)
            self.painter.start(work, "Drawing thumbnails")

    def _add_layers(self, images: list[Any], errors: list[Any]) -> None:
        from napari.layers import Layer

        for data in as_layers(images):
            self.viewer.add_layer(Layer.create(*data))
        self.status.setText(f"Loaded {len(images)} images.")
        for error in errors:
            explain(error)

    def _show_failure(self, error: MedAIError | None) -> None:
        self.status.setText("" if error is None else error.message)
        if error is not None:
            explain(error)

    def _show_picture(self, index: int, picture: Any) -> None:
        rows, columns = picture.shape[:2]
        self.tree.show_picture(
            index, QImage(picture.tobytes(), columns, rows, 3 * columns, QImage.Format.Format_RGB888).copy()
        )

    def _show_identity(self, shown: bool) -> None:
        self.tags.show_identity(shown)
        if self.found is not None:
            self.found = self.found.with_identity(shown)
            self.tree.show_identity([patient.title for patient in self.found.patients])

    def _show_tags(self) -> None:
        self.tags.show_headers(self.tree.headers())

    def _count(self) -> None:
        count = len(self.tree.chosen())
        self.load_button.setText(f"Load {count} images" if count > 1 else "Load")
        self.load_button.setEnabled(count > 0 and not self.runner.running)
