"""Smooth random texture, blur and noise, with sizes in millimetres on any grid."""

from __future__ import annotations

import numpy as np

from napari_medai.core.geometry import FloatArray, Geometry


def smooth_noise(rng: np.random.Generator, geometry: Geometry, size_mm: float) -> FloatArray:
    """Draw a random field of zero mean and unit deviation with grains of about ``size_mm``."""
    white = rng.standard_normal(geometry.shape)
    blurred = blur(white, geometry, size_mm / 2)
    return np.asarray((blurred - blurred.mean()) / blurred.std())


def blur(array: FloatArray, geometry: Geometry, sigma_mm: float | FloatArray) -> FloatArray:
    """Blur with a Gaussian of ``sigma_mm``, one number or one an array axis."""
    from scipy.ndimage import gaussian_filter

    sigma = np.broadcast_to(np.asarray(sigma_mm, float), (geometry.ndim,)) / geometry.spacing
    return np.asarray(gaussian_filter(array, sigma, mode="nearest", truncate=3.0))
