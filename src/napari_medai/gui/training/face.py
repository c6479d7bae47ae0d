"""The widgets of the Fine-tune panel and how they lie; what they do, the panel says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from qtpy.QtGui import QFont
from qtpy.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_medai.gui.curve import Curve
from napari_medai.gui.forms.fields import DEVICES
from napari_medai.gui.parts import button, in_row, words
from napari_medai.gui.path_field import PathField, ask_file, ask_folder
from napari_medai.gui.training.labels import LABELS
from napari_medai.gui.training.points import POINTS
from napari_medai.gui.training.task import TrainingTask
from napari_medai.gui.working import WorkingPanel

if TYPE_CHECKING:
    from napari_medai.train.painted import Unpainted
    from napari_medai.train.planner import Dimensions

TASKS = {"labels: segment images": LABELS, "points: find landmarks": POINTS}
"""By the words a person chooses from, as those below."""
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


class TrainingFace(WorkingPanel):
    """Cases, start, plan, buttons, curves."""

    run_words = "Train"

    def __init__(self) -> None:
        super().__init__()
        self.run_button.setToolTip("Train with this plan; without one it is made first")
        self._make_case_widgets()
        self._make_truth_widgets()
        self._make_model_widgets()
        self._make_plan_widgets()
        self._make_course_widgets()
        self._lay_out()

    def _make_case_widgets(self) -> None:
        self.task_box = QComboBox()
        self.task_box.addItems(list(TASKS))
        self.task_box.setToolTip("What is to be learnt, and from which kind of layers.")
        self.image, self.labels = QComboBox(), QComboBox()
        self.pairs = PairTable()
        self.add_button = button("Add", "Train on this image and its labels")
        self.remove_button = button("Remove", "Take the selected cases away; their layers stay")
        self.rank_button = button("Least sure first", "Order the open images by the model's uncertainty")
        self.place = PathField(
            {
                "Folder …": ask_folder("Folder with cases"),
                "Table …": ask_file("Table", "Table (*.csv *.tsv)"),
            },
            "Further cases on disk: a folder in nnU-Net's, BIDS' or your own layout, or a table with columns "
            "name, image, labels; for points a folder of images with a table of points, or that table. "
            "Empty: the layers alone.",
        )

    def _make_truth_widgets(self) -> None:
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

    def _make_model_widgets(self) -> None:
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

    def _make_plan_widgets(self) -> None:
        self.plan_button = button("Plan", "Look at the cases and write the plan, to be read and changed")
        self.plan = QPlainTextEdit()
        self.plan.setFont(QFont("monospace"))
        self.plan.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.plan.setPlaceholderText("The plan, once made; every entry may be changed.")
        self.plan.setMinimumHeight(self.plan.fontMetrics().height() * _PLAN_LINES)
        self.estimate = words()

    def _make_course_widgets(self) -> None:
        self.pause_button = button("Pause", "Wait, and go on later")
        self.pause_button.setCheckable(True)
        self.finish_button = button("End now, keep the best", "Make a model of the best network so far")
        self.preview = QCheckBox("Show what it says of the first case")
        self.preview.setChecked(True)
        self.loss, self.score = Curve(), Curve()
        self.predict_button = button("Segment another image …", "Open the Segment panel with this model")
        self.continue_button = button(
            "Add to cases and continue",
            "Add the chosen image with its corrected labels, and train the new model further",
        )
        self._in_course = (self.pause_button, self.finish_button, self.preview)
        self._in_end = (self.predict_button, self.continue_button)
        for widget in (*self._in_course, *self._in_end, self.loss, self.score):
            widget.setVisible(False)

    def _lay_out(self) -> None:
        self.form = form = QFormLayout()
        for label, field in (("Learn", self.task_box), ("Image", self.image), ("Labels", self.labels)):
            form.addRow(label, field)
        form.addRow("", self.soft)
        form.addRow("", in_row(self.add_button, self.remove_button, self.rank_button))
        form.addRow("Cases", self.pairs)
        form.addRow("More cases", self.place)
        form.addRow("Unpainted", self.unpainted)
        form.addRow("A lacking point", self.missing)
        form.setRowVisible(self.missing, False)
        form.addRow("Start from", self.start)
        form.addRow("Dimensions", self.dimensions)
        form.addRow("Name", self.name)
        form.addRow("Time", self.minutes)
        form.addRow("Device", self.device)
        form.addRow("Save in", self.folder)
        column = QVBoxLayout(self)
        column.addLayout(form)
        for part in (
            in_row(self.plan_button, self.run_button),
            self.plan,
            self.estimate,
            self.bar,
            in_row(self.pause_button, self.finish_button),
            self.preview,
            self.loss,
            self.score,
            self.status,
            in_row(self.predict_button, self.continue_button),
        ):
            column.addWidget(part)
        column.addStretch(1)

    def show_task(self, task: TrainingTask) -> None:
        """Ask for what one task needs, and for nothing else."""
        points = task.truth == "points"
        label = self.form.labelForField(self.labels)
        if isinstance(label, QLabel):
            label.setText(task.truth.capitalize())
        self.form.setRowVisible(self.missing, points)
        for field in (self.unpainted, self.soft, self.dimensions):
            self.form.setRowVisible(field, not points)
        self.soft.setChecked(False)
        self.predict_button.setText(task.try_it)
        self.pairs.begin_anew(task.truth)

    def asked(self) -> Sequence[QWidget]:
        """Return the widgets that cannot be changed while a plan or a model is made."""
        cases = (self.task_box, self.image, self.labels, self.soft, self.pairs, self.place)
        buttons = (self.add_button, self.remove_button, self.rank_button, self.plan_button)
        truth = (self.unpainted, self.missing)
        model = (self.start, self.dimensions, self.name, self.minutes, self.device, self.folder)
        return *cases, *buttons, *truth, *model

    def show_running(self, running: bool) -> None:
        """Turn Train into Cancel and back; what guides a training is shown by :meth:`show_training`."""
        super().show_running(running)
        self.unpainted.setEnabled(not running and not self.soft.isChecked())
        self.plan.setReadOnly(running)
        self.show_training(False)

    def show_training(self, training: bool) -> None:
        """Show what guides a training under way, and its curves, which stay when it has ended."""
        self.pause_button.setChecked(False)
        self.finish_button.setEnabled(True)
        for widget in self._in_course:
            widget.setVisible(training)
        if TASKS[self.task_box.currentText()].truth == "points":
            self.preview.setVisible(False)
        if training:
            self.loss.setVisible(True)
            self.score.setVisible(True)

    def show_end(self, made: bool) -> None:
        """Offer what can be done with a finished model, or take the offer back."""
        for widget in self._in_end:
            widget.setVisible(made)
