"""The part of an image that is worth looking at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.boxes import Boxes
from napari_medai.core.errors import ArgumentError
from napari_medai.core.geometry import Geometry
from napari_medai.models.windows import covered

MARGIN_SHARE = 1 / 12
"""Of a window: the least that is looked at around a region, so that a border has its surroundings."""
SAME_SHARE = 1e-5
"""Of an image's range: voxels that differ less hold the same value."""
BINS = 256


@dataclass(frozen=True, eq=False)
class Bounds:
    """Where windows are wanted on the network's grid.

    Parameters
    ----------
    box : tuple of slice
        Windows lie in it.
    mask : numpy.ndarray
        Of the box's shape: a window without a marked voxel is left out.
    """

    box: tuple[slice, ...]
    mask: NDArray[np.bool_]


def bounds_of(
    mask: NDArray[np.bool_], tile: Sequence[int], overlap: float, margin: float = MARGIN_SHARE
) -> Bounds:
    """Return the bounds of a region; of an empty one no window is wanted.

    The box reaches as far beyond the region as its windows do: more surroundings that cost no window more.

    Parameters
    ----------
    mask : numpy.ndarray
        On the network's grid.
    tile : sequence of int
        The window. A box smaller than it grows to it where the image allows.
    overlap : float
        Of the windows.
    margin : float
        The least distance between region and box, where the image allows, as a share of the window.
    """
    box = []
    for axis, (size, window) in enumerate(zip(mask.shape, tile, strict=True)):
        others = tuple(k for k in range(mask.ndim) if k != axis)
        (hit,) = np.nonzero(mask.any(axis=others))
        if not len(hit):
            return Bounds(tuple(slice(0, n) for n in mask.shape), mask)
        around = round(window * margin)
        start, stop = max(0, int(hit[0]) - around), min(size, int(hit[-1]) + 1 + around)
        length = min(size, covered(stop - start, window, overlap))
        start = max(0, min(start - (length - (stop - start)) // 2, size - length))
        box.append(slice(start, start + length))
    return Bounds(tuple(box), mask[tuple(box)])


def content_bounds(volume: NDArray[np.float32], tile: Sequence[int], overlap: float) -> Bounds | None:
    """Return where an image holds more than the one value that fills its corners.

    Around a brain without its skull, or beyond a scanner's field, there is one value and nothing to find.

    Parameters
    ----------
    volume : numpy.ndarray
        Shape (channels, \\*spatial), prepared.
    tile : sequence of int
        The window.
    overlap : float
        Of the windows.

    Returns
    -------
    Bounds or None
        None where windows are wanted everywhere, as in an image of that value alone.
    """
    flat = volume.reshape(len(volume), -1)
    corner = flat[:, 0]
    least = SAME_SHARE * np.maximum(flat.max(axis=1) - corner, corner - flat.min(axis=1))
    beside = (-1, *[1] * (volume.ndim - 2))
    value, least = corner.reshape(beside), least.reshape(beside)
    mask = np.stack([(np.abs(volume[:, k] - value) > least).any(axis=0) for k in range(volume.shape[1])])
    bounds = bounds_of(mask, tile, overlap, margin=0)
    return bounds if bounds.mask.shape != mask.shape else None


def mask_of_boxes(boxes: Boxes, grid: Geometry) -> NDArray[np.bool_]:
    """Return the voxels of a grid whose centres lie in a box.

    Parameters
    ----------
    boxes : Boxes
        In the world; one is enough.
    grid : Geometry
        With any orientation.

    Raises
    ------
    ArgumentError
        If there is no box, the dimensions differ, or no voxel lies in a box.
    """
    if not len(boxes) or boxes.lower.shape[1] != grid.ndim:
        found = f"{len(boxes)} boxes in {boxes.lower.shape[1]}-D"
        raise ArgumentError(f"Found {found}; needed one or more in {grid.ndim}-D.")
    mask = np.zeros(grid.shape, bool)
    for low, high in zip(boxes.lower, boxes.upper, strict=True):
        corners = np.array(np.meshgrid(*zip(low, high, strict=True))).reshape(grid.ndim, -1).T
        index = grid.world_to_index(corners)
        first = np.maximum(np.floor(index.min(axis=0)).astype(int), 0)
        last = np.minimum(np.ceil(index.max(axis=0)).astype(int) + 1, grid.shape)
        if (first < last).all():
            box = tuple(slice(a, b) for a, b in zip(first.tolist(), last.tolist(), strict=True))
            mask[box] |= _inside(low, high, grid, box)
    if not mask.any():
        raise ArgumentError("No voxel of the image lies in the box.", hint="Draw it over the image.")
    return mask


def _inside(
    low: NDArray[np.float64], high: NDArray[np.float64], grid: Geometry, box: tuple[slice, ...]
) -> NDArray[np.bool_]:
    """Return the voxels of one part of a grid between two corners; a rounding error beyond them counts."""
    inside = np.ones([s.stop - s.start for s in box], bool)
    slack = 1e-6 * float(grid.spacing.min())
    for row, lowest, highest in zip(grid.affine[:-1], low - slack, high + slack, strict=True):
        place = np.full([1] * grid.ndim, row[-1])
        for axis, (step, s) in enumerate(zip(row[:-1], box, strict=True)):
            line = step * np.arange(s.start, s.stop)
            place = place + line.reshape([-1 if k == axis else 1 for k in range(grid.ndim)])
        inside &= (place >= lowest) & (place <= highest)
    return inside


def body_mask(volume: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return the voxels of a prepared volume (channels, \\*spatial) that are no air, by Otsu's threshold."""
    thinned = volume[(slice(None), *[slice(None, None, 2)] * (volume.ndim - 1))]
    mask = np.zeros(volume.shape[1:], bool)
    for channel, few in zip(volume, thinned, strict=True):
        mask |= channel > otsu_threshold(few)
    return mask


def otsu_threshold(values: NDArray[np.float32]) -> float:
    """Return the value that parts a histogram into two classes of the least variance (Otsu 1979)."""
    low, high = float(values.min()), float(np.percentile(values, 99.5))
    if low >= high:
        return high
    counts, edges = np.histogram(np.clip(values, low, high), BINS, (low, high))
    centres = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)
    above = below[-1] - below
    first = np.cumsum(counts * centres)
    with np.errstate(invalid="ignore", divide="ignore"):
        between = below * above * (first / below - (first[-1] - first) / above) ** 2
    return float(edges[1:][np.nanargmax(np.where((below > 0) & (above > 0), between, np.nan))])
