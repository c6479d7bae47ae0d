"""Bodies around a set of points: boxes, the convex hull, ellipsoids."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_medai.core.geometry import FloatArray


def hull_sizes(points: FloatArray) -> tuple[FloatArray, float, float]:
    """Return the corners of the convex hull, its area and its volume."""
    from scipy.spatial import ConvexHull

    hull: Any = ConvexHull(points)
    return points[hull.vertices], float(hull.area), float(hull.volume)


def box_densities(outline: FloatArray, hull: FloatArray) -> dict[str, tuple[float, float]]:
    """Return volume and area of the box along the axes and of the smallest box in any position."""
    return {"aabb": _box(np.ptp(outline, axis=0)), "ombb": _box(_least_box(hull))}


def ellipsoid_area(half_axes: FloatArray, terms: int = 20) -> float:
    """Return the area of an ellipsoid as the standard defines it: a series in Legendre polynomials.

    The standard's series takes both eccentricities against the longest axis; it stays a few percent
    below the true area of a body with three different axes, and equals it for a ball. Values that are
    to be compared with other tools need the standard's.

    Parameters
    ----------
    half_axes : (3,) float array
        In any order.
    terms : int
        The highest degree.
    """
    least, middle, longest = np.sort(half_axes)
    if longest <= 0:
        return 0.0
    alpha2, beta2 = 1 - (middle / longest) ** 2, 1 - (least / longest) ** 2
    # (alpha beta)^n P_n((alpha^2 + beta^2) / (2 alpha beta)) by recurrence, which divides by nothing
    before, term = 1.0, (alpha2 + beta2) / 2
    total = before + term / (1 - 4)
    for n in range(2, terms + 1):
        following = (2 * n - 1) * (alpha2 + beta2) / 2 * term - (n - 1) * alpha2 * beta2 * before
        before, term = term, following / n
        total += term / (1 - 4 * n**2)
    return float(4 * np.pi * longest * middle * total)


def least_ellipsoid(points: FloatArray, tolerance: float = 1e-3) -> FloatArray:
    """Return the half axes of the ellipsoid of least volume around points, by Khachiyan's method.

    References
    ----------
    Todd and Yildirim, "On Khachiyan's algorithm for the computation of minimum-volume enclosing
    ellipsoids", Discrete Appl Math 155, 2007.
    """
    number, ndim = points.shape
    lifted = np.vstack([points.T, np.ones(number)])
    weights = np.full(number, 1 / number)
    for _ in range(10_000):
        spread = (lifted * weights) @ lifted.T
        reach = np.einsum("ij,ij->j", lifted, np.linalg.solve(spread, lifted))
        far = int(reach.argmax())
        excess = reach[far] - ndim - 1
        if excess <= tolerance * (ndim + 1):
            break
        step = excess / ((ndim + 1) * (reach[far] - 1))
        weights *= 1 - step
        weights[far] += step
    centre = points.T @ weights
    spread = (points.T * weights) @ points - np.outer(centre, centre)
    return np.asarray(np.sqrt(np.maximum(np.linalg.eigvalsh(spread) * ndim, 0.0)))


def _box(sides: FloatArray) -> tuple[float, float]:
    x, y, z = sides
    return float(x * y * z), float(2 * (x * y + x * z + y * z))


def _least_box(hull: FloatArray) -> FloatArray:
    """Return the sides of the smallest box with one face on a face of the hull."""
    from scipy.spatial import ConvexHull

    faces: Any = ConvexHull(hull)
    normals = np.unique(np.round(np.abs(faces.equations[:, :3]) * np.sign(faces.equations[:, :3]), 6), axis=0)
    boxes = [_box_on(hull, normal) for normal in normals]
    return boxes[int(np.argmin([b.prod() for b in boxes]))]


def _box_on(points: FloatArray, normal: FloatArray) -> FloatArray:
    """Return the sides of the smallest box that has one side along a normal."""
    from scipy.spatial import ConvexHull

    _, _, basis = np.linalg.svd(normal[None])
    flat = points @ basis[1:].T
    outline: Any = ConvexHull(flat)
    corners = flat[outline.vertices]
    edges = np.roll(corners, -1, axis=0) - corners
    along = edges / np.linalg.norm(edges, axis=1, keepdims=True)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    widths = np.stack([np.ptp(corners @ along.T, axis=0), np.ptp(corners @ across.T, axis=0)], axis=1)
    best = widths[widths.prod(axis=1).argmin()]
    return np.array([np.ptp(points @ normal), *best])
