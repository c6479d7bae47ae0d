"""``napari-medai ceph-report``: a cephalogram's measures as one HTML page."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("ceph-report")
@click.argument("points", type=click.Path(path_type=Path))
@click.argument("image", type=click.Path(path_type=Path), required=False)
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The HTML page.")
@click.option("--anb-range", type=click.Choice(["teaching", "common"]), default="teaching", show_default=True,
              help="Class I of ANB: 3.7 to 5.2 degrees, or 0 to 4.")  # fmt: skip
@click.option("--spacing-mm", type=float, help="Pixel size of an IMAGE and POINTS that do not say it.")
@click.option("--force", is_flag=True, help="Replace a file that exists.")
def command(
    points: Path, image: Path | None, output: Path, anb_range: str, spacing_mm: float | None, force: bool
) -> None:
    """Measure the cephalogram whose POINTS are given, and draw them on IMAGE."""
    from napari_medai.core.errors import WriteError
    from napari_medai.io.point_folder import flat, sized
    from napari_medai.io.points import read_points
    from napari_medai.io.read import read
    from napari_medai.landmarks.ceph_report import write_ceph_report

    if output.exists() and not force:
        raise WriteError(f"{output} exists already.", hint="Choose another name, or pass --force.")
    known = read_points(points)
    if spacing_mm is not None and known.unit == "pixel":
        known = known.replace(positions=known.positions * spacing_mm, unit="mm", covariance=None)
    shown = None if image is None else sized(flat(read(image)[0]), spacing_mm)
    click.echo(write_ceph_report(known, output, shown, anb_range=anb_range))
