"""Work watched while it goes on: a curve, a picture that sharpens, and a button to end with what there is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QCheckBox, QPushButton, QVBoxLayout, QWidget

from napari_medai.core.operation import Operation
from napari_medai.core.progress import Step
from napari_medai.gui.curve import Curve
from napari_medai.gui.preview import Preview
from napari_medai.gui.runner import Runner

if TYPE_CHECKING:
    import napari


class Watch(QWidget):
    """What a person sees of a long step before it is done.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where the picture so far is shown; it goes when the step is done.
    runner : Runner
        The work to watch.
    """

    def __init__(self, viewer: napari.viewer.Viewer, runner: Runner, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.viewer, self.runner = viewer, runner
        self.curve = Curve()
        self.preview = QCheckBox("Show the result so far")
        self.preview.setChecked(True)
        self.finish_button = QPushButton("Keep the best so far")
        self.finish_button.setToolTip("End now; the result so far becomes a layer that says so in its name")
        self.finish_button.clicked.connect(self._finish)
        self._layer = Preview(viewer)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for part in (self.curve, self.preview, self.finish_button):
            column.addWidget(part)
        self.setVisible(False)
        runner.progressed.connect(self._show)
        runner.finished.connect(self._end)

    def begin(self, operation: Operation) -> None:
        """Show what there is to watch of an operation.

        Parameters
        ----------
        operation : Operation
            The step that starts now.
        """
        self.curve.clear()
        self.finish_button.setEnabled(True)
        self.setVisible(operation.ends_early)

    def _finish(self) -> None:
        self.finish_button.setEnabled(False)
        self.runner.finish()

    def _show(self, step: Step, _: float) -> None:
        for name, value in step.values.items():
            self.curve.add(name, value)
        if self.preview.isChecked():
            self._layer.show(self.runner.picture)

    def _end(self) -> None:
        self._layer.remove()
        self.setVisible(False)
