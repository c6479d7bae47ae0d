"""What a training is given to judge and to watch it by, and what it brings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from napari_medai.core.progress import Finish as Finish
from napari_medai.train.journal import Epoch

if TYPE_CHECKING:
    import torch

Ended = Literal["epochs", "minutes", "patience", "asked"]
Validate: TypeAlias = "Callable[[torch.nn.Module], Mapping[str, float]]"
"""Judges the averaged network, in evaluation mode; ``"score"`` among the figures decides which is best."""
Watch: TypeAlias = "Callable[[Epoch, torch.nn.Module], None]"
"""Hears of every epoch, with the averaged network, for curves and previews."""


@dataclass(frozen=True, eq=False)
class Training:
    """What a training brought.

    Parameters
    ----------
    network : torch.nn.Module
        The best averaged network by score (the last one without validation), in evaluation mode, on
        the CPU, frozen.
    epochs : tuple of Epoch
        Its course, earlier sittings included.
    best : Epoch
        The epoch of ``network``.
    ended : {"epochs", "minutes", "patience", "asked"}
        Why it ended.
    parts : int
        Into how many pieces batches were cut because memory ran out; 1: whole.
    """

    network: torch.nn.Module
    epochs: tuple[Epoch, ...]
    best: Epoch
    ended: Ended
    parts: int = 1
