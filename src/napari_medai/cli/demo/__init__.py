"""``napari-medai demo``: the main job on real and sample input, and a report with pictures."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("demo")
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("demo-output"), metavar="DIR",
              show_default=True, help="Where labels, tables and report.html go.")  # fmt: skip
def command(output: Path) -> None:
    """Read, prepare, segment and measure a fundus photograph, a CT phantom and real MR images.

    Nothing is downloaded: the photograph ships with scikit-image, the MR images with pydicom, and the
    CT series is made here. What an earlier demo wrote into DIR is replaced.
    """
    from napari_medai.cli.demo.show import run

    run(output)
