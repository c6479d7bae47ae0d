"""The layers of a network that can be looked at, and what passes through them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_medai.core.errors import ArgumentError

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Layer:
    """One layer with the grid of its output.

    Parameters
    ----------
    name : str
        As in ``network.named_modules()``.
    kind : str
        The module's class.
    channels : int
        How many activation maps it gives.
    cells : tuple of int
        Their spatial size, in array order.
    tokens : bool
        Whether the output is a list of tokens, laid out on ``cells``.
    """

    name: str
    kind: str
    channels: int
    cells: tuple[int, ...]
    tokens: bool = False

    def __str__(self) -> str:
        return f"{self.name} ({self.kind}, {self.channels} maps of {'x'.join(map(str, self.cells))} cells)"


@dataclass
class Capture:
    """What a layer gave out: activations of shape (N, K, *cells), at which a gradient graph may begin."""

    layer: Layer
    begin_graph: bool = False
    activations: torch.Tensor | None = None
    replace: Callable[[torch.Tensor], torch.Tensor] | None = None


def list_layers(network: torch.nn.Module, sample: torch.Tensor) -> list[Layer]:
    """List the layers whose output has a spatial grid, in the order in which they end.

    Parameters
    ----------
    network : torch.nn.Module
        In evaluation mode.
    sample : torch.Tensor
        An input, shape (1, C, *S).
    """
    import torch

    found: dict[str, Layer] = {}
    spatial = sample.ndim - 2

    def note(name: str, module: torch.nn.Module) -> Any:
        def hook(_module: Any, _inputs: Any, output: Any) -> None:
            layer = _describe(name, module, output, tuple(sample.shape[2:]), spatial)
            if layer is not None:
                found.pop(name, None)
                found[name] = layer

        return module.register_forward_hook(hook)

    handles = [note(name, module) for name, module in network.named_modules() if name]
    try:
        with torch.no_grad():
            network(sample)
    finally:
        for handle in handles:
            handle.remove()
    return list(found.values())


def default_layer(layers: list[Layer], dense: bool) -> Layer:
    """Choose the layer that tells most.

    Parameters
    ----------
    layers : list of Layer
        From :func:`list_layers`.
    dense : bool
        Whether the network's output is a map. Then it is the last layer of the coarsest grid (the
        bottleneck); for a classifier the last layer with more than one cell along every axis.

    Raises
    ------
    ArgumentError
        If no layer has a grid of more than one cell.
    """
    telling = [layer for layer in layers if min(layer.cells) > 1 and layer.channels > 1]
    if not telling:
        raise ArgumentError(
            "No layer of this network has a grid of more than one cell for this image.",
            hint="Give a larger image.",
        )
    if not dense:
        return telling[-1]
    coarsest = min(math.prod(layer.cells) for layer in telling)
    return [layer for layer in telling if math.prod(layer.cells) == coarsest][-1]


def find_layer(layers: list[Layer], name: str) -> Layer:
    """Return the layer of that name.

    Raises
    ------
    ArgumentError
        If there is none; those that exist are listed.
    """
    for layer in layers:
        if layer.name == name:
            return layer
    known = "; ".join(str(layer) for layer in layers[-8:])
    raise ArgumentError(f"There is no layer {name!r} with a spatial grid.", hint=f"The last ones: {known}.")


@contextmanager
def capture(network: torch.nn.Module, layer: Layer) -> Iterator[Capture]:
    """Keep what comes out of a layer while the context lasts.

    With ``begin_graph`` the activations become the leaf of a gradient graph: what ran before them is
    not part of it, which saves its time and memory. Setting ``replace`` to a function puts its result
    in the place of the activations.
    """
    import torch

    kept = Capture(layer)

    def forward(_module: Any, _inputs: Any, output: torch.Tensor) -> torch.Tensor:
        grid = _to_grid(output, layer).detach()
        if kept.replace is not None:
            return _from_grid(kept.replace(grid), output, layer)
        kept.activations = grid
        if not kept.begin_graph:
            return output
        kept.activations = grid.clone().requires_grad_(True)
        torch.set_grad_enabled(True)
        return _from_grid(kept.activations.clone(), output.detach(), layer)

    handle = network.get_submodule(layer.name).register_forward_hook(forward)
    try:
        yield kept
    finally:
        handle.remove()


@contextmanager
def frozen(network: torch.nn.Module) -> Iterator[None]:
    """Put a network in evaluation mode with parameters that gather no gradient, for a while."""
    training = network.training
    wanted = [p for p in network.parameters() if p.requires_grad]
    for parameter in wanted:
        parameter.requires_grad_(False)
    network.eval()
    try:
        yield
    finally:
        network.train(training)
        for parameter in wanted:
            parameter.requires_grad_(True)


def _describe(
    name: str, module: torch.nn.Module, output: Any, size: tuple[int, ...], spatial: int
) -> Layer | None:
    import torch

    kind = type(module).__name__
    if not isinstance(output, torch.Tensor):
        return None
    if output.ndim == spatial + 2:
        channels_last = "Swin" in kind and output.shape[-1] > output.shape[1]
        if not channels_last:
            return Layer(name, kind, output.shape[1], tuple(output.shape[2:]))
    if output.ndim == 3:
        cells = _token_grid(output.shape[1], size)
        if cells is not None:
            return Layer(name, kind, output.shape[2], cells, tokens=True)
    return None


def _token_grid(count: int, size: tuple[int, ...]) -> tuple[int, ...] | None:
    """Lay ``count`` tokens out like the image, a class token in front allowed; nothing if they do not fit."""
    for tokens in (count, count - 1):
        ratio = (math.prod(size) / tokens) ** (1 / len(size)) if tokens > 0 else 0
        cells = tuple(round(n / ratio) for n in size) if ratio > 0 else ()
        if cells and min(cells) > 0 and math.prod(cells) == tokens:
            return cells
    return None


def _to_grid(output: torch.Tensor, layer: Layer) -> torch.Tensor:
    if not layer.tokens:
        return output
    tokens = output[:, -math.prod(layer.cells) :]
    return tokens.transpose(1, 2).reshape(len(output), layer.channels, *layer.cells)


def _from_grid(grid: torch.Tensor, output: torch.Tensor, layer: Layer) -> torch.Tensor:
    if not layer.tokens:
        return grid
    import torch

    tokens = grid.flatten(2).transpose(1, 2)
    return torch.cat([output[: len(grid), : -tokens.shape[1]].expand(len(grid), -1, -1), tokens], dim=1)
