"""The widgets of the Batch panel and how they lie; what they do, the panel says."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QSpinBox,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_medai.gui.form import Folded
from napari_medai.gui.forms.fields import DEVICES
from napari_medai.gui.parts import button
from napari_medai.gui.path_field import PathField, ask_file, ask_folder
from napari_medai.gui.working import WorkingPanel

COLUMNS = ("Case", "State", "Reason")
_SYMBOLS = {"done": "✓ done", "already done": "✓ done before", "failed": "✗ failed", "running": "▶ running"}
_MOST_WORKERS = 64


class CaseTable(QTableWidget):
    """One row a case: its name, how it stands, and what is wrong with it."""

    def __init__(self) -> None:
        super().__init__(0, len(COLUMNS))
        self.setHorizontalHeaderLabels(COLUMNS)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.verticalHeader().setVisible(False)
        self.horizontalHeader().setSectionResizeMode(2, QHeaderView.ResizeMode.Stretch)
        self._shown: list[tuple[str, str, str]] = []

    def show_rows(self, rows: Sequence[tuple[str, str, str]]) -> None:
        """Show the cases; only what has changed is drawn again."""
        self.setRowCount(len(rows))
        for number, row in enumerate(rows):
            if number >= len(self._shown) or self._shown[number] != row:
                self._fill(number, row)
        self._shown = list(rows)

    def _fill(self, number: int, row: tuple[str, str, str]) -> None:
        name, state, reason = row
        for column, text in enumerate((name, _SYMBOLS.get(state, state), reason)):
            item = QTableWidgetItem(text)
            item.setToolTip(text)
            self.setItem(number, column, item)


class BatchFace(WorkingPanel):
    """Recipe, cases, output folder, buttons, a bar, and the table of cases."""

    def __init__(self) -> None:
        super().__init__()
        self.recipe = PathField(
            {"Recipe": ask_file("Recipe", "Recipe (*.yaml *.yml *.json)")},
            "A recipe, as the History panel saves it.",
        )
        self.sources = PathField(
            {
                "Folder …": ask_folder("Folder with cases"),
                "Table of cases …": ask_file("Table of cases", "Table (*.csv *.tsv)"),
            },
            "A folder, a glob such as scans/*.nii.gz, or a CSV or TSV with a column for each input.",
        )
        self.match = QLineEdit()
        self.match.setPlaceholderText("t1=*_T1w.nii.gz; mask=*_mask.nii.gz")
        self.match.setToolTip("Which files of the folder are which input; files whose * agrees are one case.")
        self.output = PathField(
            {"Folder": ask_folder("Folder for the results")},
            "Gets a folder a case and summary.csv. Given again, the batch goes on where it stopped.",
        )
        self.workers = QSpinBox()
        self.workers.setRange(0, _MOST_WORKERS)
        self.workers.setValue(1)
        self.workers.setSpecialValueText("as many as fit")
        self.workers.setToolTip("How many cases run side by side; one runs inside the viewer's own process.")
        self.scheduler = PathField(
            {"Scheduler file": ask_file("Scheduler file", "Scheduler file (*.json);;All files (*)")},
            "The Dask cluster that runs the cases: tcp://host:8786, or the file its scheduler wrote. "
            "Empty: this machine.",
        )
        self.scheduler.line.setPlaceholderText("this machine")
        self.device = QComboBox()
        self.device.setEditable(True)
        self.device.addItems(["", *DEVICES])
        self.device.lineEdit().setPlaceholderText("as the recipe says")
        self.device.setToolTip("Where networks run. On a cluster, cuda gives each case a GPU of its own.")
        self.look_button = button(
            "List the cases", "Look for the cases and what they lack; nothing is run or written."
        )
        self.table = CaseTable()
        self._lay_out()

    def _lay_out(self) -> None:
        form, engine = QFormLayout(), QFormLayout()
        engine.setContentsMargins(0, 0, 0, 0)
        engine.addRow("Cluster", self.scheduler)
        engine.addRow("Device", self.device)
        form.addRow("Recipe", self.recipe)
        form.addRow("Cases", self.sources)
        form.addRow("File names", self.match)
        form.addRow("Results", self.output)
        form.addRow("Side by side", self.workers)
        self.engine = Folded("Cluster and device", engine)
        form.addRow(self.engine)
        buttons = QHBoxLayout()
        buttons.addWidget(self.look_button)
        buttons.addWidget(self.run_button, 1)
        column = QVBoxLayout(self)
        column.addLayout(form)
        column.addLayout(buttons)
        for widget in (self.bar, self.status, self.table):
            column.addWidget(widget)

    def asked(self) -> Sequence[QWidget]:
        """Return the widgets that cannot be changed while the batch runs."""
        places = (self.recipe, self.sources, self.match, self.output)
        return (*places, self.workers, self.engine, self.look_button)
