"""What voxels are compared by when they are clustered: intensities, smoothed ones, places."""

from __future__ import annotations

import numpy as np

from napari_medai.core.image import MedicalImage
from napari_medai.preprocess.arrays import FloatVolume, as_float
from napari_medai.preprocess.check import BoolArray
from napari_medai.preprocess.slabs import to_voxels


def cluster_features(
    image: MedicalImage, inside: BoolArray | None, smooth_mm: float, position_weight: float
) -> FloatVolume:
    """Return one row (N, F) for every voxel inside: each channel, smoothed too if wished, then the place.

    Intensities are divided by the standard deviation of their channel; places run from 0 to
    ``position_weight`` along the image's longest side.
    """
    from scipy import ndimage

    chosen = np.ones(image.spatial_shape, dtype=bool) if inside is None else inside
    columns = []
    for channel in _channels(image):
        scale = float(channel[chosen].std()) or 1.0
        columns.append(channel[chosen] / scale)
        if smooth_mm:
            sigma = to_voxels(smooth_mm, tuple(image.geometry.spacing))
            columns.append(ndimage.gaussian_filter(channel, sigma, mode="nearest")[chosen] / scale)
    if position_weight:
        longest = float((image.geometry.spacing * np.array(image.spatial_shape)).max())
        places = np.argwhere(chosen) * image.geometry.spacing / longest * position_weight
        columns += list(places.T)
    return np.stack(columns, axis=1).astype(np.float32)


def _channels(image: MedicalImage) -> list[FloatVolume]:
    array = as_float(np.asarray(image.array))
    if image.is_rgb:
        return [array[..., k] for k in range(3)]
    return list(array) if "c" in image.axes else [array]
