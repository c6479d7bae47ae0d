"""Canny's edge detector in any number of dimensions and on any voxel size."""

from __future__ import annotations

import numpy as np

from napari_medai.core.geometry import FloatArray
from napari_medai.core.progress import Progress, Step
from napari_medai.preprocess.arrays import FloatVolume
from napari_medai.preprocess.check import BoolArray


def canny_edges(
    volume: FloatVolume,
    spacing: FloatArray,
    sigma_mm: float,
    low_percent: float,
    high_percent: float,
    progress: Progress,
) -> BoolArray:
    """Smooth, take gradients per mm, keep ridges of their length, and follow them by two thresholds.

    Parameters
    ----------
    volume : ndarray of float32
        Shape (z, y, x) or (y, x).
    spacing : (D,) ndarray
        Voxel size along each array axis.
    sigma_mm : float
        Of the Gaussian.
    low_percent, high_percent : float
        Of the largest gradient.
    progress : Progress
        Hears several reports.
    """
    from scipy import ndimage
    from skimage.filters import apply_hysteresis_threshold

    gradients = []
    for axis, step in enumerate(spacing):
        progress(Step(axis, 2 * len(spacing) + 2, "Gradients"))
        order = [int(k == axis) for k in range(volume.ndim)]
        gradients.append(
            ndimage.gaussian_filter(volume, sigma_mm / spacing, order, mode="nearest") / np.float32(step)
        )
    length = np.sqrt(sum(g * g for g in gradients))
    top = float(length.max())
    if top == 0:
        return np.zeros(volume.shape, dtype=bool)
    ridge = _ridges(length, gradients, spacing, top * low_percent / 100, progress)
    progress(Step(2 * len(spacing) + 1, 2 * len(spacing) + 2, "Following edges"))
    kept = np.where(ridge, length, 0)
    return np.asarray(apply_hysteresis_threshold(kept, top * low_percent / 100, top * high_percent / 100))


def _ridges(
    length: FloatVolume, gradients: list[FloatVolume], spacing: FloatArray, low: float, progress: Progress
) -> BoolArray:
    """Tell where the gradient is longest along its own direction, one voxel side to either side."""
    from scipy import ndimage

    places = np.nonzero(length > low)
    ridge = np.zeros(length.shape, dtype=bool)
    count = 500_000
    for start in range(0, len(places[0]), count):
        progress(Step(len(spacing) + start / max(1, len(places[0])), 2 * len(spacing) + 2, "Thinning"))
        index = tuple(p[start : start + count] for p in places)
        here = length[index]
        # A step of one voxel side along the gradient: mm direction divided by the side gives voxels.
        step = np.stack([g[index] / here / s for g, s in zip(gradients, spacing, strict=True)])
        step /= np.abs(step).max(axis=0)
        at = np.stack(index)
        ahead = ndimage.map_coordinates(length, at + step, order=1, mode="nearest")
        behind = ndimage.map_coordinates(length, at - step, order=1, mode="nearest")
        ridge[index] = (here >= behind) & (here > ahead)
    return ridge
