"""What a network finds in a volume, with no more kept of its scores than is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from napari_medai.core.progress import Progress, silent
from napari_medai.models.blend import Box
from napari_medai.models.infer import Plan, default_batch, extend_to_tile, run_windows
from napari_medai.models.runtime import ready
from napari_medai.models.windows import window_grid

if TYPE_CHECKING:
    import torch

Floats = NDArray[np.float32]


def found_labels(
    network: torch.nn.Module,
    volume: Floats,
    tile: Sequence[int],
    *,
    overlap: float = 0.5,
    device: str = "cpu",
    progress: Progress = silent,
) -> NDArray[np.uint16]:
    """Give the likeliest class of every voxel.

    Parameters
    ----------
    network : torch.nn.Module
        From (batch, channels, \\*tile) to (batch, classes, \\*tile).
    volume : numpy.ndarray
        Shape (C, \\*S), prepared.
    tile : sequence of int
        The window.
    overlap : float
        The share of a window that the next one covers again.
    device : str
        Where the network runs.
    progress : Progress
        Hears every batch of windows.

    Returns
    -------
    numpy.ndarray
        Shape (\\*S).
    """
    return _taken(network, volume, tile, lambda b: b.argmax(dim=0), np.uint16, overlap, device, progress)


def found_scores(
    network: torch.nn.Module,
    volume: Floats,
    tile: Sequence[int],
    index: int,
    *,
    overlap: float = 0.5,
    device: str = "cpu",
    progress: Progress = silent,
) -> Floats:
    """Give the scores of one channel at every voxel, shape (\\*S); see :func:`found_labels`."""
    return _taken(network, volume, tile, lambda b: b[index], np.float32, overlap, device, progress)


def _taken(
    network: torch.nn.Module,
    volume: Floats,
    tile: Sequence[int],
    take: Callable[[torch.Tensor], torch.Tensor],
    kind: DTypeLike,
    overlap: float,
    device: str,
    progress: Progress,
) -> NDArray[Any]:
    padded, inner = extend_to_tile(volume, tile)
    grid = window_grid(padded.shape[1:], tile, overlap)
    whole = np.empty(grid.shape, kind)

    def put(brick: torch.Tensor, box: Box) -> None:
        whole[box] = take(brick).cpu().numpy()

    with ready(network, device) as (lent, place):
        plan = Plan(default_batch(tile))
        run_windows(lambda x: lent(x).float(), padded, grid, plan, place, put, progress=progress)
    return np.ascontiguousarray(whole[inner])
