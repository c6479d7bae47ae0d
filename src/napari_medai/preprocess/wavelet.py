"""The starlet: a redundant wavelet transform of spline-smoothed differences."""

from __future__ import annotations

import numpy as np

from napari_medai.core.progress import Progress, Step
from napari_medai.preprocess.arrays import FloatVolume

_KERNEL = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)


def shrink_details(
    volume: FloatVolume, sigma: float, levels: int, threshold: float, progress: Progress
) -> FloatVolume:
    """Set the details to zero that noise alone explains.

    Parameters
    ----------
    volume : ndarray of float32
        Shape (z, y, x) or (y, x).
    sigma : float
        Standard deviation of the noise.
    levels : int
        Number of scales.
    threshold : float
        In standard deviations of the noise at each scale.
    progress : Progress
        Hears one report a scale and axis.
    """
    total = levels * volume.ndim
    smooth, result = volume, np.zeros_like(volume)
    for level, spread in enumerate(noise_of_details(volume.ndim, levels)):
        coarse = smooth
        for axis in range(volume.ndim):
            progress(Step(level * volume.ndim + axis, total, "Wavelets"))
            coarse = _smooth(coarse, axis, level)
        detail = smooth - coarse
        detail *= np.abs(detail) > np.float32(threshold * spread * sigma)
        result += detail
        smooth = coarse
    progress(Step(total, total, "Wavelets"))
    return np.asarray(result + smooth, dtype=np.float32)


def noise_of_details(ndim: int, levels: int) -> list[float]:
    """Standard deviation of each scale's details for noise of deviation 1, from the kernels themselves."""
    spreads = []
    line = np.ones(1)
    for level in range(levels):
        wide = np.convolve(line, _dilated(level))
        narrow = np.pad(line, (len(wide) - len(line)) // 2)
        # |a - b|^2 = |a|^2 - 2 a.b + |b|^2, each a product over the axes.
        square = (narrow @ narrow) ** ndim - 2 * (narrow @ wide) ** ndim + (wide @ wide) ** ndim
        spreads.append(float(np.sqrt(square)))
        line = wide
    return spreads


def _smooth(volume: FloatVolume, axis: int, level: int) -> FloatVolume:
    from scipy import ndimage

    return np.asarray(ndimage.convolve1d(volume, _dilated(level), axis=axis, mode="mirror"))


def _dilated(level: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    kernel = np.zeros(4 * 2**level + 1)
    kernel[:: 2**level] = _KERNEL
    return kernel
