"""Class-activation maps of a network at one of its layers, in 2-D and 3-D."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_medai.core.errors import ArgumentError
from napari_medai.core.progress import Progress, Step, silent, track
from napari_medai.explain.layers import Layer, capture, frozen
from napari_medai.explain.thrift import thrifty
from napari_medai.explain.weightings import WEIGHTINGS

if TYPE_CHECKING:
    import torch

    from napari_medai.explain.targets import Target


def gradient_map(
    network: torch.nn.Module,
    sample: torch.Tensor,
    target: Target,
    layer: Layer,
    method: str = "grad_cam",
    progress: Progress = silent,
) -> torch.Tensor:
    """Compute a map from activations and gradients.

    Parameters
    ----------
    network : torch.nn.Module
        Put in evaluation mode for the time.
    sample : torch.Tensor
        Input, shape (1, C, *S).
    target : callable
        From the output to one number a sample: see :mod:`napari_medai.explain.targets`.
    layer : Layer
        From :func:`napari_medai.explain.layers.list_layers`.
    method : str
        A key of ``WEIGHTINGS``.
    progress : Progress
        Hears of the forward and the backward pass.

    Returns
    -------
    torch.Tensor
        Shape (*cells), negative values included.
    """
    progress(Step(0, 2, "Running the network"))
    activations, gradients = activations_and_gradients(network, sample, target, layer)
    progress(Step(1, 2, "Building the map"))
    return WEIGHTINGS[method](activations, gradients)[0]


def activations_and_gradients(
    network: torch.nn.Module, sample: torch.Tensor, target: Target, layer: Layer
) -> tuple[torch.Tensor, torch.Tensor]:
    """Run a network forward, and back only as far as the layer.

    Returns
    -------
    tuple of torch.Tensor
        Activations and gradients, both (1, K, *cells).
    """
    import torch

    with frozen(network), capture(network, layer) as kept, thrifty(), torch.no_grad():
        kept.begin_graph = True
        output = network(sample)
        with torch.enable_grad():
            score = target(output).sum()
        if kept.activations is None or not score.requires_grad:
            raise ArgumentError(
                f"The explained value does not depend on the layer {layer.name!r}.",
                hint="Choose another layer.",
            )
        (gradients,) = torch.autograd.grad(score, kept.activations)
        return kept.activations.detach(), gradients


def score_map(
    network: torch.nn.Module,
    sample: torch.Tensor,
    target: Target,
    layer: Layer,
    batch: int = 8,
    progress: Progress = silent,
) -> torch.Tensor:
    """Score-CAM: each channel weighted by the score of the input seen through it.

    Parameters
    ----------
    batch : int
        How many masked inputs run at once.

    References
    ----------
    Wang et al., Score-CAM: Score-Weighted Visual Explanations for CNNs, CVPR Workshops 2020.
    """
    import torch

    with frozen(network), torch.no_grad():
        activations = _activations(network, sample, layer)
        masks = upsample(activations, tuple(sample.shape[2:]))[0]
        low, high = masks.flatten(1).amin(1), masks.flatten(1).amax(1)
        shape = (-1, *[1] * (masks.ndim - 1))
        masks = (masks - low.reshape(shape)) / (high - low).clamp(min=1e-8).reshape(shape)
        scores = [
            target(network(sample * masks[start : start + batch, None]))
            for start in track(range(0, len(masks), batch), progress, "Masking by channel")
        ]
        weights = torch.softmax(torch.cat(scores), dim=0)
        return (weights.reshape(shape) * activations[0]).sum(0)


def ablation_map(
    network: torch.nn.Module,
    sample: torch.Tensor,
    target: Target,
    layer: Layer,
    batch: int = 8,
    progress: Progress = silent,
) -> torch.Tensor:
    """Ablation-CAM: each channel weighted by the share of the score that is lost without it.

    References
    ----------
    Desai and Ramaswamy, Ablation-CAM, WACV 2020.
    """
    import torch

    with frozen(network), capture(network, layer) as kept, torch.no_grad():
        full = target(network(sample))
        if kept.activations is None:
            raise ArgumentError(f"The layer {layer.name!r} does not run for this input.")
        activations = kept.activations
        scores = []
        for start in track(range(0, layer.channels, batch), progress, "Leaving channels out"):
            channels = range(start, min(start + batch, layer.channels))
            kept.replace = lambda grid, channels=channels: _without(grid, channels)
            scores.append(target(network(sample.expand(len(channels), *sample.shape[1:]))))
        weights = (full - torch.cat(scores)) / full.abs().clamp(min=1e-8)
        return (weights.reshape(-1, *[1] * len(layer.cells)) * activations[0]).sum(0)


def upsample(maps: torch.Tensor, size: tuple[int, ...]) -> torch.Tensor:
    """Interpolate maps (N, K, *cells) linearly to (N, K, *size), cell centres kept in place."""
    import torch

    mode = {1: "linear", 2: "bilinear", 3: "trilinear"}[len(size)]
    return torch.nn.functional.interpolate(maps, size=size, mode=mode, align_corners=False)


def cell_map(
    network: torch.nn.Module,
    sample: torch.Tensor,
    target: Target,
    layer: Layer,
    method: str,
    progress: Progress = silent,
) -> torch.Tensor:
    """Compute the map of any layer method by name, shape (*cells)."""
    if method == "score_cam":
        return score_map(network, sample, target, layer, progress=progress)
    if method == "ablation_cam":
        return ablation_map(network, sample, target, layer, progress=progress)
    return gradient_map(network, sample, target, layer, method, progress)


def _activations(network: torch.nn.Module, sample: torch.Tensor, layer: Layer) -> torch.Tensor:
    with capture(network, layer) as kept:
        network(sample)
    if kept.activations is None:
        raise ArgumentError(f"The layer {layer.name!r} does not run for this input.")
    return kept.activations


def _without(grid: torch.Tensor, channels: range) -> torch.Tensor:
    kept = grid.clone()
    for row, channel in enumerate(channels):
        kept[row, channel] = 0
    return kept
