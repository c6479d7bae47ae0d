"""A panel whose work runs beside the event loop: a button starts and cancels it, a line tells of it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QPushButton, QWidget

from napari_medai.gui.notify import explain
from napari_medai.gui.parts import hidden_bar, words
from napari_medai.gui.runner import Runner

if TYPE_CHECKING:
    from napari_medai.core.errors import MedAIError
    from napari_medai.core.progress import Step


class WorkingPanel(QWidget):
    """A button, a bar, a line of status, and the runner behind them, to be laid out as a panel likes."""

    run_words = "Run"
    crashed_words = "The step failed in a way nobody foresaw; napari shows where."
    stopped_words = "Cancelled; nothing was changed."

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.run_button = QPushButton(self.run_words)
        self.run_button.clicked.connect(self._on_button)
        self.bar, self.status = hidden_bar(), words(selectable=True)
        self.runner = Runner(self)
        self.runner.progressed.connect(self._show_progress)
        self.runner.succeeded.connect(self._show_result)
        self.runner.failed.connect(self._show_failure)
        self.runner.stopped.connect(self._show_stopped)
        self.runner.finished.connect(self._show_finished)

    @abstractmethod
    def run(self) -> None:
        """Start what the button promises."""

    def cancel(self) -> None:
        """Ask the work under way to stop."""
        if self.runner.running:
            self.runner.cancel()
            self.run_button.setEnabled(False)
            self.status.setText("Stopping …")

    def asked(self) -> Sequence[QWidget]:
        """Return the widgets that cannot be changed while work is under way."""
        return ()

    def show_running(self, running: bool) -> None:
        """Turn the button into Cancel and back; nothing else can be changed meanwhile."""
        self.run_button.setText("Cancel" if running else self.run_words)
        self.run_button.setEnabled(True)
        for widget in self.asked():
            widget.setEnabled(not running)
        self.bar.setValue(0)
        self.bar.setVisible(running)

    def say(self, error: MedAIError) -> None:
        """Show an error in the line of status, and with its remedy as a notification."""
        self.status.setText(error.message)
        explain(error)

    def _on_button(self) -> None:
        if self.runner.running:
            self.cancel()
        else:
            self.run()

    @abstractmethod
    def _show_progress(self, step: Step, remaining: float) -> None:
        """Show how far the work is, and how many seconds remain; negative: unknown."""

    @abstractmethod
    def _show_result(self, result: Any) -> None:
        """Show what came of the work."""

    def _show_failure(self, error: MedAIError | None) -> None:
        if error is None:
            self.status.setText(self.crashed_words)
        else:
            self.say(error)

    def _show_stopped(self) -> None:
        self.status.setText(self.stopped_words)

    def _show_finished(self) -> None:
        self.show_running(False)
