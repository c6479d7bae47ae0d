"""Marching cubes by table: what each cell of neighbouring voxel centres adds to a region's surface.

A cell has eight corners in 3-D and four in 2-D. Which of them are inside is its code; the triangles
(2-D: segments) of the surface in the cell depend on the code alone, so that area and enclosed volume of
a region are sums over a histogram of codes, without building the mesh.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.geometry import FloatArray, Geometry

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class CellSizes:
    """What a cell of each code holds of a surface.

    Parameters
    ----------
    areas : (C,) float array
        Area of the triangles (2-D: length of the segments).
    normals : (C, D) float array
        Sum of the area vectors, along the array axes. Empty in 2-D.
    moments : (C,) float array
        Sum over triangles of centroid (from the cell's first corner) times area vector; in 2-D the
        enclosed area itself.
    """

    areas: FloatArray
    normals: FloatArray
    moments: FloatArray


def cell_codes(mask: Mask) -> NDArray[np.uint8]:
    """Number every cell of neighbouring voxel centres by which of its corners are inside.

    Bit ``k`` is the corner offset by the binary digits of ``k``, the last array axis in the lowest bit.
    """
    shape = tuple(n - 1 for n in mask.shape)
    codes = np.zeros(shape, dtype=np.uint8)
    inside = mask.view(np.uint8)
    for k in range(1 << mask.ndim):
        offsets = [(k >> (mask.ndim - 1 - axis)) & 1 for axis in range(mask.ndim)]
        corner = inside[tuple(slice(o, o + n) for o, n in zip(offsets, shape, strict=True))]
        codes |= corner << np.uint8(k)
    return codes


def is_mixed(codes: NDArray[np.uint8]) -> Mask:
    """Tell which cells have corners both inside and outside."""
    full = (1 << (1 << codes.ndim)) - 1
    return np.asarray((codes != 0) & (codes != full))


def cell_sizes(geometry: Geometry) -> CellSizes:
    """Return the sizes of every cell code on a grid."""
    return _sizes_of(tuple(geometry.spacing.tolist()))


def surface_and_volume(padded: Mask, geometry: Geometry) -> tuple[float, float]:
    """Measure the marching-cubes surface of a region at half way between inside and outside.

    Parameters
    ----------
    padded : bool array
        The region with an empty rim.
    geometry : Geometry
        The spacing is used.

    Returns
    -------
    surface, volume : float
        Area and enclosed volume of the mesh; perimeter and area in 2-D.
    """
    sizes = cell_sizes(geometry)
    codes = cell_codes(padded)
    if padded.ndim == 2:
        return float(sizes.areas[codes].sum()), float(sizes.moments[codes].sum())
    cells = np.nonzero(is_mixed(codes))
    mixed = codes[cells]
    corners = np.stack(cells, axis=1) * geometry.spacing
    flux = (corners * sizes.normals[mixed]).sum() + sizes.moments[mixed].sum()
    return float(sizes.areas[mixed].sum()), abs(float(flux)) / 3


@lru_cache(maxsize=32)
def _sizes_of(spacing: tuple[float, ...]) -> CellSizes:
    return _segments(spacing) if len(spacing) == 2 else _triangles(spacing)


def _segments(spacing: tuple[float, ...]) -> CellSizes:
    step_y, step_x = spacing
    corner = float(np.hypot(step_y, step_x) / 2)
    lengths, areas = np.zeros(16), np.zeros(16)
    for code in range(16):
        inside = [bool(code >> k & 1) for k in range(4)]
        count = sum(inside)
        areas[code] = (0, 1, 2 if inside[0] == inside[3] else 4, 7, 8)[count] / 8 * step_y * step_x
        if count in (1, 3):
            lengths[code] = corner
        elif count == 2 and inside[0] == inside[3]:
            lengths[code] = 2 * corner
        elif count == 2:
            lengths[code] = step_x if inside[0] == inside[1] else step_y
    return CellSizes(lengths, np.zeros((16, 0)), areas)


def _triangles(spacing: tuple[float, ...]) -> CellSizes:
    from skimage.measure import marching_cubes

    sizes = CellSizes(np.zeros(256), np.zeros((256, 3)), np.zeros(256))
    for code in range(1, 255):
        corners = np.array([code >> k & 1 for k in range(8)], dtype=np.float32).reshape(2, 2, 2)
        vertices, faces, _, _ = marching_cubes(corners, 0.5, spacing=spacing)
        triangles = vertices[faces].astype(np.float64)
        edges = triangles[:, 1:] - triangles[:, :1]
        normals = np.cross(edges[:, 0], edges[:, 1]) / 2
        sizes.areas[code] = np.linalg.norm(normals, axis=1).sum()
        sizes.normals[code] = normals.sum(axis=0)
        sizes.moments[code] = (triangles.mean(axis=1) * normals).sum()
    return sizes
