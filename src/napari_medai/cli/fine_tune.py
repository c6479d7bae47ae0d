"""``napari-medai fine-tune``: a model that goes on learning from other cases."""

from __future__ import annotations

from pathlib import Path

import click

from napari_medai.cli.training import CaseOptions, case_options, tell


@click.command("fine-tune")
@click.argument("model")
@click.argument("cases", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, metavar="DIR",
              help="Gets plan.yaml, split.json, run/ and model/.")  # fmt: skip
@click.option("--plan", type=click.Path(path_type=Path), help="How; made from the model by default.")
@click.option("--name", default="", help="Of the new model.")
@click.option("--minutes", type=float, help="Time budget.")
@click.option("--freeze-encoder", is_flag=True, help="Leave the encoder as it is.")
@click.option("--decay", type=float, default=1.0, show_default=True,
              help="Each block nearer to the input learns by this factor more slowly.")  # fmt: skip
@click.option("--resume", is_flag=True, help="Go on with the training in --output.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or mps.")
@case_options
def command(
    model: str,
    cases: Path,
    output: Path,
    plan: Path | None,
    name: str,
    minutes: float | None,
    freeze_encoder: bool,
    decay: float,
    resume: bool,
    device: str,
    which: CaseOptions,
) -> None:
    """Train the model MODEL (a name or a folder) further on the labelled images CASES, as a new model."""
    from napari_medai.cli.progress import Bar
    from napari_medai.train import fine_tune, plan_fine_tuning, read_plan

    found = which.find(cases)
    with Bar("Fine-tuning") as bar:
        chosen = read_plan(plan) if plan else plan_fine_tuning(model, found, name=name, minutes=minutes)
        tuned = fine_tune(
            model,
            found,
            chosen,
            out=output,
            freeze_encoder=freeze_encoder,
            decay=decay,
            resume=resume,
            device=device,
            watch=tell,
            progress=bar,
        )
    click.echo(tuned.card)
    click.echo(f"{tuned.reference}: {output / 'model'}")
