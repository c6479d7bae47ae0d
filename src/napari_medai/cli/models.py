"""``napari-medai models``: the models at hand, and the card of one."""

from __future__ import annotations

import click


@click.command("models")
@click.argument("name", required=False)
@click.option("--check", is_flag=True, help="Run the model's own check and compare with what it must give.")
def command(name: str | None, check: bool) -> None:
    """List the models at hand, or show the card of the model NAME."""
    from napari_medai.core.errors import ArgumentError
    from napari_medai.models.store import list_models, load_model

    if name is None and check:
        raise ArgumentError("--check needs the name of a model.", "napari-medai models lists them.")
    if name is None:
        for known, spec in list_models().items():
            axes = f"{len(spec.tile)}-D, {' + '.join(spec.channels)}"
            click.echo(f"{click.style(known, bold=True)}  {spec.version}  {spec.licence}  ({axes})")
            click.echo(f"  {spec.task}: {', '.join(spec.results)}")
        return
    model = load_model(name)
    click.echo(model.card or f"{model.reference} has no card.")
    if check:
        from napari_medai.models.check import check_model

        click.echo(str(check_model(model)))
