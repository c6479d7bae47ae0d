"""The shape of a region: its surface, how round it is, its parts and its longest diameter."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_medai.core.geometry import FloatArray, Geometry
from napari_medai.measure.cells import Mask, surface_and_volume
from napari_medai.measure.units import surface_name

_FEW_POINTS = 1500


def shape_entries(mask: Mask, geometry: Geometry) -> dict[str, float]:
    """Describe the shape of a region.

    Parameters
    ----------
    mask : bool array
        The region; crop it to its bounding box first.
    geometry : Geometry
        The spacing is used, not the place.

    Returns
    -------
    dict
        ``surface_mm2`` (2-D: ``perimeter_mm``) by marching cubes at 0.5, ``sphericity`` (2-D:
        ``circularity``) from that surface and what it encloses, ``parts`` that touch nowhere, and
        ``longest_diameter_mm`` between points of the marching-cubes surface.
    """
    padded = np.pad(mask, 1)
    surface, size = surface_and_volume(padded, geometry)
    return {
        surface_name(geometry): surface,
        "circularity" if mask.ndim == 2 else "sphericity": _roundness(size, surface, mask.ndim),
        "parts": count_parts(mask),
        f"longest_diameter_{geometry.unit}": longest_distance(outline_candidates(padded, geometry)),
    }


def count_parts(mask: Mask) -> int:
    """Count the parts of a region that touch nowhere, not even at a corner."""
    from scipy import ndimage

    _, parts = ndimage.label(mask, np.ones((3,) * mask.ndim))
    return int(parts)


def outline_candidates(padded: Mask, geometry: Geometry) -> FloatArray:
    """Return points among which the outermost points of the marching-cubes surface are.

    Parameters
    ----------
    padded : bool array
        The region with an empty rim.
    geometry : Geometry
        Its matrix is used, not its origin.

    Returns
    -------
    (N, D) float array
        Offsets in the world, in the grid's unit.
    """
    return np.asarray(outline_indices(padded) @ geometry.matrix.T)


def outline_indices(padded: Mask) -> FloatArray:
    """Return fractional indices among which the outermost points of the marching-cubes surface are.

    A voxel can only be outermost if it is the first or last of its row along every axis; the surface
    then crosses the grid half a step beyond it.
    """
    extreme = padded.copy()
    for axis in range(padded.ndim):
        extreme &= _row_ends(padded, axis)
    half_steps = np.concatenate([np.eye(padded.ndim), -np.eye(padded.ndim)]) / 2
    return np.asarray((np.argwhere(extreme)[:, None] + half_steps).reshape(-1, padded.ndim))


def longest_distance(points: FloatArray) -> float:
    """Return the largest distance between two of some points, exactly; 0 for fewer than two."""
    if len(points) < 2:
        return 0.0
    first, second = longest_pair(points)
    return float(np.linalg.norm(first - second))


def longest_pair(points: FloatArray) -> FloatArray:
    """Return the two points (2, D) that lie furthest apart, exactly."""
    from scipy.spatial.distance import cdist

    points = _contenders(points)
    if len(points) > _FEW_POINTS:
        points = _on_hull(points)
    distances = cdist(points, points, "sqeuclidean")
    return np.asarray(points[list(np.unravel_index(distances.argmax(), distances.shape))])


def _row_ends(mask: Mask, axis: int) -> Mask:
    """Mark the first and last voxel of every row along an axis."""
    ends = np.zeros_like(mask)
    hit = mask.any(axis=axis)
    first = np.expand_dims(np.argmax(mask, axis=axis), axis)
    last = mask.shape[axis] - 1 - np.expand_dims(np.argmax(np.flip(mask, axis), axis=axis), axis)
    for end in (first, last):
        np.put_along_axis(ends, end, True, axis)
    return ends & np.expand_dims(hit, axis)


def _contenders(points: FloatArray) -> FloatArray:
    """Drop points too near the middle to be an end of the longest distance."""
    radius = np.linalg.norm(points - points.mean(axis=0), axis=1)
    end = points[radius.argmax()]
    known = 0.0
    for _ in range(3):
        distance = np.linalg.norm(points - end, axis=1)
        known, end = max(known, float(distance.max())), points[distance.argmax()]
    return np.asarray(points[radius + radius.max() >= known * (1 - 1e-9)])


def _on_hull(points: FloatArray) -> FloatArray:
    from scipy.spatial import ConvexHull

    flat = np.ptp(points, axis=0) < 1e-9
    hull: Any = ConvexHull(points[:, ~flat]) if (~flat).sum() > 1 else None
    ends = [points[:, ~flat].argmin(), points[:, ~flat].argmax()]
    return np.asarray(points[hull.vertices] if hull is not None else points[ends])


def _roundness(size: float, surface: float, ndim: int) -> float:
    """Return the surface of the ball (2-D: disc) of the same size over the region's surface."""
    ball = 2 * np.sqrt(np.pi * size) if ndim == 2 else np.cbrt(36 * np.pi * size**2)
    return float(ball / surface)
