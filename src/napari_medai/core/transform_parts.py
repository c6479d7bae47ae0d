"""The steps a transform is made of: affine matrices and deformations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from napari_medai.core.displacement import DisplacementField
from napari_medai.core.errors import GeometryError
from napari_medai.core.geometry import FloatArray

Part: TypeAlias = FloatArray | DisplacementField
"""One step of a transform: an affine matrix or a deformation."""


def checked_part(given: Any) -> Part:
    """Return a deformation as it is, and a matrix read-only once it is found good.

    Raises
    ------
    GeometryError
        If a matrix is not finite, not invertible or of the wrong size.
    """
    if isinstance(given, DisplacementField):
        return given
    matrix = np.array(given, dtype=np.float64)
    if matrix.shape not in ((3, 3), (4, 4)) or not np.all(np.isfinite(matrix)):
        raise GeometryError(f"Found a matrix of shape {matrix.shape}; needed a finite 3x3 or 4x4 one.")
    ndim = len(matrix) - 1
    if not np.array_equal(matrix[-1], [0] * ndim + [1]):
        raise GeometryError(f"Found {matrix[-1].tolist()} as the last row; needed 0 ... 0 1.")
    if abs(np.linalg.det(matrix)) < 1e-12:
        raise GeometryError("Found a singular transform; needed one that can be undone.")
    matrix.flags.writeable = False
    return matrix


def merged_parts(parts: Sequence[Part]) -> list[Part]:
    """Multiply affine neighbours."""
    merged: list[Part] = []
    for one in parts:
        last = merged[-1] if merged else None
        if isinstance(one, np.ndarray) and isinstance(last, np.ndarray):
            merged[-1] = checked_part(one @ last)
        else:
            merged.append(one)
    return merged


def part_ndim(one: Part) -> int:
    """2 or 3."""
    return one.geometry.ndim if isinstance(one, DisplacementField) else len(one) - 1


def times(matrix: FloatArray, points: FloatArray) -> FloatArray:
    """Apply an affine matrix to points (..., D)."""
    return np.asarray(points @ matrix[:-1, :-1].T + matrix[:-1, -1])


def moved_points(parts: Sequence[Part], points: FloatArray) -> FloatArray:
    """Take points (..., D) through every step."""
    for one in parts:
        points = one.apply(points) if isinstance(one, DisplacementField) else times(one, points)
    return points


def derivative_at(parts: Sequence[Part], points: FloatArray) -> FloatArray:
    """Return how the steps stretch and turn around each point, (N, D) -> (N, D, D).

    Exact for a matrix; with a deformation by central differences over half its smallest voxel.
    """
    grids = [p.geometry for p in parts if isinstance(p, DisplacementField)]
    first = parts[0]
    if len(parts) == 1 and isinstance(first, np.ndarray):
        return np.broadcast_to(first[:-1, :-1], (*points.shape, points.shape[-1])).copy()
    step = 0.5 * min(float(g.spacing.min()) for g in grids)
    columns = [
        (moved_points(parts, points + offset) - moved_points(parts, points - offset)) / (2 * step)
        for offset in step * np.eye(points.shape[-1])
    ]
    return np.stack(columns, axis=-1)


def undone(matrix: FloatArray) -> FloatArray:
    """Return the inverse of an affine matrix, its last row exact."""
    inverse: FloatArray = np.asarray(np.linalg.inv(matrix), dtype=np.float64)
    inverse[-1] = matrix[-1]
    return inverse
