"""``napari-medai models``: the models at hand, shown, checked, added, packed, brought in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from napari_medai.cli.progress import Bar


class Models(click.Group):
    """Sub-commands; without one the list, and with a model's name its card."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args:
            args = ["list"]
        elif args[0] not in self.commands and args[0] not in ("-h", "--help"):
            args = ["card", *args]
        return super().parse_args(ctx, args)


@click.group("models", cls=Models)
def command() -> None:
    """The models at hand. Without a sub-command the list; with a model's name its card."""


@command.command("list")
def show_list() -> None:
    """Name the models at hand."""
    from napari_medai.models.store import list_models

    for known, spec in list_models().items():
        axes = f"{len(spec.tile)}-D, {' + '.join(spec.channels)}"
        click.echo(f"{click.style(known, bold=True)}  {spec.version}  {spec.licence}  ({axes})")
        click.echo(f"  {spec.task}: {', '.join(spec.results)}")


@command.command("card")
@click.argument("name", required=False)
@click.option("--check", is_flag=True, help="Run the model's own check and compare with what it must give.")
def show_card(name: str | None, check: bool) -> None:
    """Show the card of the model NAME: what it expects and finds, licence, citation, figures."""
    from napari_medai.core.errors import ArgumentError
    from napari_medai.models.card import model_card
    from napari_medai.models.store import load_model

    if name is None:
        raise ArgumentError("The card needs the name of a model.", "napari-medai models lists them.")
    model = load_model(name)
    click.echo(model_card(model.spec, model.card, model.digest))
    if check:
        _check(name)


@command.command("check")
@click.argument("name")
def run_check(name: str) -> None:
    """Run the model NAME on its own small input and compare with what it must give."""
    _check(name)


@command.command("add")
@click.argument("source", metavar="PATH_OR_URL")
@click.option("--sha256", default="", help="The file's checksum; needed for a URL.")
def add(source: str, sha256: str) -> None:
    """Add a model folder, its zip file, or one from the net, to your own models."""
    from napari_medai.models.library import add_model

    with Bar("Model") as progress:
        model = add_model(source, sha256=sha256, progress=progress)
    _say_added(model)


@command.command("remove")
@click.argument("name")
def remove(name: str) -> None:
    """Remove one of your own models for good."""
    from napari_medai.models.library import remove_model

    remove_model(name)
    click.echo(f"Removed {name}.")


@command.command("export")
@click.argument("name")
@click.argument("target", type=click.Path(path_type=Path), metavar="FILE.zip")
@click.option(
    "--format",
    "kind",
    type=click.Choice(["zip", "onnx", "openvino", "torchscript"]),
    default="zip",
    help="A zip file of the model folder, or a folder for another program.",
)
def export(name: str, target: Path, kind: Any) -> None:
    """Pack the model NAME into a file to travel, or write it for another program."""
    if kind == "zip":
        from napari_medai.models.library import export_model

        with Bar("Model") as progress:
            digest = export_model(name, target, progress=progress)
        click.echo(f"{target}\nSHA-256 {digest}")
        return
    from napari_medai.models.exports import export_network
    from napari_medai.models.store import load_model

    written = export_network(load_model(name), target, kind)
    click.echo(f"{target}: {written.files} files; its scores differ from torch's by {written.difference:.1e}")


@command.command("import")
@click.argument("source", type=click.Path(path_type=Path), metavar="PATH")
@click.option("--sha256", default="", help="The file's checksum.")
@click.option("--name", default="", help="What to call it.")
@click.option("--licence", default="", help="Its licence, where the files do not say.")
@click.option("--citation", default="", help="What to cite, where the files do not say.")
@click.option(
    "--fold", "folds", multiple=True, help="Of an nnU-Net: a fold to take (repeat it); all by default."
)
@click.option("--spec", type=click.Path(path_type=Path), help="For a file of weights: the model.json for it.")
def bring_in(source: Path, folds: tuple[str, ...], spec: Path | None, sha256: str, **words: Any) -> None:
    """Bring in a zip file, a trained nnU-Net v2 folder, a MONAI bundle, or weights with their description."""
    from napari_medai.models.imports.words import Words
    from napari_medai.models.library import import_model

    with Bar("Model") as progress:
        model = import_model(
            source, words=Words(**words), spec=spec, folds=folds, sha256=sha256, progress=progress
        )
    _say_added(model)


@command.command("networks")
@click.option("--ndim", type=click.IntRange(2, 3), default=3, help="Dimensions.")
@click.option(
    "--patch", type=click.IntRange(32, 512), default=None, help="Voxels along each axis of a patch."
)
def show_networks(ndim: int, patch: int | None) -> None:
    """Name every network, with parameters and memory for one patch at its usual size."""
    from napari_medai.models.networks.cost import network_costs

    size = patch or (96 if ndim == 3 else 256)
    shown = " x ".join([str(size)] * ndim)
    click.echo(f"One channel in, two out, a patch of {shown}, float32; memory besides the weights:")
    click.echo(f"{'':22}{'parameters':>12}{'predicting':>12}{'training':>12}")
    for name, cost in network_costs(ndim, size).items():
        if cost is None:
            click.echo(f"{name:22}{'a package it needs is not installed':>36}")
            continue
        numbers = (
            f"{cost.parameters / 1e6:10.2f} M{cost.predicting / 1e6:9.0f} MB{cost.training / 1e6:9.0f} MB"
        )
        click.echo(f"{name:22}{numbers}  {', '.join(sorted(cost.tasks)) or 'parts of trainings'}")


@command.command("schema")
def show_schema() -> None:
    """Print the JSON schema of model.json."""
    from napari_medai.models.schema import schema_text

    click.echo(schema_text(), nl=False)


def _check(name: str) -> None:
    from napari_medai.core.errors import ModelError
    from napari_medai.models.check import check_model
    from napari_medai.models.store import load_model

    result = check_model(load_model(name))
    click.echo(str(result))
    if not result.passed:
        raise ModelError(f"The model {name} does not give what it gave where it was made.")


def _say_added(model: Any) -> None:
    from napari_medai.models.card import terms

    click.echo(f"Added {model.reference}: {', '.join(model.spec.results)}")
    click.echo(terms(model.spec))
