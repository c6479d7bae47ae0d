"""The panel of one group of operations: choose, set, run, look at the result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QWidget

from napari_medai import catalog
from napari_medai.core.errors import MedAIError
from napari_medai.core.operation import Operation
from napari_medai.core.progress import Step
from napari_medai.gui.document import DocumentPanel
from napari_medai.gui.face import PanelFace
from napari_medai.gui.forms.remembered import REMEMBERED
from napari_medai.gui.help import HelpPage
from napari_medai.gui.history.plan import plan_of
from napari_medai.gui.history.snippets import as_commands, as_python
from napari_medai.gui.notify import explain, quiet_oblique_warning, say_notices
from napari_medai.gui.realign import find_misfit
from napari_medai.gui.results import Presentation, add_above
from napari_medai.gui.step import given_layers, only_layers, take_snapshots, take_step
from napari_medai.gui.tables.dock import show_tables
from napari_medai.gui.tables.regions import Regions
from napari_medai.gui.transforms import TransformPanel, keep

if TYPE_CHECKING:
    import napari


class OperationPanel(PanelFace):
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
        quiet_oblique_warning()
        super().__init__(operations, parent)
        self.viewer = viewer
        self._sources: list[Any] = []
        self._regions = Regions(viewer)
        self._adding = False
        self._realigned = ""
        self._connect()
        self.show_operation()

    @property
    def operation(self) -> Operation:
        """The operation that is shown."""
        return self.chooser.operation

    def choose(self, name: str) -> None:
        """Show an operation by its name."""
        self.chooser.choose(name)

    def show_operation(self, _: int = 0) -> None:
        """Show the form of the chosen operation, with the values it was last run with."""
        self.show_form(self.operation)
        self.form.set_values(REMEMBERED.values(self.operation))
        self._offer_layers()

    def run(self) -> None:
        """Start the chosen operation on the chosen layers, or say what is missing."""
        if self.runner.running:
            return
        try:
            layers, options = self.form.layers(), self.form.values()
        except MedAIError as error:
            explain(error)
            return
        REMEMBERED.keep(self.operation, options)
        self._start(self.operation, layers, options)

    def realign(self) -> None:
        """Bring the layer that was refused for its grid onto the image's, and choose the result."""
        misfit = self.realign_button.misfit
        if misfit is not None and not self.runner.running:
            layers = {"image": misfit.layer, "like": misfit.like}
            self._start(catalog.find("resample_to"), layers, {})
            self._realigned = misfit.name

    @property
    def main_layer(self) -> Any:
        """The first layer that the last step was given; none without one."""
        return self._sources[0] if self._sources else None

    def _start(self, operation: Operation, layers: Mapping[str, Any], options: Mapping[str, Any]) -> None:
        self._sources = given_layers(layers)
        name = f"{self.main_layer.name} · {operation.title}" if self.main_layer else operation.title
        work = partial(take_step, operation, take_snapshots(layers), options, name)
        self._realigned = ""
        self.realign_button.offer(None)
        self._regions = Regions.of_inputs(self.viewer, only_layers(layers))
        self.show_running(True)
        self.status.setText("Starting …")
        self.runner.start(work, name)

    def reset(self) -> None:
        """Show the defaults of the chosen operation again."""
        REMEMBERED.forget(self.operation)
        self.show_operation()

    def reset_all(self) -> None:
        """Forget what every operation was last run with, in this session and those before."""
        REMEMBERED.forget()
        self.show_operation()

    def copy_python(self) -> None:
        """Put the step, and all that led to its inputs, on the clipboard as a Python script."""
        self._copy(as_python, "Python script")

    def copy_command(self) -> None:
        """Put the step, and all that led to its inputs, on the clipboard as commands."""
        self._copy(as_commands, "command")

    def show_help(self) -> HelpPage:
        """Open the page of the chosen operation."""
        page = HelpPage(self.operation, self)
        page.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        page.show()
        return page

    def _connect(self) -> None:
        self.chooser.chosen.connect(self.show_operation)
        self.more.addAction("Reset to defaults", self.reset)
        self.more.addAction("Reset all operations", self.reset_all)
        self.more.addAction("Copy as Python", self.copy_python)
        self.more.addAction("Copy as command", self.copy_command)
        self.help_button.clicked.connect(self.show_help)
        self.realign_button.clicked.connect(self.realign)
        events = self.viewer.layers.events
        for event in (events.inserted, events.removed, events.reordered, events.renamed):
            event.connect(self._offer_layers)
        self.viewer.layers.selection.events.active.connect(self._follow_selection)

    def _offer_layers(self, _: Any = None) -> None:
        active = None if self._adding else self.viewer.layers.selection.active
        self.form.offer(list(self.viewer.layers), active)

    def _follow_selection(self, event: Any) -> None:
        if not self._adding:
            self.form.follow(event.value)

    def _show_progress(self, step: Step, remaining: float) -> None:
        if not self.runner.cancelling:
            self.show_progress(step, remaining)

    def _show_result(self, shown: Presentation) -> None:
        self._adding = True
        try:
            for data in shown.layers:
                add_above(self.viewer.layers, data, self._sources)
            for title, transform in shown.transforms:
                keep(title, transform)
            self._offer_layers()
        finally:
            self._adding = False
        show_tables(shown.tables, self._regions)
        self.show_below(_panels(shown))
        done = [data[1]["name"] for data in shown.layers]
        table = ["The table is below the image"] if shown.tables else []
        words = [f"New layer: {', '.join(done)}" if done else "Done", *table, *shown.remarks]
        self.status.setText(". ".join(words) + ".")
        if self._realigned:
            self.form.pickers[self._realigned].choose(self.viewer.layers[done[-1]])
            self.status.setText(f"{done[-1]} is chosen now. Press Run.")
        say_notices(shown.images, known=shown.known)

    def _show_failure(self, error: MedAIError | None) -> None:
        super()._show_failure(error)
        if error is not None:
            self.realign_button.offer(find_misfit(error, self.form.layers()))

    def _copy(self, write: Any, what: str) -> None:
        try:
            layers, options = self.form.layers(), self.form.values()
        except MedAIError as error:
            explain(error)
            return
        plan = plan_of(self.operation, layers, options, self.viewer.layers)
        QApplication.clipboard().setText(write(plan))
        self.status.setText(f"The {what} is on the clipboard.")


class GroupPanel(OperationPanel):
    """The panel of one of the package's groups.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer it belongs to.
    """

    group = ""
    first = ""
    """The operation shown at first."""

    guests: tuple[str, ...] = ()
    """Operations of other groups that belong to what is done here."""

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer, self.offered())
        self.choose(self.first)

    @classmethod
    def offered(cls) -> tuple[Operation, ...]:
        """Return the operations that can be chosen: the group's by title, then the guests."""
        return (*catalog.of_group(cls.group), *(catalog.find(name) for name in cls.guests))


def _panels(shown: Presentation) -> list[QWidget]:
    return [
        *(TransformPanel(title, transform) for title, transform in shown.transforms),
        *(DocumentPanel(title, values) for title, values in shown.documents),
    ]
