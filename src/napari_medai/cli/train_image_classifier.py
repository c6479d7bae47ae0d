"""``napari-medai train-image-classifier``: a classifier from a folder with one subfolder a class."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from napari_medai.cli.training import tell


@click.command("train-image-classifier")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="DIR",
              help="Gets plan.json, run/ (curves) and model/; FOLDER-model by default.")  # fmt: skip
@click.option("--network", type=click.Choice(["pooled", "resnet", "densenet", "efficientnet"]),
              default="pooled", show_default=True,
              help="The small network whose maps are exact, or a usual large one.")  # fmt: skip
@click.option("--minutes", type=float, default=20.0, show_default=True, help="Time for the training.")
@click.option("--mirror", is_flag=True, help="Mirror images at random: not where left and right matter.")
@click.option("--subject", default="", metavar="REGEX",
              help="What in a file's name is the subject, for example '^(sub-[0-9]+)'.")  # fmt: skip
@click.option("--name", default="", help="What the model is called; the folder's name by default.")
@click.option("--licence", default="not stated", show_default=True, help="The terms of the model.")
@click.option("--citation", default="not stated", show_default=True, help="What to cite for it.")
@click.option("--seed", type=int, default=0, show_default=True,
              help="Decides the images held back and every batch.")  # fmt: skip
@click.option("--resume", is_flag=True, help="Go on with the training in --output.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or mps.")
def command(folder: Path, output: Path | None, **options: Any) -> None:
    """Train a model that tells classes of images apart, from a FOLDER with one subfolder a class.

    A subfolder's name is its class; in it lie image files, or folders that each hold one DICOM series. A
    fifth of each class is held back to judge the model by.
    """
    from napari_medai.cli.progress import Bar
    from napari_medai.train.classifier import MODEL, train_image_classifier

    place = output or folder.resolve().with_name(f"{folder.resolve().name}-model")
    with Bar("Training") as bar:
        model = train_image_classifier(folder, out=place, watch=tell, progress=bar, **options)
    click.echo(model.card)
    click.echo(f"{model.reference}: {place / MODEL}")
