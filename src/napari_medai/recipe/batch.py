"""A recipe on many cases: resumable, each case whole or not at all, errors collected."""

from __future__ import annotations

import csv
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from napari_medai.core.errors import ArgumentError, WriteError
from napari_medai.core.files import write_text
from napari_medai.core.history import package_version
from napari_medai.core.memory import available_bytes
from napari_medai.core.progress import Progress, silent
from napari_medai.core.settings import settings
from napari_medai.recipe.cases import Case
from napari_medai.recipe.execute import prepare
from napari_medai.recipe.files import as_text, load
from napari_medai.recipe.first_case import refuse_wrong_inputs
from napari_medai.recipe.gpus import gpus_for
from napari_medai.recipe.lock import locked
from napari_medai.recipe.memory import estimate_bytes
from napari_medai.recipe.one_case import PARTIAL, Job, Outcome, read_outcome
from napari_medai.recipe.recipe import Recipe
from napari_medai.recipe.workers import run_here, run_in_processes

RECIPE_FILE, MANIFEST_FILE, SUMMARY_FILE = "recipe.yaml", "manifest.json", "summary.csv"
_SHARE_OF_MEMORY = 0.8
_MANIFEST_EVERY_S = 1.0

State = Callable[[str, str], None]
"""Told a case's name and ``"running"``, ``"done"``, ``"failed"`` or ``"already done"``."""


@dataclass(frozen=True)
class BatchReport:
    """How a batch ended.

    Parameters
    ----------
    outcomes : sequence of Outcome
        One a case, in the order of the cases.
    resumed : int
        How many were done before and not done again.
    """

    outcomes: tuple[Outcome, ...]
    resumed: int = 0

    @property
    def done(self) -> tuple[Outcome, ...]:
        """The cases whose folder holds results."""
        return tuple(o for o in self.outcomes if o.state == "done")

    @property
    def failed(self) -> tuple[Outcome, ...]:
        """The others, each with its reason."""
        return tuple(o for o in self.outcomes if o.state == "failed")


def run_batch(
    recipe: Recipe | str | Path,
    cases: Sequence[Case],
    out: str | Path,
    *,
    workers: int | None = None,
    memory_gb: float | None = None,
    scheduler: str = "",
    device: str = "",
    progress: Progress = silent,
    state: State = lambda _name, _state: None,
) -> BatchReport:
    """Run a recipe on cases; call it again with the same folder to go on after an interruption.

    Parameters
    ----------
    recipe : Recipe or path
        What to do with each.
    cases : sequence of Case
        From :func:`find_cases`.
    out : str or Path
        Gets a folder a case, ``recipe.yaml``, ``manifest.json`` and ``summary.csv`` (the measures of all
        cases). Created if need be; an existing one must hold the same recipe.
    workers : int, optional
        How many cases side by side; by default as many as there are processor cores and memory. 1 runs
        them in this process. Where steps run on graphics processors, there is one case on each of them.
    memory_gb : float, optional
        How much memory may be used; by default the setting ``memory_limit_mb``, or 80 % of what is free.
    scheduler : str
        ``tcp://host:8786`` or a scheduler file: run on that Dask cluster instead.
    device : str
        Where networks run; the operations' default if empty.
    progress : Progress
        Hears how far the batch is; when it raises ``Cancelled`` finished cases stay.
    state : callable
        Told each case's name and state.

    Returns
    -------
    BatchReport
        Failures are in it, not raised.

    Raises
    ------
    ArgumentError
        If the recipe does not fit the operations there are, or the cases' files are not what it asks for.
    WriteError
        If the folder belongs to another batch, another run is at work in it, or it cannot be written.
    """
    recipe = recipe if isinstance(recipe, Recipe) else load(recipe)
    if workers is not None and workers < 1:
        raise ArgumentError(f"Found workers={workers}; needed 1 or more.")
    steps = prepare(recipe, device)
    gpus = () if scheduler else gpus_for(steps)
    engine = _Engine(workers, memory_gb, scheduler, gpus, progress, state)
    if not any(read_outcome(Path(out) / case.name) for case in cases):
        refuse_wrong_inputs(recipe, cases, progress)
    with _claimed(Path(out), recipe) as folder:
        return _run(recipe, cases, folder, engine, device)


