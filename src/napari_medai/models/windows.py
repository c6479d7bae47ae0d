"""Where windows lie on an image, and how much each of their voxels counts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Corner = tuple[int, ...]
Kind = TypeVar("Kind", bound=np.generic)
Spread = Literal["grid", "even"]
Padding = Literal["reflect", "zero"]
Blending = Literal["gaussian", "peaked", "constant"]

SIGMA_SHARE = 0.125
"""The Gaussian's sigma as a share of the window, as in nnU-Net and MONAI."""
LEAST_WEIGHT = 1e-3
LEAST_PEAKED = 6e-9
"""What nnU-Net's 16 bits can hold of a tenth."""


@dataclass(frozen=True)
class WindowGrid:
    """Windows in rows along every axis.

    Parameters
    ----------
    tile : tuple of int
        The window's size.
    starts : tuple of tuple of int
        For each axis where its windows begin, in growing order.
    """

    tile: tuple[int, ...]
    starts: tuple[tuple[int, ...], ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """The size of the image the windows cover."""
        return tuple(s[-1] + t for s, t in zip(self.starts, self.tile, strict=True))

    def __len__(self) -> int:
        return int(np.prod([len(s) for s in self.starts]))

    def indices(self) -> Iterator[tuple[int, ...]]:
        """Go through the windows' places along each axis, the last axis fastest."""
        return product(*(range(len(s)) for s in self.starts))

    def box(self, index: Sequence[int]) -> tuple[slice, ...]:
        """Return the voxels of one window."""
        return window_slices(tuple(s[k] for s, k in zip(self.starts, index, strict=True)), self.tile)


def window_grid(
    shape: Sequence[int], tile: Sequence[int], overlap: float, spread: Spread = "grid"
) -> WindowGrid:
    """Lay windows over an image at least as large as one of them.

    Parameters
    ----------
    shape, tile : sequence of int
        Sizes of image and window.
    overlap : float
        The share of a window that the next one covers again, 0 to below 1.
    spread : {"grid", "even"}
        A regular step with the last window moved back to the edge, or equal steps up to the edge.
    """
    place = _regular if spread == "grid" else _even
    starts = tuple(place(size, window, overlap) for size, window in zip(shape, tile, strict=True))
    return WindowGrid(tuple(tile), starts)


def window_corners(
    shape: Sequence[int], tile: Sequence[int], overlap: float, spread: Spread = "grid"
) -> list[Corner]:
    """Return the first voxel of every window."""
    return list(product(*window_grid(shape, tile, overlap, spread).starts))


def covered(size: int, window: int, overlap: float) -> int:
    """Return the length that the windows cover which a length needs: at least that length."""
    step = _step(window, overlap)
    return window + step * max(0, -(-(size - window) // step))


def _step(window: int, overlap: float) -> int:
    return max(1, int(window * (1 - overlap)))


def _regular(size: int, window: int, overlap: float) -> tuple[int, ...]:
    step = _step(window, overlap)
    count = 1 + max(0, -(-(size - window) // step))
    return tuple(min(k * step, size - window) for k in range(count))


def _even(size: int, window: int, overlap: float) -> tuple[int, ...]:
    room = size - window
    count = int(np.ceil(room / (window * (1 - overlap)))) + 1
    step = room / (count - 1) if count > 1 else 0.0
    return tuple(int(np.round(step * k)) for k in range(count))


def gaussian_weight(tile: Sequence[int]) -> Floats:
    """Return the weight of each voxel of a window, 1 at its centre and at least 0.001."""
    weight = np.ones((), dtype=np.float32)
    for size in tile:
        x = np.arange(size, dtype=np.float32) - (size - 1) / 2
        line = np.exp(-(x**2) / (2 * (size * SIGMA_SHARE) ** 2)).astype(np.float32)
        weight = weight[..., None] * line
    return np.maximum(weight, max(float(weight.min()), LEAST_WEIGHT))


def blend_weight(tile: Sequence[int], blending: Blending) -> Floats:
    """Return the weight of each voxel of a window for a way of blending."""
    if blending == "peaked":
        return peaked_weight(tile)
    return gaussian_weight(tile) if blending == "gaussian" else np.ones(tuple(tile), np.float32)


def peaked_weight(tile: Sequence[int]) -> Floats:
    """Return nnU-Net's weights: 1 at the voxel after the middle, and next to nothing in the corners."""
    weight = np.ones((), dtype=np.float32)
    for size in tile:
        x = np.arange(size, dtype=np.float32) - size // 2
        weight = weight[..., None] * np.exp(-(x**2) / (2 * (size * SIGMA_SHARE) ** 2))
    return np.maximum(weight, LEAST_PEAKED).astype(np.float32)


def extend_to_tile(
    volume: NDArray[Kind], tile: Sequence[int], padding: Padding = "reflect"
) -> tuple[NDArray[Kind], tuple[slice, ...]]:
    """Extend an image at its edges up to the window's size; say where the image lies in it."""
    margins = [(0, 0)]
    for size, window in zip(volume.shape[1:], tile, strict=True):
        lack = max(0, window - size)
        margins.append((lack // 2, lack - lack // 2))
    inner = tuple(
        slice(before, before + n) for (before, _), n in zip(margins[1:], volume.shape[1:], strict=True)
    )
    if not np.any(margins):
        return volume, inner
    return (
        np.pad(volume, margins, mode="reflect") if padding == "reflect" else np.pad(volume, margins)
    ), inner


def window_slices(corner: Corner, tile: Sequence[int]) -> tuple[slice, ...]:
    """Return the voxels of the window that begins at a corner."""
    return tuple(slice(start, start + size) for start, size in zip(corner, tile, strict=True))
