"""Where the planes of one grid lie between those of another, axis by axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.geometry import FloatArray, Geometry

Lookup = tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]
"""For each target plane the two source planes around it, and the share of the second."""


def world_lookups(source: Geometry, target: Geometry) -> list[Lookup]:
    """Match the voxel centres of two grids whose axes are parallel and in the same order."""
    matrix: FloatArray = np.linalg.inv(source.affine) @ target.affine
    return [
        lookup_at(matrix[axis, axis] * np.arange(count) + matrix[axis, -1], size)
        for axis, (size, count) in enumerate(zip(source.shape, target.shape, strict=True))
    ]


def edge_lookups(source: Sequence[int], target: Sequence[int], orders: Sequence[int]) -> list[Lookup]:
    """Match the outer edges of two grids, as nnU-Net does; order 0 takes the nearest plane, 1 two."""
    lookups = []
    for size, count, order in zip(source, target, orders, strict=True):
        position = (np.arange(count) + 0.5) * (size / count) - 0.5
        lookups.append(lookup_at(np.floor(position + 0.5) if order == 0 else position, size))
    return lookups


def lookup_at(position: NDArray[np.floating[Any]], size: int) -> Lookup:
    """Look positions up, counted in source planes; beyond the outermost plane it goes on as it is."""
    position = np.clip(position, 0, size - 1)
    low = np.minimum(position.astype(np.intp), max(size - 2, 0))
    return low, np.minimum(low + 1, size - 1), (position - low).astype(np.float32)


def interpolate(volume: NDArray[np.float32], lookups: Sequence[Lookup]) -> NDArray[np.float32]:
    """Interpolate a volume linearly at every combination of looked-up planes."""
    for axis, (low, high, share) in enumerate(lookups):
        first, last = (int(low[0]), int(high[-1]) + 1) if len(low) else (0, 0)
        volume = volume[(slice(None),) * axis + (slice(first, last),)]
        weight = share.reshape([-1 if k == axis else 1 for k in range(volume.ndim)])
        below = volume.take(low - first, axis)
        above = volume.take(high - first, axis)
        above -= below
        above *= weight
        above += below
        volume = above
    return volume
