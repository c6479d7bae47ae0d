"""``napari-medai info``: what a file or folder holds."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("info")
@click.argument("path", type=click.Path(path_type=Path))
def command(path: Path) -> None:
    """Say what PATH holds: axes, size, spacing, orientation, and what to be careful about."""
    from napari_medai.io.describe import describe

    click.echo(describe(path))
