"""Choosing one of a group's operations, by looking through the list or by typing a part of its name."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QCompleter, QWidget

from napari_medai.core.operation import Operation
from napari_medai.gui.parts import keep_narrow

_ROWS_SHOWN = 30


class OperationChooser(QComboBox):
    """A list of operations that can be searched.

    Parameters
    ----------
    operations : sequence of Operation
        Shown by their titles, in this order.
    """

    chosen = Signal(int)

    def __init__(self, operations: Sequence[Operation], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.operations = list(operations)
        self.setEditable(True)
        self.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.setMaxVisibleItems(_ROWS_SHOWN)
        keep_narrow(self, 12)
        for row, operation in enumerate(self.operations):
            self.addItem(operation.title)
            self.setItemData(row, operation.plain_summary, Qt.ItemDataRole.ToolTipRole)
        self.completer().setFilterMode(Qt.MatchFlag.MatchContains)
        self.completer().setCompletionMode(QCompleter.CompletionMode.PopupCompletion)
        self.lineEdit().setPlaceholderText("search …")
        self.lineEdit().editingFinished.connect(self._settle)
        self.currentIndexChanged.connect(self._announce)

    @property
    def operation(self) -> Operation:
        """The chosen operation."""
        return self.operations[self._row]

    def choose(self, name: str) -> None:
        """Choose an operation by its name."""
        self.setCurrentIndex([o.name for o in self.operations].index(name))

    @property
    def _row(self) -> int:
        return max(int(self.currentIndex()), 0)

    def _settle(self) -> None:
        """Take what was typed if it names one operation, else show the chosen one again."""
        typed = self.currentText().strip().lower()
        fitting = [i for i, o in enumerate(self.operations) if typed and typed in o.title.lower()]
        exact = [i for i in fitting if self.operations[i].title.lower() == typed]
        if len(exact or fitting) == 1:
            self.setCurrentIndex((exact or fitting)[0])
        self.setEditText(self.operation.title)

    def _announce(self, row: int) -> None:
        if row >= 0:
            self.lineEdit().setCursorPosition(0)
            self.chosen.emit(row)
