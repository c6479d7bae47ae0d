"""``napari-medai run``: a recipe replayed on one case or on many."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from napari_medai.cli.failure import STOPPED

if TYPE_CHECKING:
    from napari_medai.recipe.batch import BatchReport
    from napari_medai.recipe.cases import Case
    from napari_medai.recipe.inputs import Spec

SOME_FAILED = 3
_SHOWN_FAILURES = 50


@click.command("run")
@click.argument("recipe", type=click.Path(path_type=Path))
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="DIR",
              help="Gets a folder a case, manifest.json and summary.csv. Again: it resumes.")  # fmt: skip
@click.option("--match", multiple=True, metavar="NAME=PATTERN",
              help="Which files of a folder are that input, for example flair='*_FLAIR.nii.gz'.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Only list the cases and what is missing.")
@click.option("--workers", type=int, help="How many cases side by side; as many as fit by default.")
@click.option("--memory-gb", type=float, help="Memory that may be used; 80 % of what is free by default.")
@click.option("--scheduler", default="", metavar="ADDRESS",
              help="Run on this Dask cluster: tcp://host:8786 or a scheduler file.")  # fmt: skip
@click.option("--device", default="", help="Where networks run: auto, cpu, cuda.")
def command(
    recipe: Path,
    inputs: tuple[str, ...],
    output: Path | None,
    match: tuple[str, ...],
    dry_run: bool,
    workers: int | None,
    memory_gb: float | None,
    scheduler: str,
    device: str,
) -> int:
    """Replay RECIPE on every case found in INPUT...

    INPUT is a file, a folder (every image file and DICOM series is a case), a glob in quotes, a CSV or TSV
    with a column for each input of the recipe, or NAME=PATH for each of several inputs of one case.

    Exit code 0: all cases are done; 3: some failed, and the others are done; 2: nothing could begin.
    """
    from napari_medai.cli.progress import Bar
    from napari_medai.core.errors import Cancelled
    from napari_medai.recipe import execute, files
    from napari_medai.recipe.batch import run_batch
    from napari_medai.recipe.cases import find_cases

    wanted = files.load(recipe)
    execute.prepare(wanted, device)
    with Bar("Looking for cases") as bar:
        cases = find_cases(wanted, inputs, dict(map(_pair, match)), bar)
    if dry_run:
        return _list(cases)
    if output is None:
        raise click.UsageError("Missing option '--output': the folder for the results.")
    display = _Display(len(cases))
    engine: dict[str, Any] = {
        "workers": workers,
        "memory_gb": memory_gb,
        "scheduler": scheduler,
        "device": device,
    }
    try:
        with display.bar:
            report = run_batch(wanted, cases, output, **engine, progress=display.bar, state=display.state)
    except (Cancelled, KeyboardInterrupt):
        click.echo(
            f"napari-medai: stopped; {display.done} cases are done. The same command goes on.", err=True
        )
        return STOPPED
    return _conclude(report, output)


def _pair(text: str) -> tuple[str, str]:
    name, sign, pattern = text.partition("=")
    if not (name and sign and pattern):
        raise click.UsageError(f"Found --match {text!r}; needed NAME=PATTERN.")
    return name, pattern


def _list(cases: Sequence[Case]) -> int:
    for case in cases:
        given = "  ".join(f"{name}={_shown(spec)}" for name, spec in case.inputs.items())
        click.echo(f"{case.name}  {given}")
        for piece in case.missing:
            click.echo(f"    missing: {piece}")
    incomplete = sum(bool(case.missing) for case in cases)
    click.echo(f"{len(cases)} cases, {len(cases) - incomplete} complete.", err=True)
    return SOME_FAILED if incomplete else 0


def _shown(spec: Spec) -> str:
    return spec if isinstance(spec, str) else f"{spec[0]} and {len(spec) - 1} more"


def _conclude(report: BatchReport, output: Path) -> int:
    for outcome in report.failed[:_SHOWN_FAILURES]:
        click.echo(f"napari-medai: {outcome.case} failed: {outcome.reason}", err=True)
    again = f" ({report.resumed} were done before)" if report.resumed else ""
    click.echo(f"{len(report.done)} done{again}, {len(report.failed)} failed. Results: {output}")
    return SOME_FAILED if report.failed else 0


class _Display:
    """The bar of a batch, whose title tells how many cases are done, failed and running."""

    def __init__(self, total: int) -> None:
        from napari_medai.cli.progress import Bar

        self.bar = Bar(f"{total} cases")
        self._total = total
        self._states: dict[str, str] = {}

    @property
    def done(self) -> int:
        """How many cases have their results."""
        return sum(state in ("done", "already done") for state in self._states.values())

    def state(self, name: str, state: str) -> None:
        self._states[name] = state
        count = list(self._states.values()).count
        self.bar.title = (
            f"{self.done}/{self._total} done, {count('failed')} failed, {count('running')} running"
        )
        if state == "failed" and sys.stderr.isatty():
            self.bar.clear()
            click.echo(f"✗ {name}", err=True)
