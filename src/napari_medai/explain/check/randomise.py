"""Copies of a network whose layers have lost what they learnt."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


def stages(network: torch.nn.Module, sample: torch.Tensor, count: int) -> list[list[str]]:
    """Group the layers that hold weights, from the output back to the input.

    Parameters
    ----------
    network : torch.nn.Module
        In evaluation mode.
    sample : torch.Tensor
        An input: layers are put in the order in which they run.
    count : int
        How many groups, of about equally many layers; fewer where there are fewer layers.

    Returns
    -------
    list of list of str
        Module names; every module with weights of its own is in one group.
    """
    import torch

    order: list[str] = []
    handles = []
    for name, module in network.named_modules():
        if not list(module.parameters(recurse=False)):
            continue

        def note(_module: Any, _inputs: Any, name: str = name) -> None:
            if name not in order:
                order.append(name)

        handles.append(module.register_forward_pre_hook(note))
    try:
        with torch.no_grad():
            network(sample)
    finally:
        for handle in handles:
            handle.remove()
    order.reverse()
    count = min(count, len(order))
    bounds = [round(k * len(order) / count) for k in range(count + 1)]
    return [order[a:b] for a, b in pairwise(bounds)]


def randomised(network: torch.nn.Module, names: Sequence[str], seed: int) -> torch.nn.Module:
    """Copy a network and draw the weights of some of its modules anew, as before any training.

    Parameters
    ----------
    network : torch.nn.Module
        Left as it is.
    names : sequence of str
        As in ``network.named_modules()``.
    seed : int
        Of the draw; torch's global generator is left as it was.
    """
    import torch

    other = copy.deepcopy(network)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        for name in names:
            _forget(other.get_submodule(name))
    return other


def _forget(module: torch.nn.Module) -> None:
    reset: Any = getattr(module, "reset_parameters", None)
    if callable(reset):
        reset()
        return
    for parameter in module.parameters(recurse=False):
        spread = parameter.std().item() if parameter.numel() > 1 else 1.0
        parameter.normal_(0.0, spread)