@dataclass(frozen=True)
class _Engine:
    """Where cases run, and who is told."""

    workers: int | None
    memory_gb: float | None
    scheduler: str
    gpus: tuple[str, ...]
    progress: Progress
    state: State

    def run(self, jobs: Sequence[Job]) -> Iterator[Outcome]:
        def started(name: str) -> None:
            self.state(name, "running")

        if self.scheduler:
            from napari_medai.recipe.cluster import run_on_cluster

            return run_on_cluster(jobs, self.scheduler, self.progress, started)
        limit = self.memory_gb * 1e9 if self.memory_gb else settings().memory_limit_mb * 1e6
        memory = int(limit or available_bytes() * _SHARE_OF_MEMORY)
        count = self.workers if self.workers is not None else _workers_for(jobs, memory)
        count = min(count, len(self.gpus)) if self.gpus else count
        if count == 1:
            return run_here(jobs, self.progress, started)
        return run_in_processes(jobs, count, memory, self.progress, started, self.gpus)


def _run(recipe: Recipe, cases: Sequence[Case], folder: Path, engine: _Engine, device: str) -> BatchReport:
    known = {case.name: outcome for case in cases if (outcome := read_outcome(folder / case.name))}
    for name in known:
        engine.state(name, "already done")
    resumed = len(known)
    known |= _incomplete([case for case in cases if case.name not in known], engine.state)
    text = json.dumps(recipe.to_json())
    jobs = [Job(case, text, str(folder.resolve()), device) for case in cases if case.name not in known]
    written = 0.0
    try:
        for outcome in engine.run(jobs):
            known[outcome.case] = outcome
            engine.state(outcome.case, outcome.state)
            if time.monotonic() - written > _MANIFEST_EVERY_S:
                _write_manifest(folder, recipe, cases, known)
                written = time.monotonic()
    finally:
        _sweep(folder)
        _write_manifest(folder, recipe, cases, known)
        _write_summary(folder, [known[c.name] for c in cases if c.name in known])
    return BatchReport(tuple(known[case.name] for case in cases), resumed)


def _workers_for(jobs: Sequence[Job], memory: int) -> int:
    if len(jobs) < 2:
        return 1
    largest = max(estimate_bytes(job.case.inputs.values()) for job in jobs[:200])
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, len(jobs), memory // largest))


@contextmanager
def _claimed(folder: Path, recipe: Recipe) -> Iterator[Path]:
    """Hold the batch's folder, with its recipe in it, swept of what an interrupted run left."""
    if not folder.parent.is_dir():
        raise WriteError(f"There is no folder {folder.parent}.", hint="Create it first, or choose another.")
    with ExitStack() as held:
        try:
            folder.mkdir(exist_ok=True)
            held.enter_context(locked(folder))
            _mark(folder, recipe)
        except OSError as error:
            raise WriteError(f"{folder} cannot be written: {error.strerror}.", "Choose another.") from error
        _sweep(folder)
        yield folder


def _mark(folder: Path, recipe: Recipe) -> None:
    written = folder / RECIPE_FILE
    if not written.is_file():
        if any(not p.name.startswith(".") for p in folder.iterdir()):
            raise WriteError(f"{folder} is not empty, and not the folder of a batch.", "Choose a new one.")
        write_text(written, as_text(recipe))
    elif load(written).digest != recipe.digest:
        raise WriteError(f"{folder} holds the results of another recipe.", "Choose another output folder.")


def _sweep(folder: Path) -> None:
    for left in folder.glob(f"{PARTIAL}*"):
        shutil.rmtree(left, ignore_errors=True)


def _incomplete(cases: Sequence[Case], state: State) -> dict[str, Outcome]:
    outcomes = {}
    for case in cases:
        if case.missing:
            outcomes[case.name] = Outcome(case.name, "failed", reason="; ".join(case.missing) + ".")
            state(case.name, "failed")
    return outcomes


def _write_manifest(folder: Path, recipe: Recipe, cases: Sequence[Case], known: dict[str, Outcome]) -> None:
    entries = [_manifest_entry(case.name, known.get(case.name)) for case in cases]
    manifest = {"recipe": recipe.digest, "version": package_version(), "cases": entries}
    write_text(folder / MANIFEST_FILE, json.dumps(manifest, indent=1))


def _manifest_entry(name: str, outcome: Outcome | None) -> dict[str, Any]:
    if outcome is None:
        return {"case": name, "state": "waiting"}
    entry = {"case": name, "state": outcome.state, "seconds": outcome.seconds}
    return entry | ({"reason": outcome.reason} if outcome.reason else {"files": list(outcome.files)})


def _write_summary(folder: Path, outcomes: Sequence[Outcome]) -> None:
    """Write the measures of all cases as one table: the case first, failed ones with their reason."""
    rows: list[dict[str, Any]] = []
    for outcome in outcomes:
        head = {"case": outcome.case, "state": outcome.state, "reason": outcome.reason}
        rows += [{**head, **row} for row in outcome.rows] or [head]
    columns = dict.fromkeys(["case", "state", "reason", *(name for row in rows for name in row)])
    text = StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(folder / SUMMARY_FILE, text.getvalue())
