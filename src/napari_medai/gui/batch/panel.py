"""A recipe on many cases, from the viewer: choose, look, run, watch each case."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

from napari_medai.core.errors import ArgumentError, MedAIError
from napari_medai.core.progress import Step
from napari_medai.gui.activity import TICKS
from napari_medai.gui.batch.face import BatchFace
from napari_medai.gui.batch.work import BatchPlan, Board, look, patterns, run
from napari_medai.gui.face import duration
from napari_medai.gui.notify import explain

if TYPE_CHECKING:
    import napari

    from napari_medai.recipe import BatchReport


class BatchPanel(BatchFace):
    """Run a recipe on a folder, a glob or a table of cases.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer it belongs to; its layers are neither read nor changed.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self.viewer = viewer
        self.board = Board()
        self.look_button.clicked.connect(self.look)

    def look(self) -> None:
        """List the cases and what they lack, without running anything."""
        self._start(look, "Looking for cases", needs_output=False)

    def run(self) -> None:
        """Run the recipe on every complete case."""
        self._start(run, "Batch", needs_output=True)

    def plan(self, needs_output: bool = True) -> BatchPlan:
        """Return what is asked for.

        Raises
        ------
        ArgumentError
            If a field is empty that is needed, or the file names cannot be read.
        """
        needed = {"recipe": self.recipe, "cases": self.sources}
        if needs_output:
            needed["folder for the results"] = self.output
        for what, field in needed.items():
            if not field.path:
                raise ArgumentError(f"No {what} chosen.", hint=field.line.toolTip())
        match = patterns(self.match.text())
        return BatchPlan(
            self.recipe.path,
            self.sources.path,
            match,
            self.output.path,
            self.workers.value(),
            self.scheduler.path,
            self.device.currentText().strip(),
        )

    def _start(self, work: Any, title: str, needs_output: bool) -> None:
        if self.runner.running:
            return
        try:
            plan = self.plan(needs_output)
        except MedAIError as error:
            explain(error)
            return
        self.board = Board()
        self.table.show_rows([])
        self.show_running(True)
        self.status.setText(f"{title} …")
        self.runner.start(partial(work, plan, self.board), title)

    def _show_cases(self) -> None:
        board = self.board
        rows = [(c.name, board.states[c.name], board.reasons.get(c.name, "")) for c in board.cases]
        self.table.show_rows(rows)

    def _show_progress(self, step: Step, remaining: float) -> None:
        self._show_cases()
        if self.runner.cancelling:
            return
        if not self.board.cases:
            self.status.setText(f"{step.message} …")
            return
        self.bar.setValue(int(step.fraction * TICKS))
        left = f" · {duration(remaining)} left" if remaining >= 0 else ""
        self.status.setText(f"{_in_words(self.board)}{left}")

    def _show_result(self, report: BatchReport | None) -> None:
        self._show_cases()
        if report is None:
            incomplete = sum(bool(case.missing) for case in self.board.cases)
            count = len(self.board.cases)
            self.status.setText(f"{count} cases, {count - incomplete} complete.")
            return
        again = f" ({report.resumed} were done before)" if report.resumed else ""
        self.status.setText(
            f"{len(report.done)} done{again}, {len(report.failed)} failed. Results: {self.output.path}"
        )

    def _show_stopped(self) -> None:
        self.board.states = {n: "waiting" if s == "running" else s for n, s in self.board.states.items()}
        self._show_cases()
        done = sum(state in ("done", "already done") for state in self.board.states.values())
        self.status.setText(f"Cancelled; {done} cases are done. Run goes on with the others.")

    def _show_failure(self, error: MedAIError | None) -> None:
        self._show_cases()
        super()._show_failure(error)


def _in_words(board: Board) -> str:
    count = Counter(board.states.values())
    done = count["done"] + count["already done"]
    return f"{done}/{len(board.cases)} done, {count['failed']} failed, {count['running']} running"
