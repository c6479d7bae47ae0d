"""A table of results: read it, find a row's region, copy it, save it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QModelIndex
from qtpy.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from napari_medai.core.errors import MedAIError
from napari_medai.core.files import written_beside
from napari_medai.gui.notify import explain
from napari_medai.gui.parts import button
from napari_medai.gui.tables.model import TableModel, as_text, numbers_in
from napari_medai.gui.tables.region_colours import colour_labels, uncolour_labels
from napari_medai.gui.tables.regions import Regions, rows_by_label

if TYPE_CHECKING:
    from pandas import DataFrame

_ROWS_SHOWN = 5


class TablePanel(QWidget):
    """One table with its title, linked to the regions it speaks of.

    Parameters
    ----------
    title : str
        What the table is about.
    table : pandas.DataFrame
        The table.
    regions : Regions, optional
        Where its rows belong in the viewer.
    """

    def __init__(
        self, title: str, table: DataFrame, regions: Regions | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.title, self.table, self.regions = title, table, regions
        self.model = TableModel(table, self)
        self.view = _view(self.model)
        self.view.clicked.connect(self._show_region)
        self.filter = QLineEdit()
        self.filter.setPlaceholderText("filter: words, or dice < 0.8")
        self.filter.setClearButtonEnabled(True)
        self.filter.textChanged.connect(self._filter)
        self.count, self.scale = QLabel(), QLabel()
        self.column = QComboBox()
        for name in self._measures():
            self.column.addItem(str(name), name)
        self.colour_button = button("Colour labels by", "Colour each region by this column")
        self.uncolour_button = button("Ordinary colours", "Colour the labels as before")
        self.copy_button = button("Copy", "Copy the rows shown, to be pasted into a spreadsheet")
        self.save_button = button("Save CSV …", "Save the rows shown")
        self.excel_button = button("Save Excel …", "Save the rows shown")
        self._connect()
        self._lay_out()
        self._say_count()

    def _connect(self) -> None:
        self.colour_button.clicked.connect(self.colour)
        self.uncolour_button.clicked.connect(self.uncolour)
        self.copy_button.clicked.connect(self.copy)
        self.save_button.clicked.connect(lambda _checked=False: self._choose_file("csv"))
        self.excel_button.clicked.connect(lambda _checked=False: self._choose_file("xlsx"))

    def copy(self) -> None:
        """Put the rows shown on the clipboard, columns separated by tabs."""
        QApplication.clipboard().setText(self.model.shown.to_csv(sep="\t", index=False))

    def save(self, path: str | Path) -> None:
        """Write the rows shown with every digit: as Excel if the suffix is .xlsx, else as CSV."""
        with written_beside(Path(path)) as partial:
            if partial.suffix.lower() == ".xlsx":
                self.model.shown.to_excel(partial, index=False)
            else:
                self.model.shown.to_csv(partial, index=False)

    def colour(self) -> None:
        """Colour the labels that went in by the chosen column of the rows shown."""
        if self.regions is None or not self.column.currentText():
            return
        try:
            rows = rows_by_label(self.model.shown)
            values = rows[self.column.currentData()].astype(float).to_dict()
            ends = [colour_labels(layer, values) for layer in self.regions.labels]
        except MedAIError as error:
            explain(error)
            return
        if ends:
            low, high = map(as_text, ends[0])
            self.scale.setText(f"dark {low} · bright {high}" if low != high else f"all {low}")

    def uncolour(self) -> None:
        """Give the labels their ordinary colours back."""
        for layer in self.regions.labels if self.regions else ():
            uncolour_labels(layer)
        self.scale.setText("")

    def _measures(self) -> list[Any]:
        """Return the columns labels can be coloured by."""
        if "label" not in self.table or not (self.regions and self.regions.labels):
            return []
        return [c for c in self.table.columns if c != "label" and numbers_in(self.table[c]) is not None]

    def _show_region(self, index: QModelIndex) -> None:
        if self.regions is None:
            return
        row = self.table.iloc[int(self.model.rows[index.row()])]
        try:
            if not self.regions.show({str(name): value for name, value in row.items()}):
                self.regions.viewer.status = "This row has no place in the image."
        except MedAIError as error:
            explain(error)

    def _filter(self, text: str) -> None:
        self.model.filter(text)
        self._say_count()

    def _say_count(self) -> None:
        shown, total = len(self.model.rows), len(self.table)
        self.count.setText(f"{total} rows" if shown == total else f"{shown} of {total} rows")

    def _choose_file(self, kind: str) -> None:
        name = {"csv": "CSV", "xlsx": "Excel"}[kind]
        path, _ = QFileDialog.getSaveFileName(
            self, "Save the table", f"measures.{kind}", f"{name} (*.{kind})"
        )
        if not path:
            return
        try:
            self.save(path if path.lower().endswith(f".{kind}") else f"{path}.{kind}")
        except MedAIError as error:
            explain(error)

    def _lay_out(self) -> None:
        top, bottom = QHBoxLayout(), QHBoxLayout()
        top.addWidget(self.count)
        top.addWidget(self.filter, 1)
        if self.column.count():
            for widget in (self.colour_button, self.column, self.uncolour_button, self.scale):
                bottom.addWidget(widget)
        bottom.addStretch()
        for widget in (self.copy_button, self.save_button, self.excel_button):
            bottom.addWidget(widget)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(top)
        layout.addWidget(self.view, 1)
        layout.addLayout(bottom)


def _view(model: TableModel) -> QTableView:
    view = QTableView()
    view.setModel(model)
    view.verticalHeader().setVisible(False)
    view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    view.horizontalHeader().setSortIndicator(-1, view.horizontalHeader().sortIndicatorOrder())
    view.setSortingEnabled(True)
    view.resizeColumnsToContents()
    rows = min(model.rowCount(), _ROWS_SHOWN) + 1
    view.setMinimumHeight(
        view.horizontalHeader().height() + rows * view.verticalHeader().defaultSectionSize()
    )
    return view
