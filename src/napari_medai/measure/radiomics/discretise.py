"""From intensities to grey levels: bins of a fixed size, or a fixed number of bins."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np

from napari_medai.core.errors import ArgumentError
from napari_medai.core.geometry import FloatArray
from napari_medai.measure.radiomics.roi import IntArray, Levels, Roi, crop_to

Discretisation: TypeAlias = Literal["fixed_size", "fixed_number", "none"]
MOST_LEVELS = 1024


def discretise(values: FloatArray, method: Discretisation, bins: float, lowest: float | None) -> IntArray:
    """Sort intensities into grey levels from 1.

    Parameters
    ----------
    values : (N,) float array
        The intensities.
    method : {"fixed_size", "fixed_number", "none"}
        Bins of width ``bins`` from ``lowest`` up; ``bins`` bins between the least and the largest value;
        or the values themselves, which must be whole numbers from 1.
    bins : float
        Width of a bin in units of intensity, or number of bins.
    lowest : float, optional
        Where the first bin of a fixed size begins; the least value by default.

    Returns
    -------
    (N,) int array
        Levels.

    Raises
    ------
    ArgumentError
        If ``"none"`` is asked for values that are no levels.

    References
    ----------
    Image Biomarker Standardisation Initiative, reference manual, section 2.7, arXiv:1612.07003.
    """
    if method == "none":
        return _as_levels(values)
    low = float(values.min())
    if method == "fixed_size":
        return np.floor((values - (low if lowest is None else lowest)) / bins).astype(np.int64) + 1
    spread = float(values.max()) - low
    if spread == 0:
        return np.ones(len(values), dtype=np.int64)
    levels = np.floor(bins * (values - low) / spread).astype(np.int64) + 1
    return np.minimum(levels, int(bins))


def levels_of(roi: Roi, method: Discretisation, bins: float, lowest: float | None) -> Levels:
    """Return the grey levels of a region, cropped to it.

    Raises
    ------
    ArgumentError
        If there are more levels than texture matrices can hold.
    """
    found = discretise(roi.values, method, bins, lowest)
    if found.max() > MOST_LEVELS:
        raise ArgumentError(
            f"The bins make {found.max()} grey levels; texture needs at most {MOST_LEVELS}.",
            hint="Use wider bins, a fixed number of bins, or resegment to a range first.",
        )
    grid = np.zeros(roi.intensities.shape, dtype=np.int64)
    grid[roi.intensity_mask] = found
    box = crop_to(roi.shape_mask, (0, 0, 0))
    return Levels(grid[box], int(found.max()), roi.shape_mask[box])


def _as_levels(values: FloatArray) -> IntArray:
    levels = np.rint(values).astype(np.int64)
    if np.any(levels != values) or levels.min() < 1:
        raise ArgumentError(
            "Found intensities that are no grey levels; without bins they must be whole numbers from 1.",
            hint="Choose bins of a fixed size or a fixed number of bins.",
        )
    return levels
