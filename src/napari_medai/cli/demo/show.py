"""The demo from its first case to its report."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

import click

from napari_medai.cli.demo.case import Case, Clock
from napari_medai.cli.demo.report import page
from napari_medai.cli.progress import Bar
from napari_medai.core.errors import WriteError
from napari_medai.core.files import write_text
from napari_medai.core.history import package_version
from napari_medai.core.progress import Progress

REPORT = "report.html"
CASES = ("fundus", "torso", "abdomen")
RunCase = Callable[[Path, Clock, Progress], Case]


def run(output: Path) -> None:
    """Run every case and write the report.

    Parameters
    ----------
    output : Path
        A folder: new, empty, or that of an earlier demo.

    Raises
    ------
    WriteError
        If it holds something else.
    """
    _claim(output)
    start = time.perf_counter()
    cases = [_run_case(name, output) for name in CASES]
    seconds = time.perf_counter() - start
    write_text(output / REPORT, page(cases, _about(cases, seconds)))
    click.echo(f"\nReport: {(output / REPORT).resolve()}")


def _run_case(name: str, output: Path) -> Case:
    run_case: RunCase = import_module(f"napari_medai.cli.demo.{name}").run
    with Bar(name) as bar:

        def say(step: str) -> None:
            bar.title = step

        case = run_case(output, Clock(say), bar)
    click.echo(f"{case.title:<44} {case.seconds:6.1f} s{_result(case)}")
    return case


def _result(case: Case) -> str:
    if not case.scores:
        return ""
    dice = sum(s.dice for s in case.scores) / len(case.scores)
    baseline = sum(s.baseline for s in case.scores) / len(case.scores)
    return f"   Dice {dice:.3f} (Otsu {baseline:.3f})"


def _claim(output: Path) -> None:
    if output.exists() and not output.is_dir():
        raise WriteError(f"{output} is a file; needed a folder.", hint="Choose another name.")
    if output.is_dir() and any(output.iterdir()) and not (output / REPORT).is_file():
        raise WriteError(f"{output} is not empty, and not the folder of a demo.", hint="Choose a new one.")
    if not output.parent.is_dir():
        raise WriteError(f"There is no folder {output.parent}.", hint="Create it first.")
    output.mkdir(exist_ok=True)
    (output / REPORT).write_text("The demo is at work, or was stopped before its end.\n", encoding="utf-8")


def _about(cases: Sequence[Case], seconds: float) -> list[tuple[str, str]]:
    import torch

    return [
        ("Cases", str(len(cases))),
        ("Total time", f"{seconds:.0f} s"),
        ("Machine", f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}"),
        ("napari-medai", package_version()),
        ("Python", platform.python_version()),
        ("PyTorch", str(torch.__version__)),
    ]
