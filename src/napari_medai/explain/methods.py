"""Every way to make a map, by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.progress import Progress, part, silent
from napari_medai.explain.attribution import (
    guided_backpropagation,
    integrated_gradients,
    occlusion,
    smooth_grad,
)
from napari_medai.explain.cam import cell_map, upsample
from napari_medai.explain.layers import Layer

if TYPE_CHECKING:
    import torch

    from napari_medai.explain.targets import Target

LayerMethod = Literal[
    "grad_cam",
    "hires_cam",
    "layer_cam",
    "grad_cam_plus_plus",
    "xgrad_cam",
    "eigen_cam",
    "score_cam",
    "ablation_cam",
    "cam",
]
InputMethod = Literal["occlusion", "integrated_gradients", "smooth_grad", "guided_backpropagation"]
Method = Literal[LayerMethod, InputMethod]
INPUT_METHODS: tuple[str, ...] = get_args(InputMethod)
"""Methods that look at the input itself: they use no layer, and their cells are voxels."""


def input_map(
    network: torch.nn.Module,
    sample: torch.Tensor,
    target: Target,
    method: str,
    blank: float = 0.0,
    progress: Progress = silent,
) -> torch.Tensor:
    """Compute the map of an input method by name.

    Parameters
    ----------
    network : torch.nn.Module
        Put in evaluation mode for the time.
    sample : torch.Tensor
        Shape (1, C, *S).
    target : callable
        See :mod:`napari_medai.explain.targets`.
    method : str
        One of ``INPUT_METHODS``.
    blank : float
        The value of an input without content, where integrated gradients begin.
    progress : Progress
        Hears each run of the network.

    Returns
    -------
    torch.Tensor
        Shape (*S), negative values included.
    """
    if method == "occlusion":
        return occlusion(network, sample, target, batch=2, progress=progress)
    if method == "integrated_gradients":
        return integrated_gradients(network, sample, target, blank, progress=progress)
    if method == "smooth_grad":
        return smooth_grad(network, sample, target, progress=progress)
    return guided_backpropagation(network, sample, target, progress)


def window_map(
    network: torch.nn.Module,
    sample: torch.Tensor,
    target: Target,
    method: str,
    layers: Sequence[Layer] = (),
    blank: float = 0.0,
    progress: Progress = silent,
) -> NDArray[np.float32]:
    """Compute the map of one window by any method, at the window's own size.

    Parameters
    ----------
    layers : sequence of Layer
        Where a layer method looks; the maps of several, each with its maximum at 1, are averaged.

    Returns
    -------
    numpy.ndarray
        Shape (*S), float32, negative parts cut.
    """
    size = tuple(sample.shape[2:])
    if method in INPUT_METHODS:
        heat = input_map(network, sample, target, method, blank, progress)
        return np.asarray(heat.clamp(min=0).cpu().numpy(), np.float32)
    maps = []
    for k, layer in enumerate(layers):
        inner = part(progress, k / len(layers), (k + 1) / len(layers))
        cells = cell_map(network, sample, target, layer, method, inner)
        maps.append(upsample(cells[None, None].clamp(min=0), size)[0, 0].cpu().numpy())
    return fused(maps)


def fused(maps: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Average maps of one shape, each with its maximum at 1; one alone stays as it is."""
    if len(maps) == 1:
        return maps[0]
    tops = [float(m.max()) for m in maps]
    parts = [m / top if top > 0 else m for m, top in zip(maps, tops, strict=True)]
    return np.asarray(np.mean(parts, axis=0), np.float32)
