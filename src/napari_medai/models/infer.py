"""A network carried over an image of any size in overlapping windows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.progress import Progress, silent, track
from napari_medai.models.blend import Box, RollingSum
from napari_medai.models.feed import Feed
from napari_medai.models.forward import Forward
from napari_medai.models.listen import between_layers, listening
from napari_medai.models.runtime import ready
from napari_medai.models.windows import (
    Blending,
    WindowGrid,
    blend_weight,
    extend_to_tile,
    gaussian_weight,
    window_corners,
    window_grid,
    window_slices,
)

if TYPE_CHECKING:
    import torch

__all__ = [
    "extend_to_tile",
    "gaussian_weight",
    "run_windows",
    "tiled_scores",
    "window_corners",
    "window_slices",
]

Floats = NDArray[np.float32]
Index = tuple[int, ...]
Sink = Callable[["torch.Tensor", Box], None]
"""Takes a finished brick of scores (classes, \\*size), which it may overwrite, and its place."""
Wanted = Callable[[Index], bool]

BATCH_VOXELS = 2**17
"""Voxels in one batch of windows, of one at least: small batches stay in the processor's cache."""
TINY = 1e-30


@dataclass(frozen=True)
class Plan:
    """How windows are worked through.

    Parameters
    ----------
    batch : int
        Windows at a time.
    blending : {"gaussian", "constant"}
        How much each voxel of a window counts.
    sums_on : str
        The device of the sums; empty: where the network runs.
    reuse : bool
        Whether windows that hold one value throughout are predicted once for each value.
    """

    batch: int
    blending: Blending = "gaussian"
    sums_on: str = ""
    reuse: bool = False


def default_batch(tile: Sequence[int]) -> int:
    """Return how many windows are predicted at a time, where memory allows."""
    return max(1, BATCH_VOXELS // int(np.prod(tile)))


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
    """Apply a network to a volume window by window, in full precision.

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
        Windows at a time; by default as many as hold 131 072 voxels, one at least.
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
    padded, inner = extend_to_tile(volume, tile)
    grid = window_grid(padded.shape[1:], tile, overlap)
    whole: list[Floats] = []

    def put(brick: torch.Tensor, box: Box) -> None:
        if not whole:
            whole.append(np.empty((len(brick), *grid.shape), np.float32))
        whole[0][(slice(None), *box)] = brick.cpu().numpy()

    with ready(network, device) as (lent, place):
        plan = Plan(batch or default_batch(tile))

        def forward(windows: torch.Tensor) -> torch.Tensor:
            with between_layers(lent):
                return cast("torch.Tensor", lent(windows)).float()

        run_windows(forward, padded, grid, plan, place, put, progress=progress)
    return np.ascontiguousarray(whole[0][(slice(None), *inner)])


def run_windows(
    forward: Forward,
    volume: Floats,
    grid: WindowGrid,
    plan: Plan,
    place: torch.device,
    put: Sink,
    *,
    wanted: Wanted | None = None,
    progress: Progress = silent,
) -> None:
    """Predict every window and hand over the image's scores brick by brick.

    Parameters
    ----------
    forward : Forward
        Scores of a batch of windows, which are overwritten; called without gradients.
    volume : numpy.ndarray
        Shape (channels, \\*grid.shape).
    grid : WindowGrid
        The windows.
    plan : Plan
        How many at a time, and how they are blended.
    place : torch.device
        Where ``forward`` takes its windows.
    put : callable
        Gets each finished brick, in the order of the windows; together the bricks are the image.
    wanted : callable, optional
        Whether a window is looked at; voxels that no window covers get the score 0 for every class.
    progress : Progress
        Hears one report before each batch.
    """
    import torch

    feed = Feed(volume, grid, place, reuse=plan.reuse)
    sums_on = torch.device(plan.sums_on) if plan.sums_on else place
    blend = _Blend(grid, plan.blending, sums_on, put)
    with listening(progress) as listener:
        groups = list(_batches(grid, plan.batch, wanted))
        looked = [[index for index, take in group if take] for group in groups]
        for k, group in enumerate(track(groups, listener.report, "Predicting")):
            outputs = feed.outputs(looked[k], forward, looked[k + 1] if k + 1 < len(groups) else ())
            for index, take in group:
                blend.add(index, next(outputs) if take else None)


def _batches(grid: WindowGrid, count: int, wanted: Wanted | None) -> Iterator[list[tuple[Index, bool]]]:
    """Group windows in order, ``count`` to be looked at in each group; the others ride along."""
    group: list[tuple[Index, bool]] = []
    full = 0
    for index in grid.indices():
        take = wanted is None or wanted(index)
        if take and full == count:
            yield group
            group, full = [], 0
        group.append((index, take))
        full += take
    yield group


class _Blend:
    """Weighted sums of scores and of weights, divided brick by brick."""

    def __init__(self, grid: WindowGrid, blending: Blending, place: torch.device, put: Sink) -> None:
        import torch

        self._grid, self._place, self._put = grid, place, put
        self._weight = torch.from_numpy(blend_weight(grid.tile, blending)).to(place)
        self._weights = RollingSum(grid, 1, place)
        self._scores: RollingSum | None = None
        self._channels = 0
        self._passed: list[Index] = []  # windows nobody looks at, before the number of channels is known

    def add(self, index: Index, window: torch.Tensor | None) -> None:
        """Add the scores of the next window; none for one that is not looked at."""
        if self._scores is None and window is None:
            self._passed.append(index)
            return
        if self._scores is None and window is not None:
            self._channels = len(window)
            self._scores = RollingSum(self._grid, self._channels, self._place)
            for earlier in self._passed:
                self._add(self._scores, earlier, None)
        if self._scores is not None:
            self._add(self._scores, index, window)

    def _add(self, sums: RollingSum, index: Index, window: torch.Tensor | None) -> None:
        import torch

        if window is None:
            scores = torch.zeros((self._channels, *self._grid.tile), device=self._place)
            weight = torch.zeros((1, *self._grid.tile), device=self._place)
        else:
            scores, weight = window.to(self._place).mul_(self._weight), self._weight[None].clone()
        total, _ = self._weights.add(index, weight)
        brick, box = sums.add(index, scores)
        self._put(brick.div_(total.clamp_(min=TINY)), box)
