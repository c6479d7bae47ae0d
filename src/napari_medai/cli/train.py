"""``napari-medai train``: a model from a plan."""

from __future__ import annotations

from pathlib import Path

import click

from napari_medai.cli.training import CaseOptions, case_options, processes, tell


@click.command("train")
@click.argument("plan", type=click.Path(path_type=Path))
@click.argument("cases", type=click.Path(path_type=Path), required=False)
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, metavar="DIR",
              help="Gets plan.yaml, split.json, run/ (checkpoints, log.csv) and model/.")  # fmt: skip
@click.option("--fold", type=int, help="Which fold validates; the plan's by default.")
@click.option("--resume", is_flag=True, help="Go on with the training in --output.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or mps.")
@case_options
def command(
    plan: Path,
    cases: Path | None,
    output: Path,
    fold: int | None,
    resume: bool,
    device: str,
    which: CaseOptions,
) -> None:
    """Train a segmentation model by PLAN, on the cases that it names or on CASES.

    Ctrl-C stops after the step under way; --resume goes on. Several processes: put
    `torchrun --nproc-per-node=N -m napari_medai.cli` in the place of `napari-medai`.
    """
    from napari_medai.cli.progress import Bar
    from napari_medai.train import read_plan, train_model

    chosen = read_plan(plan)
    if fold is not None:
        split = chosen.split.model_copy(update={"fold": fold})
        chosen = chosen.model_copy(update={"split": split})
    found = which.find(cases) if cases is not None else None
    with processes() as several, Bar("Training") as bar:
        model = train_model(
            found,
            chosen,
            out=output,
            resume=resume,
            device=device,
            base=plan.parent,
            watch=tell if several.number == 0 else None,
            progress=bar,
        )
    if several.number == 0:
        click.echo(model.card)
        click.echo(f"{model.reference}: {output / 'model'}")
