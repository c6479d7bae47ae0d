"""A voxel beside its neighbours: difference from their mean, and how many share its level."""

from __future__ import annotations

from itertools import product

import numpy as np

from napari_medai.core.geometry import FloatArray
from napari_medai.measure.radiomics.matrices import Stack, tabulate
from napari_medai.measure.radiomics.roi import IntArray, Levels


def tone_differences(levels: Levels, planar: bool) -> Stack:
    """Add up, level by level, the distance of voxels from the mean of their neighbours.

    Returns
    -------
    Stack
        One matrix of two columns: the sum of differences, and the number of voxels with a neighbour.
    """
    padded = np.pad(levels.grid, 1)
    total = _box_sum(padded, planar) - levels.grid
    around = _box_sum((padded > 0).astype(np.int64), planar) - (levels.grid > 0)
    counted = (levels.grid > 0) & (around > 0)
    level = levels.grid[counted]
    apart = np.abs(level - total[counted] / around[counted])
    sums = np.bincount(level, weights=apart, minlength=levels.count + 1)[1:]
    numbers = np.bincount(level, minlength=levels.count + 1)[1:]
    return Stack(np.stack([sums, numbers.astype(float)], axis=1)[None], np.zeros(2), levels.voxels)


def tone_features(stack: Stack) -> dict[str, FloatArray]:
    """Compute the five features of grey tone differences; NaN where no voxel has a neighbour."""
    return {tag: np.array([value]) for tag, value in _tone_values(stack.counts[0]).items()}


def dependences(levels: Levels, planar: bool) -> Stack:
    """Count voxels by level and by how many of their neighbours, and they themselves, have that level."""
    padded = np.pad(levels.grid, 1)
    same = np.zeros(levels.grid.shape, dtype=np.int64)
    nz, ny, nx = levels.grid.shape
    for dz, dy, dx in product((0,) if planar else (-1, 0, 1), (-1, 0, 1), (-1, 0, 1)):
        moved = padded[1 + dz : 1 + dz + nz, 1 + dy : 1 + dy + ny, 1 + dx : 1 + dx + nx]
        same += moved == levels.grid
    inside = levels.grid > 0
    return tabulate([levels.grid[inside]], [same[inside]], levels.count, levels.voxels)


def _box_sum(padded: IntArray, planar: bool) -> IntArray:
    """Sum every voxel with its neighbours; the rim is cut off."""
    for axis in (1, 2) if planar else (0, 1, 2):
        low, mid, high = (
            padded[(slice(None),) * axis + (cut,)] for cut in (slice(0, -2), slice(1, -1), slice(2, None))
        )
        padded = low + mid + high
    return padded[1:-1] if planar else padded


def _tone_values(matrix: FloatArray) -> dict[str, float]:
    present = matrix[:, 1] > 0
    level = np.arange(1.0, len(matrix) + 1)[present]
    apart, number = matrix[present].T
    voxels, count = number.sum(), len(level)
    names = ("ngt_coarseness", "ngt_contrast", "ngt_busyness", "ngt_complexity", "ngt_strength")
    if voxels == 0:
        return dict.fromkeys(names, float("nan"))
    share = number / voxels
    rough = float(share @ apart)
    gap = level[:, None] - level
    either = share[:, None] + share
    contrast = (share * share[:, None] * gap**2).sum() * apart.sum() / voxels
    contrast = contrast / (count * (count - 1)) if count > 1 else 0.0
    swing = np.abs(level[:, None] * share[:, None] - level * share).sum()
    weighted = (share * apart)[:, None] + share * apart
    values = (
        1 / rough if rough > 0 else 1e6,
        contrast,
        rough / swing if count > 1 and swing > 0 else 0.0,
        (np.abs(gap) * weighted / either).sum() / voxels,
        (either * gap**2).sum() / apart.sum() if apart.sum() > 0 else 0.0,
    )
    return {name: float(value) for name, value in zip(names, values, strict=True)}
