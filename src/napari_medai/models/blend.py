"""Overlapping windows summed so that only what later windows still touch is kept."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from napari_medai.models.windows import WindowGrid

if TYPE_CHECKING:
    import torch

Box = tuple[slice, ...]


class RollingSum:
    """Sums windows given in their grid's order; each window finishes one brick of the image.

    Along every axis the part of a window that the next one covers again is kept until that one comes.
    What is kept is therefore a sheet as thick as the overlap, not the image.

    Parameters
    ----------
    grid : WindowGrid
        The windows, to be added in the order of ``grid.indices()``, every one.
    channels : int
        Channels of each window.
    place : torch.device
        Where the sums lie.

    Notes
    -----
    At overlap 0.5 the sums take ``channels`` times half a window times the area of the other axes,
    where a sum over the whole image takes ``channels`` times the image.
    """

    def __init__(self, grid: WindowGrid, channels: int, place: torch.device) -> None:
        import torch

        self._grid = grid
        self._kept = [torch.empty(shape, device=place) for shape in kept_shapes(grid, channels)]

    def add(self, index: Sequence[int], window: torch.Tensor) -> tuple[torch.Tensor, Box]:
        """Add one window (channels, *tile), which is overwritten.

        Returns
        -------
        brick : torch.Tensor
            Sums that no later window changes; a view of ``window``.
        box : tuple of slice
            The brick's place in the image.
        """
        box = self._grid.box(index)
        for axis in reversed(range(len(index))):
            starts = self._grid.starts[axis]
            at = index[axis]
            start, stop = starts[at], starts[at] + self._grid.tile[axis]
            end = starts[at + 1] if at + 1 < len(starts) else stop
            later = (slice(None),) * (axis + 2) + box[axis + 1 :]
            kept = self._kept[axis][later]
            dim = axis + 1
            if at > 0:
                over = starts[at - 1] + self._grid.tile[axis] - start
                window.narrow(dim, 0, over).add_(kept.narrow(dim, 0, over))
            if end < stop:
                kept.narrow(dim, 0, stop - end).copy_(window.narrow(dim, end - start, stop - end))
            window = window.narrow(dim, 0, end - start)
            box = (*box[:axis], slice(start, end), *box[axis + 1 :])
        return window, box


def kept_shapes(grid: WindowGrid, channels: int) -> list[tuple[int, ...]]:
    """Return the shapes of what a :class:`RollingSum` keeps for each axis."""
    shapes = []
    for axis, (starts, size) in enumerate(zip(grid.starts, grid.tile, strict=True)):
        steps = [b - a for a, b in pairwise(starts)]
        depth = size - min(steps, default=size)
        shapes.append((channels, *grid.tile[:axis], depth, *grid.shape[axis + 1 :]))
    return shapes
