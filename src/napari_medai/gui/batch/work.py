"""What the Batch panel has its worker thread do, and what both of them know of the cases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from napari_medai import catalog
from napari_medai.core.errors import ArgumentError
from napari_medai.core.progress import Progress, Step
from napari_medai.gui.torch_import import import_torch, takes_torch

if TYPE_CHECKING:
    from napari_medai.recipe import BatchReport, Case, Recipe


@dataclass(frozen=True)
class BatchPlan:
    """What a person asked for.

    Parameters
    ----------
    recipe : str
        Path of the recipe.
    sources : str
        A folder, a glob, a file or a table of cases.
    match : mapping
        Input name to the pattern of its files' names.
    output : str
        The folder that gets the results; not needed for looking.
    workers : int
        How many cases side by side; 1 in this process, 0 as many as fit.
    scheduler : str
        Address or scheduler file of a Dask cluster; empty: this machine.
    device : str
        Where networks run; empty: as the recipe says.
    """

    recipe: str
    sources: str
    match: Mapping[str, str]
    output: str = ""
    workers: int = 1
    scheduler: str = ""
    device: str = ""


@dataclass
class Board:
    """The cases and how each of them stands; written by the worker, read by the panel."""

    cases: tuple[Case, ...] = ()
    states: dict[str, str] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)

    def show(self, cases: tuple[Case, ...]) -> None:
        """Begin with these cases; those that lack a piece say so."""
        self.states = {case.name: "incomplete" if case.missing else "waiting" for case in cases}
        self.reasons = {case.name: "; ".join(case.missing) for case in cases}
        self.cases = cases

    def hear(self, name: str, state: str) -> None:
        """Take a case's new state."""
        self.states[name] = state


def look(plan: BatchPlan, board: Board, progress: Progress) -> None:
    """Check the recipe and find its cases; nothing is run or written.

    Raises
    ------
    MedAIError
        If the recipe cannot run here, or the sources do not fit it.
    """
    board.show(_cases(plan, progress)[1])


def run(plan: BatchPlan, board: Board, progress: Progress) -> BatchReport:
    """Run the recipe on its cases, or go on with a batch that was interrupted.

    Raises
    ------
    MedAIError
        If nothing can begin; what goes wrong in one case is in the report.
    """
    from napari_medai.recipe import run_batch

    recipe, cases = _cases(plan, progress)
    board.show(cases)
    report = run_batch(
        recipe,
        cases,
        plan.output,
        workers=plan.workers or None,
        scheduler=plan.scheduler,
        device=plan.device,
        progress=progress,
        state=board.hear,
    )
    board.reasons.update({outcome.case: outcome.reason for outcome in report.failed})
    return report


def patterns(text: str) -> dict[str, str]:
    """Read ``t1=*_T1w.nii.gz; mask=*_mask.nii.gz``.

    Raises
    ------
    ArgumentError
        If a part is not a name and a pattern.
    """
    found = {}
    for entry in filter(None, (part.strip() for part in text.split(";"))):
        name, sign, pattern = (word.strip() for word in entry.partition("="))
        if not (name and sign and pattern):
            raise ArgumentError(
                f"Found {entry!r} among the names; needed INPUT=PATTERN, for example t1=*_T1w.nii.gz."
            )
        found[name] = pattern
    return found


def _cases(plan: BatchPlan, progress: Progress) -> tuple[Recipe, tuple[Case, ...]]:
    from napari_medai.recipe import find_cases, load
    from napari_medai.recipe.execute import prepare

    progress(Step(0, 0, "Looking for cases"))
    recipe = load(plan.recipe)
    every = catalog.operations()
    if takes_torch(every[step.operation] for step in recipe.steps if step.operation in every):
        import_torch()
    prepare(recipe, plan.device)
    return recipe, tuple(find_cases(recipe, [plan.sources], plan.match, progress))
