"""Zones of one grey level: how large they are and how far from the region's border."""

from __future__ import annotations

import numpy as np

from napari_medai.measure.radiomics.matrices import Stack, tabulate
from napari_medai.measure.radiomics.roi import IntArray, Levels, Mask


def zone_sizes(levels: Levels, planar: bool) -> Stack:
    """Count zones by level and number of voxels."""
    zones, level = _zones(levels.grid, planar)
    size = np.bincount(zones[levels.grid > 0], minlength=len(level) + 1)[1:]
    return tabulate([level], [size], levels.count, levels.voxels)


def zone_distances(levels: Levels, planar: bool) -> Stack:
    """Count zones by level and distance to the border of the region as drawn, in steps across faces."""
    zones, level = _zones(levels.grid, planar)
    away = border_distance(levels.shape_mask, planar)
    inside = levels.grid > 0
    nearest = np.full(len(level) + 1, np.iinfo(np.int64).max)
    np.minimum.at(nearest, zones[inside], away[inside])
    return tabulate([level], [nearest[1:]], levels.count, levels.voxels)


def border_distance(mask: Mask, planar: bool) -> IntArray:
    """Count the steps across faces from each voxel of a mask to the first voxel outside it."""
    from scipy import ndimage

    padded = np.pad(mask, 1)
    if not planar:
        away = ndimage.distance_transform_cdt(padded, metric="taxicab")
    else:
        away = np.stack([ndimage.distance_transform_cdt(part, metric="taxicab") for part in padded])
    return np.asarray(away[1:-1, 1:-1, 1:-1], dtype=np.int64)


def _zones(grid: IntArray, planar: bool) -> tuple[IntArray, IntArray]:
    """Number the zones, whose voxels touch at faces, edges or corners; return them and their levels."""
    from skimage.measure import label

    if planar:
        # an empty slice between two keeps their zones apart
        apart = np.zeros((2 * len(grid), *grid.shape[1:]), dtype=grid.dtype)
        apart[::2] = grid
        zones = label(apart, background=0, connectivity=3)[::2]
    else:
        zones = label(grid, background=0, connectivity=3)
    level = np.zeros(int(zones.max(initial=0)) + 1, dtype=np.int64)
    level[zones] = grid
    return np.asarray(zones), level[1:]
