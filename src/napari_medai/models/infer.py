"""A network carried over an image of any size in overlapping windows, blended by a Gaussian."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.progress import Progress, silent, track
from napari_medai.models.runtime import ready

if TYPE_CHECKING:
    import torch

Floats = NDArray[np.float32]
Corner = tuple[int, ...]

SIGMA_SHARE = 0.125
"""The Gaussian's sigma as a share of the window, as in nnU-Net and MONAI."""
LEAST_WEIGHT = 1e-3
BATCH_VOXELS = 2**17
"""Voxels in one batch of windows (of two at least): small batches stay in the processor's cache."""


def tiled_scores(
    network: torch.nn.Module,
    volume: Floats,
    tile: Sequence[int],
    *,
    overlap: float = 0.5,
    device: str = "cpu",
    batch: int | None = None,
    progress: Progress = silent,
) -> Floats:
    """Apply a network to a volume window by window.

    Parameters
    ----------
    network : torch.nn.Module
        From (batch, channels, \\*tile) to (batch, classes, \\*tile).
    volume : numpy.ndarray
        Shape (channels, \\*spatial), float32, already prepared.
    tile : sequence of int
        Window size along each spatial axis. A smaller image is extended by reflection.
    overlap : float
        The share of a window that the next one covers again, 0 to below 1.
    device : str
        Where the network and the sums live.
    batch : int, optional
        Windows at a time; by default as many as hold 131 072 voxels, two at least.
    progress : Progress
        Hears one report before each batch.

    Returns
    -------
    numpy.ndarray
        Class scores (classes, \\*spatial), float32: the average of all windows that cover a voxel,
        weighted by a Gaussian around each window's centre.

    References
    ----------
    Isensee et al. 2021, nnU-Net, doi 10.1038/s41592-020-01008-z (Gaussian weighting).
    """
    spatial = volume.shape[1:]
    padded, inner = extend_to_tile(volume, tile)
    corners = window_corners(padded.shape[1:], tile, overlap)
    count = batch or max(2, BATCH_VOXELS // int(np.prod(tile)))
    batches = [corners[k : k + count] for k in range(0, len(corners), count)]
    with ready(network, device) as (lent, place):
        sums = _Sums(padded.shape[1:], tile, place)
        for group in track(batches, progress, "Predicting"):
            sums.add(group, lent(_gather(padded, group, tile, place)))
        scores = sums.average()[(slice(None), *inner)]
        return np.ascontiguousarray(scores.cpu().numpy()).reshape(-1, *spatial)


def window_corners(shape: Sequence[int], tile: Sequence[int], overlap: float) -> list[Corner]:
    """Return the first voxel of every window: a regular grid, its last row moved back to the edge."""
    starts = []
    for size, window in zip(shape, tile, strict=True):
        step = max(1, int(window * (1 - overlap)))
        count = 1 + max(0, -(-(size - window) // step))
        starts.append([min(k * step, size - window) for k in range(count)])
    return list(product(*starts))


def gaussian_weight(tile: Sequence[int]) -> Floats:
    """Return the weight of each voxel of a window, 1 at its centre and at least 0.001."""
    weight = np.ones((), dtype=np.float32)
    for size in tile:
        x = np.arange(size, dtype=np.float32) - (size - 1) / 2
        line = np.exp(-(x**2) / (2 * (size * SIGMA_SHARE) ** 2)).astype(np.float32)
        weight = weight[..., None] * line
    return np.maximum(weight, max(float(weight.min()), LEAST_WEIGHT))


class _Sums:
    """Weighted sums of the windows' scores over the whole grid."""

    def __init__(self, shape: Sequence[int], tile: Sequence[int], place: torch.device) -> None:
        import torch

        self._tile = tuple(tile)
        self._weight = torch.from_numpy(gaussian_weight(tile)).to(place)
        self._weights = torch.zeros(tuple(shape), device=place)
        self._scores: torch.Tensor | None = None

    def add(self, corners: Sequence[Corner], outputs: torch.Tensor) -> None:
        """Add the outputs (windows, classes, *tile) of the windows at ``corners``."""
        import torch

        if self._scores is None:
            shape = (outputs.shape[1], *self._weights.shape)
            self._scores = torch.zeros(shape, device=self._weights.device)
        for corner, output in zip(corners, outputs, strict=True):
            where = window_slices(corner, self._tile)
            self._scores[(slice(None), *where)].addcmul_(output.float(), self._weight)
            self._weights[where] += self._weight

    def average(self) -> torch.Tensor:
        """Return the weighted means, in place of the sums."""
        if self._scores is None:
            raise ValueError("no window was added")
        return self._scores.div_(self._weights)


def extend_to_tile(volume: Floats, tile: Sequence[int]) -> tuple[Floats, tuple[slice, ...]]:
    """Reflect an image at its edges up to the window's size; say where the image lies in it."""
    margins = [(0, 0)]
    for size, window in zip(volume.shape[1:], tile, strict=True):
        lack = max(0, window - size)
        margins.append((lack // 2, lack - lack // 2))
    inner = tuple(
        slice(before, before + n) for (before, _), n in zip(margins[1:], volume.shape[1:], strict=True)
    )
    return (np.pad(volume, margins, mode="reflect") if np.any(margins) else volume), inner


def _gather(
    volume: Floats, corners: Sequence[Corner], tile: Sequence[int], place: torch.device
) -> torch.Tensor:
    import torch

    windows = np.stack([volume[(slice(None), *window_slices(corner, tile))] for corner in corners])
    return torch.from_numpy(windows).to(place)


def window_slices(corner: Corner, tile: Sequence[int]) -> tuple[slice, ...]:
    return tuple(slice(start, start + size) for start, size in zip(corner, tile, strict=True))
