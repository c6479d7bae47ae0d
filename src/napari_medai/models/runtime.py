"""Where a network runs, and that it only predicts there."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from napari_medai.core.device import resolve_device
from napari_medai.core.settings import settings

if TYPE_CHECKING:
    import torch


@contextmanager
def ready(network: torch.nn.Module, device: str = "auto") -> Iterator[tuple[torch.nn.Module, torch.device]]:
    """Lend a network for prediction on a device.

    Parameters
    ----------
    network : torch.nn.Module
        On the CPU; it stays there, unchanged. Another device gets a copy, which is dropped afterwards.
    device : str
        ``"auto"`` or a device of this machine.

    Yields
    ------
    network : torch.nn.Module
        In evaluation mode.
    device : torch.device
        Where its input must lie. Gradients are off within the context.
    """
    import torch

    place = torch.device(resolve_device(device))
    at_home = place.type == "cpu" and not network.training
    lent = network if at_home else copy.deepcopy(network).eval().to(place)
    with prediction_only():
        yield lent, place


@contextmanager
def prediction_only() -> Iterator[None]:
    """Keep no gradients for a while, and use as many processor threads as the settings say."""
    import torch

    with _threads(settings().threads), torch.inference_mode():
        yield


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Let torch use so many processor threads for a while; 0 leaves it as it is."""
    import torch

    before = torch.get_num_threads()
    if count:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        if count:
            torch.set_num_threads(before)
