"""The noise of an image, estimated from its finest detail."""

from __future__ import annotations

import numpy as np

from napari_medai.explore.table import Values

_GAUSS_MAD = 0.6744897501960817


def wavelet_noise(values: Values, region: Values | None, ndim: int) -> float:
    """Estimate the standard deviation of white noise.

    Differences of neighbours along every axis at once (the diagonal detail of the Haar wavelet) hold
    almost no anatomy; their median absolute deviation is little moved by the rest.

    Parameters
    ----------
    values : numpy.ndarray
        Volumes or pictures, the spatial axes last.
    region : ndarray of bool or None
        Where to look.
    ndim : int
        Number of spatial axes, 2 or 3.

    Returns
    -------
    float
        In the image's intensities.
    """
    detail = values.astype(np.float64)
    seen = np.ones(values.shape, dtype=bool) if region is None else np.asarray(region)
    for axis in range(values.ndim - ndim, values.ndim):
        if detail.shape[axis] < 2:
            continue
        detail = np.diff(detail, axis=axis) / np.sqrt(2)
        seen = seen.take(range(seen.shape[axis] - 1), axis) & seen.take(range(1, seen.shape[axis]), axis)
    chosen = detail[seen] if seen.any() else detail.ravel()
    return float(np.median(np.abs(chosen)) / _GAUSS_MAD)
