"""How steep the smoothed intensities are, per millimetre."""

from __future__ import annotations

import numpy as np

from napari_medai.core.geometry import FloatArray
from napari_medai.preprocess.arrays import FloatVolume


def steepness(volume: FloatVolume, spacing: FloatArray, sigma_mm: float) -> FloatVolume:
    """Return the length of the gradient of a Gaussian-smoothed volume, in intensity per mm.

    Parameters
    ----------
    volume : ndarray of float32
        Shape (z, y, x) or (y, x).
    spacing : (D,) ndarray
        Voxel size along each array axis.
    sigma_mm : float
        Of the Gaussian; 0 takes plain differences.
    """
    from scipy import ndimage

    smooth = ndimage.gaussian_filter(volume, sigma_mm / spacing, mode="nearest") if sigma_mm else volume
    square = np.zeros(volume.shape, dtype=np.float32)
    for axis, step in enumerate(spacing):
        if volume.shape[axis] > 1:
            square += (np.gradient(smooth, axis=axis) / step) ** 2
    return np.sqrt(square)
