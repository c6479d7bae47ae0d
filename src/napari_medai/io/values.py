"""Stored numbers turned into the values they stand for, without losing any."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

_HUGE = 1e18
_INTEGERS = (np.int16, np.uint16, np.int32, np.uint32, np.int64)


def is_whole(value: float) -> bool:
    """Tell whether a number is an integer small enough to be exact."""
    return bool(np.isfinite(value)) and float(value).is_integer() and abs(value) < 2**31


def integer_type(low: int, high: int, preferred: DTypeLike) -> np.dtype[Any]:
    """Return ``preferred`` if it holds every integer from ``low`` to ``high``, else the smallest that can."""
    for candidate in (preferred, *_INTEGERS):
        bounds = np.iinfo(np.dtype(candidate))
        if bounds.min <= low and high <= bounds.max:
            return np.dtype(candidate)
    return np.dtype(np.float64)


def rescale(stored: NDArray[Any], slope: float, intercept: float) -> NDArray[Any]:
    """Return ``stored * slope + intercept``.

    Parameters
    ----------
    stored : numpy.ndarray
        The numbers of the file.
    slope, intercept : float
        What makes values of them.

    Returns
    -------
    numpy.ndarray
        Integers where everything is whole, in a type that holds them; else float32 (float64 for float64).
    """
    if slope == 1 and intercept == 0:
        return stored
    if stored.dtype.kind in "iu" and is_whole(slope) and is_whole(intercept):
        ends = [
            int(stored.min()) * int(slope) + int(intercept),
            int(stored.max()) * int(slope) + int(intercept),
        ]
        dtype = integer_type(min(ends), max(ends), stored.dtype)
        return scale_into(stored, slope, intercept, np.empty(stored.shape, dtype))
    huge = max(abs(slope), abs(intercept)) > _HUGE or stored.dtype == np.float64
    dtype = np.dtype(np.float64 if huge else np.float32)
    return scale_into(stored, slope, intercept, np.empty(stored.shape, dtype))


def scale_into(stored: NDArray[Any], slope: float, intercept: float, result: NDArray[Any]) -> NDArray[Any]:
    """Write ``stored * slope + intercept`` into ``result``, rounded only once, and return it."""
    if result.dtype.kind in "iu":
        # Sums may wrap on the way: what counts is that the end fits, and two's complement is exact then.
        wide = np.dtype(f"i{result.dtype.itemsize}")
        offset = np.asarray(int(intercept), np.int64).astype(wide)
        scaled = stored if slope == 1 else stored.astype(np.int64) * int(slope)
        np.add(scaled, offset, out=result, casting="unsafe", dtype=wide)
        return result
    with np.errstate(over="ignore", invalid="ignore"):
        _scale_lines(stored, slope, intercept, result)
    return result


def _scale_lines(stored: NDArray[Any], slope: float, intercept: float, result: NDArray[Any]) -> None:
    """Scale slice by slice, so that only one at a time is held in double precision."""
    if stored.ndim > 2:
        for part, out in zip(stored, result, strict=True):
            _scale_lines(part, slope, intercept, out)
    else:
        result[...] = stored.astype(np.float64) * slope + intercept
