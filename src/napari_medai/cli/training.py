"""Options that the commands about training share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from napari_medai.train import Cases, Epoch

F = TypeVar("F", bound=Callable[..., Any])

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
    click.option("--soft", is_flag=True, help="Labels are shares from 0 to 1, not label numbers."),
)  # fmt: skip


def case_options(function: F) -> F:
    """Add the options that say which files are cases."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def cases_at(
    place: Path,
    image: tuple[str, ...],
    labels: tuple[str, ...],
    subject: str,
    ignore: int | None,
    repair: bool,
    soft: bool,
) -> Cases:
    """Find the cases that the options describe."""
    from napari_medai.train import find_cases

    return find_cases(
        place, image=image or "", labels=labels, subject=subject, ignore=ignore, repair=repair, soft=soft
    )


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
