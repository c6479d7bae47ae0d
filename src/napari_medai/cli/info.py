"""``napari-medai info``: what a file or folder holds."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from napari_medai.io.describe import Description


@click.command("info")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="The same as JSON, for programs.")
def command(path: Path, as_json: bool) -> int:
    """Say what PATH holds: axes, size, spacing, orientation, and what to be careful about.

    Numbers are those of PATH#2, by which a command chooses one of several images. Exit code 2 if nothing
    there can be read.
    """
    from napari_medai.cli.progress import Bar
    from napari_medai.core.errors import ReadError
    from napari_medai.io.describe import describe

    with Bar("Looking") as bar:
        found = describe(path, progress=bar)
    if not found:
        raise ReadError(f"Found no image in {path}.", hint="Choose the folder that holds the images.")
    readable = [d for d in found if not d.problem]
    if as_json:
        click.echo(json.dumps([asdict(d) for d in found], indent=2))
        return 0 if readable else 2
    for number, description in enumerate(readable, 1):
        click.echo("\n".join(_lines(number, description)))
    for description in found:
        if description.problem:
            click.echo(f"napari-medai: {description.file}: {description.problem}", err=True)
    return 0 if readable else 2


def _lines(number: int, image: Description) -> list[str]:
    head = f"#{number}  {click.style(image.name or 'unnamed', bold=True)}"
    kind = " ".join(word for word in (image.modality, image.format, image.dtype) if word)
    size = " x ".join(map(str, image.shape))
    spacing = " x ".join(f"{step:.4g}" for step in image.spacing)
    place = f", axes lead to {image.orientation}" if image.orientation else ""
    lines = [head, f"    {kind}", f"    {image.axes} {size}, {spacing} {image.unit}{place}"]
    if image.file and image.file != image.name:
        lines.append(f"    in {image.file}")
    return lines + [f"    note: {notice}" for notice in image.notices]
