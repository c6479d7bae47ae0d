"""A table of results: read it, copy it, save it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt
from qtpy.QtWidgets import (
    QApplication,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

_DIGITS = 6
_SCIENTIFIC = 1e12
_ROWS_SHOWN = 8


class TableModel(QAbstractTableModel):
    """A pandas table for Qt; read-only.

    Parameters
    ----------
    table : pandas.DataFrame
        Shown as it is, numbers with six digits.
    """

    def __init__(self, table: Any, parent: Any = None) -> None:
        super().__init__(parent)
        self.table = table

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802 - Qt's name
        """Number of rows."""
        return 0 if parent is not None and parent.isValid() else len(self.table)

    def columnCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802 - Qt's name
        """Number of columns."""
        return 0 if parent is not None and parent.isValid() else len(self.table.columns)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the text or alignment of one cell."""
        value = self.table.iat[index.row(), index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return as_text(value)
        if role == Qt.ItemDataRole.TextAlignmentRole and not isinstance(value, str):
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None

    def headerData(  # noqa: N802 - Qt's name
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Return the name of a column or row."""
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        horizontal = orientation == Qt.Orientation.Horizontal
        return str((self.table.columns if horizontal else self.table.index)[section])


class TablePanel(QWidget):
    """One table with its title and two buttons.

    Parameters
    ----------
    title : str
        What the table is about.
    table : pandas.DataFrame
        The table.
    """

    def __init__(self, title: str, table: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.table = table
        self.view = QTableView()
        self.view.setModel(TableModel(table, self.view))
        self.view.verticalHeader().setVisible(False)
        self.view.resizeColumnsToContents()
        self.view.setMinimumHeight(_height(self.view, min(len(table), _ROWS_SHOWN)))
        self.copy_button = QPushButton("Copy")
        self.copy_button.setToolTip("Copy the table, to be pasted into a spreadsheet")
        self.copy_button.clicked.connect(self.copy)
        self.save_button = QPushButton("Save CSV …")
        self.save_button.clicked.connect(self._choose_file)
        heading = QLabel(title)
        heading.setWordWrap(True)
        buttons = QHBoxLayout()
        buttons.addWidget(self.copy_button)
        buttons.addWidget(self.save_button)
        buttons.addStretch()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(heading)
        layout.addWidget(self.view)
        layout.addLayout(buttons)

    def copy(self) -> None:
        """Put the table on the clipboard, columns separated by tabs."""
        QApplication.clipboard().setText(self.table.to_csv(sep="\t", index=False))

    def save(self, path: str | Path) -> None:
        """Write the table as CSV with every digit."""
        self.table.to_csv(path, index=False)

    def _choose_file(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save the table", "measures.csv", "CSV (*.csv)")
        if path:
            self.save(path)


def as_text(value: Any) -> str:
    """Write one cell: numbers with six digits at least, nothing for what is missing."""
    if isinstance(value, float) or (hasattr(value, "dtype") and value.dtype.kind == "f"):
        whole = 10 ** (_DIGITS - 1) <= abs(value) < _SCIENTIFIC
        return "" if value != value else f"{value:.0f}" if whole else f"{value:.{_DIGITS}g}"
    return "" if value is None else str(value)


def _height(view: QTableView, rows: int) -> int:
    return int(view.horizontalHeader().height() + (rows + 1) * view.verticalHeader().defaultSectionSize())
