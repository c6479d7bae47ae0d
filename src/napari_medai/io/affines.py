"""Affines of other programs turned into this one's, and back."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from napari_medai.core.geometry import FloatArray

_FLIP = np.array([[-1.0], [-1.0], [1.0], [1.0]])


def from_ras(affine: ArrayLike) -> FloatArray:
    """Turn a (i, j, k) -> RAS affine, as of NIfTI, into a (z, y, x) -> LPS one, 4 x 4."""
    return from_ijk(_FLIP * np.asarray(affine, dtype=np.float64))


def to_ras(affine: ArrayLike) -> FloatArray:
    """Turn a (z, y, x) -> LPS affine into a (i, j, k) -> RAS one, 4 x 4."""
    return np.asarray(_FLIP * from_ijk(affine))


def from_ijk(affine: ArrayLike) -> FloatArray:
    """Reverse the order of the array axes of an affine, (i, j, k) <-> (z, y, x); any dimension."""
    matrix = np.asarray(affine, dtype=np.float64)
    ndim = len(matrix) - 1
    return np.asarray(matrix[:, [*range(ndim)[::-1], ndim]])


def from_itk(direction: ArrayLike, spacing: ArrayLike, origin: ArrayLike) -> FloatArray:
    """Make a (z, y, x) -> LPS affine of ITK's direction (row by row), spacing and origin."""
    steps = np.asarray(spacing, dtype=np.float64)
    ndim = len(steps)
    affine = np.eye(ndim + 1)
    with np.errstate(all="ignore"):  # what is not finite is refused where the grid is made
        affine[:ndim, :ndim] = np.asarray(direction, dtype=np.float64).reshape(ndim, ndim) * steps
    affine[:ndim, ndim] = np.asarray(origin, dtype=np.float64)
    return from_ijk(affine)


def to_itk(affine: FloatArray) -> tuple[list[float], list[float], list[float]]:
    """Return ITK's direction (row by row), spacing and origin of a (z, y, x) -> LPS affine."""
    ijk = from_ijk(affine)
    ndim = len(ijk) - 1
    matrix = ijk[:ndim, :ndim]
    spacing = np.linalg.norm(matrix, axis=0)
    direction = matrix / spacing
    return direction.ravel().tolist(), spacing.tolist(), ijk[:ndim, ndim].tolist()


def embed_2d(affine: FloatArray) -> FloatArray:
    """Put a (y, x) -> (x, y) affine into space: a (z, y, x) affine of one slice at z = 0, 1 thick."""
    full = np.zeros((4, 4))
    full[2, 0] = full[3, 3] = 1.0
    full[:2, 1:3] = affine[:2, :2]
    full[:2, 3] = affine[:2, 2]
    return full
