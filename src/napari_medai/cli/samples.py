"""``napari-medai samples``: the sample images as files."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("samples")
@click.argument("keys", nargs=-1, metavar="[NAME]...")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="DIR", help="Where to write them.")
def command(keys: tuple[str, ...], output: Path | None) -> None:
    """List the samples; with --output write those named, or all, into a folder that is new or empty."""
    from napari_medai.core.errors import WriteError
    from napari_medai.phantoms.samples import SAMPLES, write_sample

    if output is None:
        for sample in SAMPLES.values():
            click.echo(f"{click.style(sample.key, bold=True):<28} {sample.summary}")
        return
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise WriteError(f"{output} exists and is not empty.", hint="Choose a new folder.")
    for key in keys or SAMPLES:
        for path in write_sample(key, output):
            click.echo(path)
