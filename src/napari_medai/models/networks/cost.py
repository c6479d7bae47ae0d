"""How many parameters a network has, and how much memory one patch takes: counted, nothing allocated."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from napari_medai.core.device import require_torch
from napari_medai.models.networks.table import ENTRIES, make_network

if TYPE_CHECKING:
    import torch

BYTES = 4
"""Of one float32 number."""


@dataclass(frozen=True)
class NetworkCost:
    """What a network takes.

    Parameters
    ----------
    parameters : int
        Numbers that training changes.
    predicting : int
        The most bytes that live at one time while a patch goes through, weights left out.
    training : int
        Bytes kept for going backward through one patch, weights left out.
    tasks : frozenset of str
        What it serves for.
    """

    parameters: int
    predicting: int
    training: int
    tasks: frozenset[str]


def network_costs(ndim: int = 3, size: int = 96) -> dict[str, NetworkCost | None]:
    """Count for every network of the table, at its usual size; none where a package is missing.

    Parameters
    ----------
    ndim : int
        Dimensions.
    size : int
        Voxels along each axis of the patch; one channel in, two out.
    """
    costs: dict[str, NetworkCost | None] = {}
    for name, entry in ENTRIES.items():
        if entry.example is None:
            continue
        if any(find_spec(package) is None for package in entry.needs):
            costs[name] = None
            continue
        arguments = dict(entry.example)
        if name == "vae":
            arguments["size"] = (size,) * ndim
        costs[name] = network_cost(name, ndim, size, entry.tasks, arguments)
    return costs


def network_cost(
    name: str, ndim: int, size: int, tasks: frozenset[str], arguments: dict[str, Any]
) -> NetworkCost:
    """Count for one network."""
    require_torch()
    import torch

    with torch.device("meta"):
        network = make_network(name, ndim, 1, 2, **arguments)
        patch = torch.empty(1, 1, *(size,) * ndim)
    parameters = sum(p.numel() for p in network.parameters())
    return NetworkCost(parameters, _most_alive(network.eval(), patch), _kept(network, patch), tasks)


def _most_alive(network: torch.nn.Module, patch: torch.Tensor) -> int:
    """Follow every tensor an operation makes until it is let go."""
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    alive: dict[int, int] = {}
    weights = {p.untyped_storage()._cdata for p in network.parameters()}
    most = 0

    class Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            nonlocal most
            found = func(*args, **(kwargs or {}))
            for tensor in found if isinstance(found, tuple | list) else [found]:
                if torch.is_tensor(tensor):
                    storage = tensor.untyped_storage()
                    if storage._cdata not in alive and storage._cdata not in weights:
                        alive[storage._cdata] = storage.nbytes()
                        weakref.finalize(storage, alive.pop, storage._cdata, None)
            most = max(most, sum(alive.values()))
            return found

    with Watch(), torch.no_grad():  # type: ignore[no-untyped-call]
        network(patch)
    return most


def _kept(network: torch.nn.Module, patch: torch.Tensor) -> int:
    """Add up what torch keeps for going backward, each tensor once, the weights left out."""
    import torch

    weights = {p.untyped_storage()._cdata for p in network.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in weights:
            kept[storage._cdata] = storage.nbytes()
        return tensor

    network.train()
    try:
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            answer = network(patch)
    finally:
        network.eval()
    del answer
    return sum(kept.values())
