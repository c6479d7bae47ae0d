"""How the selected layer came to be: its steps, to look at, to change, to keep as a recipe."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import (
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QListWidget,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_medai import catalog
from napari_medai.core.errors import MedAIError
from napari_medai.core.history import Record
from napari_medai.core.operation import Operation
from napari_medai.core.progress import Step
from napari_medai.gui.activity import TICKS
from napari_medai.gui.facts import kind_of
from napari_medai.gui.form import tooltip
from napari_medai.gui.forms.field import Field
from napari_medai.gui.forms.fields import make_field
from napari_medai.gui.history.plan import changed_options
from napari_medai.gui.history.rerun import take_again
from napari_medai.gui.layers import image_of, is_as_made, snapshot
from napari_medai.gui.notify import explain
from napari_medai.gui.parts import words
from napari_medai.gui.record import LayerRecord
from napari_medai.gui.results import Presentation, add_above
from napari_medai.gui.working import WorkingPanel

if TYPE_CHECKING:
    import napari

_NOTHING = "Select a layer that a step has made."


class HistoryPanel(WorkingPanel):
    """The steps of the selected layer.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer it belongs to.
    """

    run_words = "Run again with these settings"

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self.viewer = viewer
        self.layer: Any = None
        self.history: tuple[Record, ...] = ()
        self.fields: dict[str, Field] = {}
        self._lay_out()
        self.steps.currentRowChanged.connect(self._show_settings)
        self.save_button.clicked.connect(self._choose_recipe)
        viewer.layers.selection.events.active.connect(self._follow)
        self.show_layer(viewer.layers.selection.active)

    @property
    def operation(self) -> Operation | None:
        """The operation of the chosen step."""
        row = self.steps.currentRow()
        return catalog.find(self.history[row].operation) if 0 <= row < len(self.history) else None

    def show_layer(self, layer: Any) -> None:
        """Show the steps that made a layer; nothing where it was read, drawn or changed by hand."""
        self.layer = layer
        self.history = _history_of(layer)
        self.steps.clear()
        self.steps.addItems([_in_words(i, record) for i, record in enumerate(self.history, 1)])
        self.heading.setText(f"<b>{layer.name}</b>" if self.history else _NOTHING)
        self.save_button.setEnabled(bool(self.history))
        self.steps.setCurrentRow(len(self.history) - 1)
        self._show_settings(self.steps.currentRow())

    def run(self) -> None:
        """Take all steps again from the sources, the chosen one with the settings shown."""
        if self.runner.running or self.operation is None:
            return
        try:
            options = {name: field.get() for name, field in self.fields.items()}
        except MedAIError as error:
            explain(error)
            return
        sources = [snapshot(layer) for layer in self.viewer.layers if _can_be_source(layer)]
        name = f"{self.layer.name} · again"
        row = self.steps.currentRow()
        self._beside = self.layer
        self.show_running(True)
        self.runner.start(partial(take_again, self.history, row, options, sources, name), name)

    def save_recipe(self, path: str | Path) -> None:
        """Write the steps as a recipe that can be replayed on other images.

        Raises
        ------
        MedAIError
            If the file cannot be written.
        """
        from napari_medai import recipe

        made = recipe.from_history(image_of(self.layer), name=self.layer.name)
        recipe.save(made, path, overwrite=True)
        self.status.setText(f"Saved {Path(path).name}: napari-medai run {Path(path).name} IMAGE --output DIR")

    def _lay_out(self) -> None:
        self.heading = words(_NOTHING)
        self.steps = QListWidget()
        self.settings = QFormLayout()
        self.save_button = QPushButton("Save recipe …")
        buttons = QHBoxLayout()
        buttons.addWidget(self.run_button, 1)
        buttons.addWidget(self.save_button)
        column = QVBoxLayout(self)
        for part in (self.heading, self.steps, self.settings, buttons, self.bar, self.status):
            if isinstance(part, QWidget):
                column.addWidget(part)
            else:
                column.addLayout(part)

    def _follow(self, event: Any) -> None:
        if not self.runner.running:
            self.show_layer(event.value)

    def _show_settings(self, _: int) -> None:
        while self.settings.rowCount():
            self.settings.removeRow(0)
        operation = self.operation
        self.run_button.setEnabled(operation is not None)
        self.fields = {}
        if operation is None:
            return
        self.fields = {p.name: make_field(p) for p in operation.options}
        recorded = self.history[self.steps.currentRow()].parameters
        for parameter in operation.options:
            field = self.fields[parameter.name]
            if parameter.name in recorded:
                field.set(recorded[parameter.name])
            field.widget.setToolTip(tooltip(parameter))
            self.settings.addRow(parameter.label, field.widget)

    def asked(self) -> Sequence[QWidget]:
        """Return the widgets that cannot be changed while the steps are taken again."""
        return (self.steps,)

    def show_running(self, running: bool) -> None:
        """Turn the button into Cancel and back; a recipe needs steps."""
        super().show_running(running)
        self.save_button.setEnabled(not running and bool(self.history))

    def _show_progress(self, step: Step, _: float) -> None:
        if not self.runner.cancelling:
            self.bar.setValue(int(step.fraction * TICKS))
            self.status.setText(f"{step.message or 'Working'} …")

    def _show_result(self, shown: Presentation) -> None:
        for data in shown.layers:
            add_above(self.viewer.layers, data, [self._beside])
        self.status.setText("Done.")

    def _choose_recipe(self) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self, "Save the recipe", "recipe.yaml", "Recipe (*.yaml *.json)"
        )
        if not path:
            return
        try:
            self.save_recipe(path)
        except MedAIError as error:
            explain(error)


def _history_of(layer: Any) -> tuple[Record, ...]:
    record = LayerRecord.found_in(layer.metadata) if _can_be_source(layer) else None
    return record.steps if record and record.history and is_as_made(layer) else ()


def _can_be_source(layer: Any) -> bool:
    return layer is not None and kind_of(layer) in ("image", "labels")


def _in_words(number: int, record: Record) -> str:
    operation = catalog.find(record.operation)
    changed = changed_options(operation, dict(record.parameters))
    settings = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in changed.items())
    return f"{number}. {operation.title}{f' ({settings})' if settings else ''} · {record.seconds:.1f} s"
