"""The widgets of a panel and how they lie; what they do, the panel says."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QMenu,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_medai.core.operation import Operation
from napari_medai.core.progress import Step
from napari_medai.gui.activity import TICKS
from napari_medai.gui.form import OperationForm
from napari_medai.gui.forms.chooser import OperationChooser
from napari_medai.gui.parts import words
from napari_medai.gui.realign import RealignButton
from napari_medai.gui.working import WorkingPanel

_WIDTH = 290


class PanelFace(WorkingPanel):
    """A chooser, a form, a Run button, a bar, a line of status, and tables below.

    Parameters
    ----------
    operations : sequence of Operation
        What can be chosen.
    """

    def __init__(self, operations: Sequence[Operation], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.chooser = OperationChooser(operations)
        self.form = OperationForm(self.chooser.operation)
        self.help_button = _tool("?", "What this operation does, its settings and sources")
        self.summary = words()
        self.realign_button = RealignButton()
        self.more_button = _tool("⋯", "Reset, or copy what Run does")
        self.more_button.setStyleSheet("QToolButton::menu-indicator { image: none; }")
        self.more_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.more = QMenu(self.more_button)
        self.more_button.setMenu(self.more)
        self._form_space, self._below = QVBoxLayout(), QVBoxLayout()
        self._form_space.addWidget(self.form)
        self._lay_out()

    def show_form(self, operation: Operation) -> None:
        """Put another operation's form in the place of the one that is shown."""
        old, self.form = self.form, OperationForm(operation)
        self._form_space.replaceWidget(old, self.form)
        old.setParent(None)
        old.deleteLater()
        self.realign_button.offer(None)
        self.summary.setText(operation.plain_summary)

    def asked(self) -> Sequence[QWidget]:
        """Return the widgets that cannot be changed while a step runs."""
        return self.chooser, self.form, self.more_button

    def show_running(self, running: bool) -> None:
        """Turn Run into Cancel and back; the bar is busy until the first report."""
        super().show_running(running)
        self.bar.setRange(0, 0 if running else TICKS)

    def show_progress(self, step: Step, remaining: float) -> None:
        """Show how far the work is, and how long it will still take where that is known."""
        if step.total > 0:
            self.bar.setRange(0, TICKS)
            self.bar.setValue(int(step.fraction * TICKS))
        left = f" · {duration(remaining)} left" if remaining >= 0 else ""
        self.status.setText(f"{step.message or 'Working'} …{left}")

    def show_below(self, panels: Sequence[QWidget]) -> None:
        """Put new tables and documents in the place of those shown before; none leaves them."""
        if not panels:
            return
        while (item := self._below.takeAt(0)) is not None:
            item.widget().deleteLater()
        for panel in panels:
            self._below.addWidget(panel)

    def _lay_out(self) -> None:
        content = QWidget()
        column = QVBoxLayout(content)
        column.addLayout(_row(self.chooser, self.help_button))
        column.addWidget(self.summary)
        column.addWidget(_line())
        column.addLayout(self._form_space)
        column.addLayout(_row(self.run_button, self.more_button))
        column.addWidget(self.bar)
        column.addWidget(self.status)
        column.addWidget(self.realign_button)
        column.addLayout(self._below)
        column.addStretch()
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(content)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(scroll)
        self.setMinimumWidth(_WIDTH)


def duration(seconds: float) -> str:
    """Write a time as people say it."""
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    return f"{int(seconds // 60)} min {int(seconds % 60)} s"


def _tool(text: str, tooltip: str) -> QToolButton:
    button = QToolButton()
    button.setText(text)
    button.setToolTip(tooltip)
    return button


def _row(wide: QWidget, narrow: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    row.addWidget(wide, 1)
    row.addWidget(narrow)
    return row


def _line() -> QFrame:
    line = QFrame()
    line.setFrameShape(QFrame.Shape.HLine)
    return line
