"""The widgets of the Fine-tune panel and how they lie; what they do, the panel says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from qtpy.QtCore import Qt
from qtpy.QtGui import QFont
from qtpy.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_medai.gui.activity import TICKS
from napari_medai.gui.batch.face import PathField, ask_file, ask_folder
from napari_medai.gui.curve import Curve
from napari_medai.gui.forms.fields import DEVICES
from napari_medai.gui.training.tasks import TASKS, TrainingTask

if TYPE_CHECKING:
    from napari_medai.train.painted import Unpainted
    from napari_medai.train.planner import Dimensions

NEW = "a new network"
UNPAINTED: dict[str, Unpainted] = {
    "background": "background",
    "background in painted slices, unknown in others": "unknown outside painted slices",
    "unknown; label 1 is the background": "unknown",
}
MISSING: dict[str, Literal["absent", "ignore"]] = {
    "is not in the image": "absent",
    "was not looked for": "ignore",
}
DIMENSIONS: dict[str, Dimensions] = {
    "as the slices suggest": "auto",
    "slice by slice": "2",
    "slices with their neighbours": "2.5",
    "whole volumes": "3",
}
_PLAN_LINES, _CASE_ROWS = 9, 4


class PairTable(QTableWidget):
    """One row a case: an image layer and the labels layer that was painted on it."""

    def __init__(self) -> None:
        super().__init__(0, 2)
        self.pairs: list[tuple[Any, Any]] = []
        self.setHorizontalHeaderLabels(("Image", "Labels"))
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.verticalHeader().setVisible(False)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.setFixedHeight(self.fontMetrics().height() * 2 * (_CASE_ROWS + 1))

    def add(self, image: Any, labels: Any) -> bool:
        """Add a case; tell whether it is new."""
        if any(image is i and labels is t for i, t in self.pairs):
            return False
        self.pairs.append((image, labels))
        self._show()
        return True

    def begin_anew(self, truth: str) -> None:
        """Drop all cases; those to come have another kind of truth."""
        self.pairs = []
        self.setHorizontalHeaderLabels(("Image", truth.capitalize()))
        self._show()

    def remove_selected(self) -> None:
        """Take the selected cases away; their layers stay."""
        rows = {index.row() for index in self.selectedIndexes()}
        self.pairs = [pair for row, pair in enumerate(self.pairs) if row not in rows]
        self._show()

    def keep(self, layers: list[Any]) -> None:
        """Drop the cases of which a layer has been removed."""
        self.pairs = [(i, t) for i, t in self.pairs if i in layers and t in layers]
        self._show()

    def _show(self) -> None:
        self.setRowCount(len(self.pairs))
        for row, pair in enumerate(self.pairs):
            for column, layer in enumerate(pair):
                self.setItem(row, column, QTableWidgetItem(layer.name))


class TrainingFace(QWidget):
    """Cases, start, plan, buttons, curves."""

    def __init__(self) -> None:
        super().__init__()
        self.task_box = QComboBox()
        self.task_box.addItems(list(TASKS))
        self.task_box.setToolTip("What is to be learnt, and from which kind of layers.")
        self.image, self.labels = QComboBox(), QComboBox()
        self.pairs = PairTable()
        self.add_button = _button("Add", "Train on this image and its labels")
        self.remove_button = _button("Remove", "Take the selected cases away; their layers stay")
        self.rank_button = _button("Least sure first", "Order the open images by the model's uncertainty")
        self.place = PathField(
            {
                "Folder …": ask_folder("Folder with cases"),
                "Table …": ask_file("Table", "Table (*.csv *.tsv)"),
            },
            "Further cases on disk: a folder in nnU-Net's, BIDS' or your own layout, or a table with columns "
            "name, image, labels; for points a folder of images with a table of points, or that table. "
            "Empty: the layers alone.",
        )
        self.unpainted = QComboBox()
        self.unpainted.addItems(UNPAINTED)
        self.unpainted.setToolTip("What voxels without paint teach: background, or nothing.")
        self.missing = QComboBox()
        self.missing.addItems(list(MISSING))
        self.missing.setToolTip("What it means that a case lacks a point that others have.")
        self.soft = QCheckBox("are shares from 0 to 1")
        self.soft.setToolTip(
            "Labels are images: the probability of label 1 or how much of each voxel it covers; "
            "with channels, of one label each."
        )
        self.dimensions = QComboBox()
        self.dimensions.addItems(DIMENSIONS)
        self.dimensions.setToolTip("How a new network sees volumes.")
        self.start = QComboBox()
        self.start.setEditable(True)
        self.start.setToolTip("A model to go on from, or a new network.")
        self.name = QLineEdit("my-model")
        self.name.setToolTip("Of the model: small letters, digits, dots and hyphens.")
        self.minutes = QDoubleSpinBox()
        self.minutes.setRange(0.1, 10_000)
        self.minutes.setValue(2)
        self.minutes.setSuffix(" min")
        self.device = QComboBox()
        self.device.addItems(DEVICES)
        self.folder = PathField({"Folder": ask_folder("Folder for models")}, "Gets the finished model.")
        self._make_plan_widgets()
        self._make_run_widgets()
        self._lay_out()

    def _make_plan_widgets(self) -> None:
        self.plan_button = _button("Plan", "Look at the cases and write the plan, to be read and changed")
        self.plan = QPlainTextEdit()
        self.plan.setFont(QFont("monospace"))
        self.plan.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.plan.setPlaceholderText("The plan, once made; every entry may be changed.")
        self.plan.setMinimumHeight(self.plan.fontMetrics().height() * _PLAN_LINES)
        self.estimate = QLabel()
        self.estimate.setWordWrap(True)

    def _make_run_widgets(self) -> None:
        self.run_button = _button("Train", "Train with this plan; without one it is made first")
        self.pause_button = _button("Pause", "Wait, and go on later")
        self.pause_button.setCheckable(True)
        self.finish_button = _button("End now, keep the best", "Make a model of the best network so far")
        self.preview = QCheckBox("Show what it says of the first case")
        self.preview.setChecked(True)
        self.loss, self.score = Curve(), Curve()
        self.bar, self.status = QProgressBar(), QLabel()
        self.bar.setRange(0, TICKS)
        self.bar.setTextVisible(False)
        self.status.setWordWrap(True)
        self.status.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.predict_button = _button("Segment another image …", "Open the Segment panel with this model")
        self.continue_button = _button(
            "Add to cases and continue",
            "Add the chosen image with its corrected labels, and train the new model further",
        )
        self._in_run = (self.bar, self.pause_button, self.finish_button, self.preview)
        self._in_end = (self.predict_button, self.continue_button)
        for widget in (*self._in_run, *self._in_end, self.loss, self.score):
            widget.setVisible(False)

    def _lay_out(self) -> None:
        self.form = form = QFormLayout()
        for label, field in (("Learn", self.task_box), ("Image", self.image), ("Labels", self.labels)):
            form.addRow(label, field)
        form.addRow("", self.soft)
        form.addRow("", _row(self.add_button, self.remove_button, self.rank_button))
        form.addRow("Cases", self.pairs)
        form.addRow("More cases", self.place)
        form.addRow("Unpainted", self.unpainted)
        form.addRow("A lacking point", self.missing)
        self._show_row(self.missing, False)
        form.addRow("Start from", self.start)
        form.addRow("Dimensions", self.dimensions)
        form.addRow("Name", self.name)
        form.addRow("Time", self.minutes)
        form.addRow("Device", self.device)
        form.addRow("Save in", self.folder)
        column = QVBoxLayout(self)
        column.addLayout(form)
        for part in (
            _row(self.plan_button, self.run_button),
            self.plan,
            self.estimate,
            self.bar,
            _row(self.pause_button, self.finish_button),
            self.preview,
            self.loss,
            self.score,
            self.status,
            _row(self.predict_button, self.continue_button),
        ):
            column.addWidget(part)
        column.addStretch(1)

    def show_task(self, task: TrainingTask) -> None:
        """Ask for what one task needs, and for nothing else."""
        points = task.truth == "points"
        label = self.form.labelForField(self.labels)
        if isinstance(label, QLabel):
            label.setText(task.truth.capitalize())
        self._show_row(self.unpainted, not points)
        self._show_row(self.missing, points)
        for field in (self.soft, self.dimensions):
            self.form.setRowVisible(field, not points)
        self.soft.setChecked(False)
        self.rank_button.setVisible(not points)
        self.predict_button.setText(task.try_it)
        self.pairs.begin_anew(task.truth)

    def _show_row(self, field: QWidget, shown: bool) -> None:
        for widget in (self.form.labelForField(field), field):
            widget.setVisible(shown)

    def show_running(self, running: bool, training: bool = False) -> None:
        """Turn Train into Cancel and back; nothing else can be changed meanwhile."""
        self.run_button.setText("Cancel" if running else "Train")
        self.run_button.setEnabled(True)
        asked = (
            self.task_box,
            self.missing,
            self.image,
            self.labels,
            self.add_button,
            self.remove_button,
            self.rank_button,
            self.pairs,
        )
        chosen = (self.place, self.unpainted, self.start, self.name, self.minutes, self.device, self.folder)
        for widget in (*asked, *chosen, self.soft, self.dimensions, self.plan_button):
            widget.setEnabled(not running)
        self.unpainted.setEnabled(not running and not self.soft.isChecked())
        self.plan.setReadOnly(running)
        self.bar.setValue(0)
        self.bar.setVisible(running)
        for widget in self._in_run[1:]:
            widget.setVisible(training)
        if TASKS[self.task_box.currentText()].truth == "points":
            self.preview.setVisible(False)
        self.pause_button.setChecked(False)
        self.finish_button.setEnabled(True)
        if training:
            for widget in (self.loss, self.score):
                widget.setVisible(True)

    def show_end(self, made: bool) -> None:
        """Offer what can be done with a finished model, or take the offer back."""
        for widget in self._in_end:
            widget.setVisible(made)


def _button(text: str, tooltip: str) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tooltip)
    return button


def _row(*widgets: QWidget) -> QWidget:
    box = QWidget()
    row = QHBoxLayout(box)
    row.setContentsMargins(0, 0, 0, 0)
    for widget in widgets:
        row.addWidget(widget)
    return box
