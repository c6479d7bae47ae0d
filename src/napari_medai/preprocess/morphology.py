"""Growing and shrinking of regions by millimetres, exact on any voxel size."""

from __future__ import annotations

import numpy as np

from napari_medai.core.geometry import FloatArray
from napari_medai.preprocess.check import BoolArray


def dilated(region: BoolArray, radius_mm: float, spacing: FloatArray) -> BoolArray:
    """Return every voxel whose centre lies within a radius of the region's voxel centres."""
    from scipy import ndimage

    if radius_mm <= 0 or not region.any():
        return region.copy()
    return np.asarray(ndimage.distance_transform_edt(~region, sampling=spacing) <= radius_mm * (1 + 1e-6))


def eroded(region: BoolArray, radius_mm: float, spacing: FloatArray) -> BoolArray:
    """Return every voxel farther than a radius from all outside; the image's edge is no border."""
    from scipy import ndimage

    if radius_mm <= 0 or region.all():
        return region.copy()
    return np.asarray(ndimage.distance_transform_edt(region, sampling=spacing) > radius_mm * (1 + 1e-6))


def opened(region: BoolArray, radius_mm: float, spacing: FloatArray) -> BoolArray:
    """Return the region without what a ball of that radius does not fit into."""
    return dilated(eroded(region, radius_mm, spacing), radius_mm, spacing)


def closed(region: BoolArray, radius_mm: float, spacing: FloatArray) -> BoolArray:
    """Return the region with gaps filled that a ball of that radius does not fit into."""
    margin = [int(np.ceil(radius_mm / s)) + 1 for s in spacing]
    wide = np.pad(region, [(m, m) for m in margin])
    result = eroded(dilated(wide, radius_mm, spacing), radius_mm, spacing)
    return result[tuple(slice(m, -m) for m in margin)]


def largest(region: BoolArray) -> BoolArray:
    """Return the largest piece of a region, voxels connected by faces."""
    from scipy import ndimage

    pieces, count = ndimage.label(region)
    if count < 2:
        return np.asarray(region, dtype=bool)
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    return np.asarray(pieces == sizes.argmax())


def filled(region: BoolArray) -> BoolArray:
    """Return the region with what it encloses; in a volume also what it encloses in every slice."""
    from scipy import ndimage

    result = np.asarray(ndimage.binary_fill_holes(region))
    if result.ndim == 3:
        result = np.stack([ndimage.binary_fill_holes(slice_) for slice_ in result])
    return result
