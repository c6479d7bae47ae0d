"""``napari-medai train-landmarks``: a landmark model from a folder of images and a table of points."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from napari_medai.cli.training import tell


@click.command("train-landmarks")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="DIR",
              help="Gets plan.json, run/ (curves) and model/; FOLDER-model by default.")  # fmt: skip
@click.option("--points", type=click.Path(path_type=Path), metavar="CSV",
              help="The table of points, if it does not lie in FOLDER or there are several.")  # fmt: skip
@click.option("--spacing-mm", type=float, help="Pixel size of images that do not say it.")
@click.option("--minutes", type=float, default=45.0, show_default=True, help="Time for the training.")
@click.option("--size", type=click.Choice(["standard", "small"]), default="standard", show_default=True,
              help="How wide the networks are.")  # fmt: skip
@click.option("--start", help="A landmark model with the same points to go on from.")
@click.option("--missing", type=click.Choice(["absent", "ignore"]), default="absent", show_default=True,
              help="What it means that a case lacks a point: it is not there, or nobody looked.")  # fmt: skip
@click.option("--outside", type=click.Choice(["refuse", "absent"]), default="refuse", show_default=True,
              help="A point beyond its image: refuse to begin, or learn that it is not there.")  # fmt: skip
@click.option(
    "--seed", type=int, default=0, show_default=True, help="Decides the cases kept aside and every view."
)
@click.option("--resume", is_flag=True, help="Go on with the training in --output.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or mps.")
def command(folder: Path, output: Path | None, points: Path | None, **options: Any) -> None:
    """Train a model that finds points, from a FOLDER of images and a CSV of points.

    The CSV has a column image, and either the columns name, x, y (and z), a row a point, or two or three
    columns a point (sella_x, sella_y, ...), a row an image. On 2-D images x and y are pixels, unless they
    are called x_mm and y_mm. Without a CSV, a file of points beside each image is taken.
    """
    from napari_medai.cli.progress import Bar
    from napari_medai.train.landmarks import MODEL, train_landmarks

    place = output or folder.resolve().with_name(f"{folder.resolve().name}-model")
    with Bar("Training") as bar:
        model = train_landmarks(folder, out=place, table=points, watch=tell, progress=bar, **options)
    click.echo(model.card)
    click.echo(f"{model.reference}: {place / MODEL}")
