"""Options that the commands about training share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from napari_medai.train import Cases, Epoch
    from napari_medai.train.painted import Unpainted

UNPAINTED: dict[str, Unpainted] = {
    "background": "background",
    "slices": "unknown outside painted slices",
    "unknown": "unknown",
}
"""What voxels without paint are, in one word each."""

_OPTIONS = (
    click.option("--image", multiple=True, metavar="PATTERN",
                 help="Which files below CASES are images: 'images/*.png'; again for each channel."),
    click.option("--labels", multiple=True, metavar="PATTERN",
                 help="Which are their labels; the stars must stand for the same part of the name. Again for "
                 "each map of shares, one for each label."),
    click.option("--subject", default="", metavar="REGEX",
                 help="What in a case's name is the subject, for example '^(sub-[0-9]+)'."),
    click.option("--ignore", type=int, help="The label value of voxels that nobody marked."),
    click.option("--repair", is_flag=True, help="Bring labels of another grid onto their image's."),
    click.option("--unpainted", type=click.Choice(list(UNPAINTED)), default="background", show_default=True,
                 help="What voxels without paint are: background; unknown in slices without any paint, and "
                 "background in the others; or unknown everywhere, with label 1 painted on background."),
    click.option("--soft", is_flag=True, help="Labels are shares from 0 to 1, not label numbers."),
)  # fmt: skip


@dataclass(frozen=True)
class CaseOptions:
    """Which files are cases, and how their labels are meant; one field an option."""

    image: tuple[str, ...]
    labels: tuple[str, ...]
    subject: str
    ignore: int | None
    repair: bool
    unpainted: str
    soft: bool

    def find(self, place: Path) -> Cases:
        """Find the cases at a place."""
        from napari_medai.train import find_cases

        return find_cases(
            place,
            image=self.image or "",
            labels=self.labels,
            subject=self.subject,
            ignore=self.ignore,
            repair=self.repair,
            soft=self.soft,
            unpainted=UNPAINTED[self.unpainted],
        )


def case_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say which files are cases; the command gets them as ``which``."""

    @wraps(function)
    def command(**given: Any) -> Any:
        own = {field.name: given.pop(field.name) for field in fields(CaseOptions)}
        return function(which=CaseOptions(**own), **given)

    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def tell(epoch: Epoch, _: object) -> None:
    """Print a line about an epoch."""
    figures = "  ".join(f"{name} {value:.4f}" for name, value in epoch.metrics.items())
    minutes, seconds = divmod(round(epoch.seconds), 60)
    click.echo(
        f"epoch {epoch.number}  step {epoch.step}  {minutes}:{seconds:02d}  loss {epoch.loss:.4f}  {figures}"
    )


class processes:  # noqa: N801 - used as a context, like a function
    """Join the other processes that torch's launcher started, if it started any; only the first speaks."""

    def __init__(self) -> None:
        import os

        self.number = int(os.environ.get("RANK", "0"))
        self._several = int(os.environ.get("WORLD_SIZE", "1")) > 1

    def __enter__(self) -> processes:
        if self._several:
            import torch

            backend = "nccl" if torch.cuda.is_available() else "gloo"
            if backend == "nccl":
                import os

                torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
            torch.distributed.init_process_group(backend)
        return self

    def __exit__(self, *_: object) -> None:
        if self._several:
            import torch

            torch.distributed.destroy_process_group()
