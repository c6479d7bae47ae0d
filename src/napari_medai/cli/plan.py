"""``napari-medai plan``: look at cases and write down how a model would be trained on them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from napari_medai.cli.training import UNPAINTED, CaseOptions, case_options

if TYPE_CHECKING:
    from napari_medai.train.planner import Dimensions


@click.command("plan")
@click.argument("cases", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Where to save it: .yaml or .json.")
@click.option("--name", default="my-model", show_default=True, help="Of the model.")
@click.option("--memory-gb", type=float, default=4, show_default=True, help="Memory the training may take.")
@click.option("--minutes", type=float, help="Time budget.")
@click.option(
    "--dimensions",
    type=click.Choice(["auto", "2", "2.5", "3"]),
    default="auto",
    show_default=True,
    help="Volumes slice by slice (2), each slice with its neighbours (2.5), or whole (3).",
)
@click.option("--device", default="auto", show_default=True, help="Where to train: auto, cpu, cuda or mps.")
@case_options
def command(
    cases: Path,
    output: Path | None,
    name: str,
    memory_gb: float,
    minutes: float | None,
    dimensions: Dimensions,
    device: str,
    which: CaseOptions,
) -> None:
    """Plan a training on the labelled images CASES, and say how long and how large it is.

    CASES is a folder in nnU-Net's raw layout, a BIDS-like tree, a folder with --image and --labels, or a CSV
    with columns image and labels. Every entry of the plan may be changed before `napari-medai train`.
    """
    from napari_medai.cli.progress import Bar
    from napari_medai.train import make_plan, write_plan
    from napari_medai.train.estimating import estimate
    from napari_medai.train.plan import CaseSource

    found = which.find(cases)
    with Bar("Planning") as bar:
        plan = make_plan(
            found,
            name=name,
            memory_gb=memory_gb,
            minutes=minutes,
            dimensions=dimensions,
            device=device,
            progress=bar,
        )
    place = str(cases.resolve()) if output is None else _relative(cases, output)
    source = CaseSource(
        place=place,
        image=which.image,
        labels=which.labels if len(which.labels) > 1 else "".join(which.labels),
        subject=which.subject,
        soft=which.soft,
        unpainted=UNPAINTED[which.unpainted],
    )
    plan = plan.model_copy(update={"cases": source})
    if output is None:
        click.echo(plan.to_text(), nl=False)
    else:
        write_plan(plan, output)
    click.echo(str(estimate(plan, device)), err=True)


def _relative(cases: Path, output: Path) -> str:
    import os

    return os.path.relpath(cases.resolve(), output.resolve().parent)
