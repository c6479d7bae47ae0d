"""Clicked points turned into voxels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.errors import ArgumentError
from napari_medai.core.image import MedicalImage
from napari_medai.core.landmarks import Landmarks


def seed_indices(image: MedicalImage, seeds: Landmarks, operation: str) -> NDArray[np.intp]:
    """Return the voxel (N, D) in which each point lies.

    Raises
    ------
    ArgumentError
        If there is no point, one lies outside the image, or it has another number of dimensions.
    """
    if not len(seeds):
        raise ArgumentError(f"{operation}: found no point; needed one inside the object.")
    if seeds.positions.shape[1] != image.spatial_ndim:
        raise ArgumentError(
            f"{operation}: found points in {seeds.positions.shape[1]}-D for a {image.spatial_ndim}-D image."
        )
    indices = np.rint(image.geometry.world_to_index(seeds.positions)).astype(np.intp)
    outside = np.any((indices < 0) | (indices >= np.array(image.spatial_shape)), axis=1)
    if outside.any():
        name = seeds.names[int(np.argmax(outside))]
        raise ArgumentError(
            f"{operation}: found the point {name!r} outside the image.",
            hint="Put every point into the image.",
        )
    return indices


def require_one_volume(image: MedicalImage, operation: str) -> None:
    """Refuse images with time or channels, where points and strokes would be ambiguous.

    Raises
    ------
    ArgumentError
        If there is any axis besides z, y, x.
    """
    if len(image.axes) != image.spatial_ndim:
        raise ArgumentError(
            f"{operation}: found axes {image.axes!r}; needed a single volume or picture.",
            hint="Take one time point, or one channel: take_channel.",
        )
