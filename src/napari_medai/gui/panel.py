"""The panel of one group of operations: choose, set, run, look at the result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QComboBox,
    QFrame,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_medai import catalog
from napari_medai.core.errors import MedAIError
from napari_medai.core.operation import Operation
from napari_medai.core.progress import Progress, Step, part
from napari_medai.gui.activity import TICKS
from napari_medai.gui.form import OperationForm
from napari_medai.gui.layers import image_from_layer, snapshot
from napari_medai.gui.notify import explain, quiet_oblique_warning, say_notices
from napari_medai.gui.points import landmarks_from_layer
from napari_medai.gui.results import Presentation, present
from napari_medai.gui.runner import Runner
from napari_medai.gui.table import TablePanel

if TYPE_CHECKING:
    import napari


class OperationPanel(QWidget):
    """The operations of one group, with a form, a Run button and the results.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Its layers are the inputs; results become new layers.
    operations : sequence of Operation
        What can be chosen.
    """

    def __init__(
        self,
        viewer: napari.viewer.Viewer,
        operations: Sequence[Operation],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.viewer = viewer
        self.operations = list(operations)
        self.runner = Runner(self)
        self.form: OperationForm | None = None
        self._beside: Any = None
        self._adding = False
        self._build()
        self._connect()
        self.show_operation(0)

    @property
    def operation(self) -> Operation:
        """The operation that is shown."""
        return self.operations[int(self.picker.currentIndex())]

    def choose(self, name: str) -> None:
        """Show an operation by its name."""
        self.picker.setCurrentIndex([o.name for o in self.operations].index(name))

    def show_operation(self, index: int) -> None:
        """Show the form of the operation at this place in the list."""
        if not 0 <= index < len(self.operations):
            return
        if self.form is not None:
            self.form.setParent(None)
            self.form.deleteLater()
        self.form = OperationForm(self.operation)
        self.summary.setText(self.operation.summary.replace("``", ""))
        self._form_space.addWidget(self.form)
        self._offer_layers()

    def run(self) -> None:
        """Start the chosen operation on the chosen layers, or say what is missing."""
        assert self.form is not None
        if self.runner.running:
            return
        try:
            layers, options = self.form.layers(), self.form.values()
        except MedAIError as error:
            explain(error)
            return
        primary = next(iter(layers.values()), None)
        self._beside = primary[0] if isinstance(primary, list) and primary else primary
        name = f"{self._beside.name} · {self.operation.title}" if self._beside else self.operation.title
        work = partial(_take_step, self.operation, _snapshots(layers), options, name)
        self._show_running(True)
        self.status.setText("Starting …")
        self.runner.start(work, name)

    def cancel(self) -> None:
        """Ask the step under way to stop."""
        if self.runner.running:
            self.runner.cancel()
            self.run_button.setEnabled(False)
            self.status.setText("Stopping …")

    def _build(self) -> None:
        self.picker = QComboBox()
        self.picker.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.picker.setMaxVisibleItems(30)
        for operation in self.operations:
            self.picker.addItem(operation.title)
            self.picker.setItemData(self.picker.count() - 1, operation.summary, Qt.ItemDataRole.ToolTipRole)
        self.summary = QLabel()
        self.summary.setWordWrap(True)
        self.run_button = QPushButton("Run")
        self.bar = QProgressBar()
        self.bar.setRange(0, TICKS)
        self.bar.setTextVisible(False)
        self.bar.setVisible(False)
        self.status = QLabel()
        self.status.setWordWrap(True)
        self._form_space, self._results = QVBoxLayout(), QVBoxLayout()
        content = QWidget()
        column = QVBoxLayout(content)
        for widget in (self.picker, self.summary, _line()):
            column.addWidget(widget)
        column.addLayout(self._form_space)
        for widget in (self.run_button, self.bar, self.status):
            column.addWidget(widget)
        column.addLayout(self._results)
        column.addStretch()
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(content)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(scroll)
        self.setMinimumWidth(290)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)

    def _connect(self) -> None:
        self.picker.currentIndexChanged.connect(self.show_operation)
        self.run_button.clicked.connect(self._on_button)
        self.runner.progressed.connect(self._show_progress)
        self.runner.succeeded.connect(self._show_result)
        self.runner.failed.connect(self._show_failure)
        self.runner.stopped.connect(partial(self.status.setText, "Cancelled; nothing was changed."))
        self.runner.finished.connect(partial(self._show_running, False))
        events = self.viewer.layers.events
        for event in (events.inserted, events.removed, events.reordered, events.renamed):
            event.connect(self._offer_layers)
        self.viewer.layers.selection.events.active.connect(self._follow_selection)

    def _on_button(self) -> None:
        if self.runner.running:
            self.cancel()
        else:
            self.run()

    def _offer_layers(self, _: Any = None) -> None:
        if self.form is not None:
            active = None if self._adding else self.viewer.layers.selection.active
            self.form.offer(list(self.viewer.layers), active)

    def _follow_selection(self, event: Any) -> None:
        if self.form is not None and not self._adding:
            self.form.follow(event.value)

    def _show_running(self, running: bool) -> None:
        self.run_button.setText("Cancel" if running else "Run")
        self.run_button.setEnabled(True)
        self.picker.setEnabled(not running)
        if self.form is not None:
            self.form.setEnabled(not running)
        self.bar.setRange(0, 0 if running else TICKS)
        self.bar.setVisible(running)

    def _show_progress(self, step: Step, remaining: float) -> None:
        if self.runner.cancelling:
            return
        if step.total > 0:
            self.bar.setRange(0, TICKS)
            self.bar.setValue(int(step.fraction * TICKS))
        left = f" · {_duration(remaining)} left" if remaining >= 0 else ""
        self.status.setText(f"{step.message or 'Working'} …{left}")

    def _show_result(self, shown: Presentation) -> None:
        self._adding = True
        try:
            for data in shown.layers:
                self._add_beside(data)
        finally:
            self._adding = False
        self._show_tables(shown.tables)
        done = [data[1]["name"] for data in shown.layers]
        words = [f"New layer: {', '.join(done)}" if done else "Done", *shown.remarks]
        self.status.setText(". ".join(words) + ".")
        say_notices(shown.images, known=shown.known)

    def _add_beside(self, data: Any) -> None:
        """Put a new layer just above the input it was made from."""
        from napari.layers import Layer

        layers = self.viewer.layers
        place = layers.index(self._beside) + 1 if self._beside in layers else len(layers)
        layers.insert(place, Layer.create(*data))

    def _show_tables(self, tables: Sequence[tuple[str, Any]]) -> None:
        if not tables:
            return
        while (item := self._results.takeAt(0)) is not None:
            item.widget().deleteLater()
        for title, table in tables:
            self._results.addWidget(TablePanel(title, table))

    def _show_failure(self, error: MedAIError | None) -> None:
        if error is None:
            self.status.setText("The step failed in a way nobody foresaw; napari shows where.")
            return
        self.status.setText(error.message)
        explain(error)


class GroupPanel(OperationPanel):
    """The panel of one of the package's groups.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer it belongs to.
    """

    group = ""
    first = ""
    """The operation shown at first; the first by title where this is empty."""

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        quiet_oblique_warning()
        super().__init__(viewer, catalog.of_group(self.group))
        if self.first:
            self.choose(self.first)


def _take_step(
    operation: Operation,
    layers: Mapping[str, Any],
    options: Mapping[str, Any],
    name: str,
    progress: Progress,
) -> Presentation:
    """Run an operation on snapshots of layers; in the worker thread."""
    inputs = {key: _as_input(value) for key, value in layers.items()}
    heard = {"progress": part(progress, 0.0, 0.98)} if operation.reports_progress else {}
    result = operation.function(**inputs, **options, **heard)
    progress(Step(0.98, 1.0, "Showing the result"))
    known = [i for v in inputs.values() for i in (v if isinstance(v, list) else [v]) if hasattr(i, "meta")]
    return present(result, name, known)


def _snapshots(layers: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: [snapshot(layer) for layer in value] if isinstance(value, list) else value and snapshot(value)
        for name, value in layers.items()
    }


def _as_input(value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, list):
        return [_as_input(item) for item in value]
    return landmarks_from_layer(*value[:2]) if value[2] == "points" else image_from_layer(*value)


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    return f"{int(seconds // 60)} min {int(seconds % 60)} s"


def _line() -> QFrame:
    line = QFrame()
    line.setFrameShape(QFrame.Shape.HLine)
    return line
