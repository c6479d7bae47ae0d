"""The running average of a network's weights."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def averaged_copy(network: torch.nn.Module) -> torch.nn.Module:
    """Return a frozen copy in evaluation mode, where the average is kept."""
    return copy.deepcopy(network).eval().requires_grad_(False)


def average_into(averaged: torch.nn.Module, network: torch.nn.Module, kept: float) -> None:
    """Move the average towards the current weights.

    Parameters
    ----------
    averaged, network : torch.nn.Module
        The average, changed in place, and the network being trained.
    kept : float
        Share of the average that stays; counts and other integers are taken over as they are.
    """
    import torch

    with torch.no_grad():
        for old, new in zip(averaged.state_dict().values(), network.state_dict().values(), strict=True):
            if old.dtype.is_floating_point:
                old.lerp_(new, 1 - kept)
            else:
                old.copy_(new)


def kept_share(average: float, step: int) -> float:
    """Return how much of the average stays at a step: less at the beginning, when it holds fresh weights."""
    return min(average, step / (step + 9))
