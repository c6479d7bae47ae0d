"""The noise of an image, estimated from its finest detail."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_GAUSS_MAD = 0.6744897501960817


def estimate_sigma(values: NDArray[Any], region: NDArray[np.bool_] | None, ndim: int) -> float:
    """Estimate the standard deviation of white noise.

    Differences of neighbours along every axis at once (the diagonal detail of the Haar wavelet) hold
    almost no anatomy; their median absolute deviation is little moved by the rest.

    Parameters
    ----------
    values : numpy.ndarray
        Volumes or pictures, the spatial axes last.
    region : ndarray of bool or None
        Where to look; of the same shape.
    ndim : int
        Number of spatial axes, 2 or 3.

    Returns
    -------
    float
        In the image's intensities.

    References
    ----------
    Donoho and Johnstone 1994, Ideal spatial adaptation by wavelet shrinkage, doi 10.1093/biomet/81.3.425.
    """
    detail = values.astype(np.float32)
    seen = np.ones(values.shape, dtype=bool) if region is None else np.asarray(region)
    for axis in range(values.ndim - ndim, values.ndim):
        if detail.shape[axis] < 2:
            continue
        detail = np.diff(detail, axis=axis) / np.float32(np.sqrt(2))
        low = [slice(None)] * values.ndim
        high = list(low)
        low[axis], high[axis] = slice(None, -1), slice(1, None)
        seen = seen[tuple(low)] & seen[tuple(high)]
    chosen = detail[seen] if seen.any() else detail.ravel()
    return float(np.median(np.abs(chosen)) / _GAUSS_MAD)
