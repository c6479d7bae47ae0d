"""``napari-medai recipe``: how result files were made, as a recipe that makes them again."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("recipe")
@click.argument("results", nargs=-1, required=True, metavar="RESULT...")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Where to save it: .yaml or .json.")
@click.option("--name", default="", help="What people call it.")
@click.option("--force", is_flag=True, help="Replace a file that exists.")
def command(results: tuple[str, ...], output: Path | None, name: str, force: bool) -> None:
    """Write down the steps that led to RESULT..., from the history that result files carry.

    The recipe is printed, or saved with --output and repeated on other images with `napari-medai run`.
    """
    from napari_medai.recipe.derive import from_history
    from napari_medai.recipe.files import as_text, save
    from napari_medai.recipe.inputs import read_one

    found = from_history(*(read_one(spec) for spec in results), name=name)
    if output is None:
        click.echo(as_text(found), nl=False)
    else:
        save(found, output, overwrite=force)
