"""The command ``napari-medai``: finds its sub-commands late, so that it starts at once."""

from __future__ import annotations

import difflib
from typing import Any, NoReturn

import click

from napari_medai.cli.failure import guarded

OWN = {
    "info": "What a file or folder holds: axes, size, spacing, orientation.",
    "list": "Every operation, by group.",
    "run": "Replay a recipe on one case, or on every case of a folder, glob or table.",
    "recipe": "How a result file was made, as a recipe that makes it again.",
    "plan": "Look at labelled images and write down how a model would be trained on them.",
    "train": "A segmentation model from a plan.",
    "fine-tune": "A model that goes on learning from other labelled images.",
    "train-image-classifier": "A model that tells classes of images apart, from a folder a class.",
    "train-landmarks": "A model that finds points, from images and a table of points.",
    "judge-landmarks": "How far a landmark model's points are off on marked images.",
    "evaluate": "How good a model is on labelled images, by case and label.",
    "models": "The models at hand, with what they segment or find.",
    "samples": "Write the sample images to a folder.",
    "ceph-report": "The angles and lengths of a cephalogram as one HTML page.",
    "study-report": "The table of a study, or of two methods, as one HTML page.",
    "demo": "Run the main job on real and sample input and write a report with pictures.",
    "doctor": "Versions, processor, codecs, and what is missing.",
}

ALIASES = {"ibsi-check": "check-ibsi"}
"""Other names of operations, which people look for."""

EPILOG = """\b
Every operation is a command as well; `napari-medai list` names them:
  napari-medai smooth-gaussian scan.nii.gz --output smooth.nii.gz --sigma-mm 2
A file or folder with several images: choose one with PATH#2 (its number in `info`).
"""


class Commands(click.Group):
    """The commands of this package and one for every operation, imported when asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click gives it
        return [*OWN, *ALIASES]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        name = cmd_name.replace("_", "-")
        name = ALIASES.get(name, name)
        if name in OWN:
            return _own_command(name)
        from napari_medai import catalog
        from napari_medai.cli.command import command_of

        operation = catalog.operations().get(name.replace("-", "_"))
        return command_of(operation) if operation else None

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if self.get_command(ctx, args[0]) is None:
            _refuse_unknown(args[0])
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            aliases = [(alias, f"The operation {name}.") for alias, name in ALIASES.items()]
            formatter.write_dl([*OWN.items(), *aliases])


def _own_command(name: str) -> click.Command:
    from importlib import import_module

    module = import_module(f"napari_medai.cli.{name.replace('-', '_')}")
    command: click.Command = module.command
    return command


def _refuse_unknown(name: str) -> NoReturn:
    from napari_medai import catalog
    from napari_medai.core.errors import ArgumentError

    known = [*OWN, *ALIASES, *(n.replace("_", "-") for n in catalog.operations())]
    close = difflib.get_close_matches(name.replace("_", "-"), known, n=1, cutoff=0.5)
    hint = f"Did you mean {close[0]}?" if close else "napari-medai list shows all of them."
    raise ArgumentError(f"There is no command {name!r}.", hint)


def _show_version(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        from napari_medai.core.history import package_version

        click.echo(f"napari-medai {package_version()}")
        ctx.exit()


@click.group(cls=Commands, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version,
              help="Say the version.")  # fmt: skip
@click.option("--debug", is_flag=True, expose_value=False,
              help="On an error show where in the code it happened (may stand anywhere).")  # fmt: skip
def commands() -> None:
    """Medical images on the command line: read with true geometry, prepare, segment, measure, repeat."""


def main(args: list[str] | None = None) -> NoReturn:
    """Run the command line and exit: 0 done, 2 a bad input, 130 stopped by Ctrl-C, 1 anything else.

    Parameters
    ----------
    args : list of str, optional
        The arguments; those of the process by default.
    """
    raise SystemExit(guarded(commands, args))
