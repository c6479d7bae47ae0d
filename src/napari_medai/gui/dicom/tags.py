"""The elements of one DICOM file, or of two beside each other: searched, compared, copied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QModelIndex, Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QCheckBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from napari_medai.gui.tables.model import TableModel

if TYPE_CHECKING:
    from pandas import DataFrame

    from napari_medai.io.dicom.header import Header

COLUMNS = ("Tag", "Name", "VR", "Value")
_DIFFERENT = QColor(190, 110, 20, 110)
_EQUAL_COLUMN = "equal"


class TagModel(TableModel):
    """Rows of elements; those in which two files differ are marked."""

    def columnCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802 - Qt's name
        """Number of columns, without the one that says whether a row is equal."""
        return super().columnCount(parent) - int(_EQUAL_COLUMN in self.table)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the text of a cell, the whole of it as a tooltip, and the mark of a difference."""
        row = int(self.rows[index.row()])
        if role == Qt.ItemDataRole.ToolTipRole:
            return str(self.table.iat[row, index.column()])
        if role == Qt.ItemDataRole.BackgroundRole and _EQUAL_COLUMN in self.table:
            return None if self.table[_EQUAL_COLUMN].iat[row] else _DIFFERENT
        return super().data(index, role)


class TagTable(QWidget):
    """The elements of the files that are selected in the tree: one file's, or two compared."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.headers: list[Header] = []
        self.identity = False
        self.title = QLabel("Select a series or an image to see its tags; select two to compare them.")
        self.title.setWordWrap(True)
        self.search = QLineEdit()
        self.search.setPlaceholderText("search: name, tag or value")
        self.search.setClearButtonEnabled(True)
        self.only_differences = QCheckBox("Only differences")
        self.copy_button = QPushButton("Copy")
        self.copy_button.setToolTip("Copy the rows shown, to be pasted into a spreadsheet")
        self.view = QTableView()
        self.view.verticalHeader().setVisible(False)
        self.view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.view.setWordWrap(False)
        self.model = TagModel(self._table())
        self.view.setModel(self.model)
        self.search.textChanged.connect(self._filter)
        self.only_differences.toggled.connect(self._fill)
        self.copy_button.clicked.connect(lambda _checked=False: self.copy())
        self._lay_out()
        self._fill()

    def show_headers(self, headers: list[Header]) -> None:
        """Show the elements of one file, or compare the first two."""
        self.headers = headers[:2]
        self._fill()

    def show_identity(self, shown: bool) -> None:
        """Show or hide what tells who the patient is."""
        self.identity = shown
        self._fill()

    def copy(self) -> None:
        """Put the rows shown on the clipboard, columns separated by tabs."""
        shown = self.model.shown.drop(columns=_EQUAL_COLUMN, errors="ignore")
        QApplication.clipboard().setText(shown.to_csv(sep="\t", index=False))

    def _fill(self) -> None:
        compared = len(self.headers) == 2
        self.only_differences.setVisible(compared)
        self.model = TagModel(self._table(), self)
        self.view.setModel(self.model)
        self._filter(self.search.text())
        self.view.resizeColumnsToContents()
        for column in range(self.model.columnCount()):
            self.view.setColumnWidth(column, min(self.view.columnWidth(column), 260))
        self.view.horizontalHeader().setStretchLastSection(True)
        if self.headers:
            names = " ↔ ".join(header.path.name for header in self.headers)
            self.title.setText(f"{names}: {self._summary(compared)}")

    def _summary(self, compared: bool) -> str:
        if not compared:
            return f"{len(self.model.table)} elements"
        different = int((~self.model.table[_EQUAL_COLUMN].astype(bool)).sum())
        return f"{different} elements differ"

    def _table(self) -> DataFrame:
        import pandas as pd

        from napari_medai.io.dicom.tag_table import compare_rows, tag_rows

        rows = [tag_rows(header, self.identity) for header in self.headers]
        if len(rows) < 2:
            lines = [(row.path, row.name, row.vr, row.value) for row in (rows[0] if rows else [])]
            return pd.DataFrame(lines, columns=list(COLUMNS))
        found = compare_rows(*rows)
        if self.only_differences.isChecked():
            found = [one for one in found if not one.is_equal]
        lines_of_two = [(d.path, d.name, d.vr, d.first, d.second, d.is_equal) for d in found]
        return pd.DataFrame(lines_of_two, columns=[*COLUMNS[:3], "First", "Second", _EQUAL_COLUMN])

    def _filter(self, text: str) -> None:
        self.model.filter(text)

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        for widget, stretch in ((self.search, 1), (self.only_differences, 0), (self.copy_button, 0)):
            top.addWidget(widget, stretch)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.title)
        layout.addLayout(top)
        layout.addWidget(self.view, 1)
