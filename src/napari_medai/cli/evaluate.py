"""``napari-medai evaluate``: how good a model is on labelled cases."""

from __future__ import annotations

from pathlib import Path

import click

from napari_medai.cli.training import CaseOptions, case_options


@click.command("evaluate")
@click.argument("model", nargs=1)
@click.argument("cases", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE.csv",
              help="The table by case and label; the summary goes beside it.")  # fmt: skip
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or mps.")
@case_options
def command(
    model: str,
    cases: Path,
    output: Path | None,
    device: str,
    which: CaseOptions,
) -> int:
    """Judge the model MODEL on the labelled images CASES: Dice, HD95, ASSD and volume by case and label.

    Means stand with their 95 % bootstrap interval over subjects, and beside the best trivial segmentation.
    Several folders of one k-fold training, separated by commas: each model is judged on the cases it
    validated on, all together.
    """
    from napari_medai.cli.progress import Bar
    from napari_medai.train.evaluation import evaluate_folds, evaluate_model

    found = which.find(cases)
    with Bar("Evaluating") as bar:
        if "," in model:
            done = evaluate_folds(model.split(","), found, device=device, progress=bar)
        else:
            done = evaluate_model(model, found, device=device, progress=bar)
    if output is not None:
        from napari_medai.core.files import write_text

        write_text(output, done.table.to_csv(index=False))
        write_text(output.with_stem(f"{output.stem}-summary"), done.summary.to_csv(index=False))
    else:
        click.echo(done.table.round(4).to_string(index=False))
    click.echo(done.summary.round(4).to_string(index=False))
    for name, reason in done.failed.items():
        click.echo(f"napari-medai: {name}: {reason}", err=True)
    return 3 if done.failed else 0
