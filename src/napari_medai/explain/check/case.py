"""The window of an image in which a map is tried."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.errors import ArgumentError
from napari_medai.explain.check.subject import Floats, Mask
from napari_medai.models.infer import extend_to_tile, window_corners, window_slices


def fullest_window(
    volume: Floats, region: Mask | None, mask: Mask | None, tile: Sequence[int], overlap: float
) -> tuple[Floats, Mask | None, Mask | None]:
    """Cut the window that holds most of the region from the input, the region and the mask.

    Without a region the window that holds most of the mask counts, or else the one in the middle.

    Parameters
    ----------
    volume : numpy.ndarray
        Shape (C, *S).
    region, mask : numpy.ndarray, optional
        Shape (*S).
    tile : sequence of int
        The window.
    overlap : float
        The share of a window that the next one covers again.

    Raises
    ------
    ArgumentError
        If the region is empty.
    """
    padded, _ = extend_to_tile(volume, tile)
    where, known = (None if m is None else extend_to_tile(m[None], tile)[0][0] for m in (region, mask))
    if where is not None and not where.any():
        raise ArgumentError(
            "The region to explain is empty.", hint="Choose a class that is there, or paint one."
        )
    corners = window_corners(padded.shape[1:], tile, overlap)
    guide = where if where is not None else known
    corner = corners[len(corners) // 2] if guide is None else fullest_corner(guide, corners, tile)
    box = window_slices(corner, tile)
    cut = [None if m is None else m[box] for m in (where, known)]
    return np.array(padded[(slice(None), *box)]), cut[0], cut[1]


def fullest_corner(
    marked: NDArray[np.bool_], corners: Sequence[tuple[int, ...]], tile: Sequence[int]
) -> tuple[int, ...]:
    """Return where the window begins that holds most of what is marked, the first of equals."""
    return max(corners, key=lambda corner: int(marked[window_slices(corner, tile)].sum()))
