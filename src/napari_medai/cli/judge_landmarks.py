"""``napari-medai judge-landmarks``: how far a landmark model's points are off on marked images."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("judge-landmarks")
@click.argument("model")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE.csv",
              help="Every point of every image; three tables of figures go beside it.")  # fmt: skip
@click.option("--points", type=click.Path(path_type=Path), metavar="CSV",
              help="The table of points, if it does not lie in FOLDER or there are several.")  # fmt: skip
@click.option("--spacing-mm", type=float, help="Pixel size of images that do not say it.")
@click.option("--device", default="cpu", show_default=True, help="auto, cpu, cuda or mps.")
def command(
    model: str, folder: Path, output: Path | None, points: Path | None, spacing_mm: float | None, device: str
) -> None:
    """Judge the model MODEL on a FOLDER of images and a CSV of points, as train-landmarks takes them.

    Radial error and success within the usual distances, by point and over all; of cephalograms the angles
    too. Where two readers have marked each image, their own distance stands beside.
    """
    from napari_medai.cli.progress import Bar
    from napari_medai.io.point_folder import read_marked_images
    from napari_medai.landmarks.judging import judge_landmark_model

    with Bar("Judging") as bar:
        marked = read_marked_images(folder, points, spacing_mm=spacing_mm)
        done = judge_landmark_model(model, marked, device=device, progress=bar)
    tables = {"points": done.errors.points, "summary": done.errors.summary, "angles": done.errors.angles}
    if output is not None:
        from napari_medai.core.files import write_text

        write_text(output, done.cases.to_csv(index=False))
        for name, table in tables.items():
            write_text(output.with_stem(f"{output.stem}-{name}"), table.to_csv(index=False))
    for table in tables.values():
        if len(table):
            click.echo(table.round(4).to_string(index=False) + "\n")
