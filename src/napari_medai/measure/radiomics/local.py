"""Peaks of intensity, averaged over a ball of 1 cm3."""

from __future__ import annotations

import numpy as np

from napari_medai.core.geometry import FloatArray
from napari_medai.measure.radiomics.roi import Roi

RADIUS_MM = (3 / (4 * np.pi)) ** (1 / 3) * 10
"""The radius of a ball of 1 cm3, 6.2 mm."""


def local_intensity(roi: Roi) -> dict[str, float]:
    """Compute the mean of the ball around the brightest voxel, and the largest mean of any ball.

    Balls are centred on voxels of the intensity mask and average every voxel of the image whose centre
    is at most 6.2 mm away, in the region or not. Of several brightest voxels the best ball counts.
    """
    known = np.isfinite(roi.intensities)
    ball = _ball(roi.spacing)
    total = _summed(np.where(known, roi.intensities, 0.0), ball)
    number = np.rint(_summed(known.astype(np.float64), ball))
    means = total[roi.intensity_mask] / number[roi.intensity_mask]
    brightest = roi.values == roi.values.max()
    return {"loc_peak_loc": float(means[brightest].max()), "loc_peak_glob": float(means.max())}


def _ball(spacing: tuple[float, float, float]) -> FloatArray:
    reach = [int(RADIUS_MM / s) for s in spacing]
    axes = np.ogrid[tuple(slice(-r, r + 1) for r in reach)]
    squared = sum((axis * s) ** 2 for axis, s in zip(axes, spacing, strict=True))
    return np.asarray(squared <= RADIUS_MM**2, dtype=np.float64)


def _summed(values: FloatArray, ball: FloatArray) -> FloatArray:
    from scipy.signal import oaconvolve

    return np.asarray(oaconvolve(values, ball, mode="same")) if min(ball.shape) > 0 else values
