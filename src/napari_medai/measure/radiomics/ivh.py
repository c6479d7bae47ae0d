"""The intensity-volume histogram: which share of the volume has at least which intensity."""

from __future__ import annotations

import numpy as np

from napari_medai.core.geometry import FloatArray
from napari_medai.measure.radiomics.roi import Mask


def ivh_features(values: FloatArray, grid: FloatArray) -> dict[str, float]:
    """Compute the seven features of the intensity-volume histogram.

    Parameters
    ----------
    values : (N,) float array
        Intensities, each on one of the points of ``grid``.
    grid : (G,) float array
        The intensities at which the histogram is taken, ascending and evenly spaced, empty ones too.

    Returns
    -------
    dict
        Volume fractions at 10 and 90 % of the intensity range, intensities at 10 and 90 % of the volume,
        their differences, and the area under the curve.
    """
    ranked = np.sort(values)
    # half a step lower, so that rounding does not decide on which side of a point a value lies
    step = grid[1] - grid[0] if len(grid) > 1 else 1.0
    below = np.searchsorted(ranked, grid - step / 2, side="left")
    volume = np.asarray(1.0 - below / len(values))
    spread = grid[-1] - grid[0]
    share: FloatArray = (grid - grid[0]) / spread if spread > 0 else np.zeros_like(grid)
    v10, v90 = (_first(volume, np.asarray(share >= part - 1e-9)) for part in (0.1, 0.9))
    i10, i90 = (_first(grid, volume <= part + 1e-9, grid[-1] + step) for part in (0.1, 0.9))
    return {
        "ivh_v10": v10,
        "ivh_v90": v90,
        "ivh_i10": i10,
        "ivh_i90": i90,
        "ivh_diff_v10_v90": v10 - v90,
        "ivh_diff_i10_i90": i10 - i90,
        "ivh_auc": float(np.trapezoid(volume, share)) if spread > 0 else 0.0,
    }


def _first(of: FloatArray, where: Mask, otherwise: float = 0.0) -> float:
    """Return the value at the first place where a condition holds."""
    return float(of[where.argmax()]) if where.any() else float(otherwise)
