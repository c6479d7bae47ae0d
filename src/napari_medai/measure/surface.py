"""The surface of a binary region as weighted points, and the distances between two surfaces.

Two definitions of a surface are offered. ``"area"``: every cell of eight (in 2-D four) neighbouring
voxel centres that holds both inside and outside is an element of surface; it lies at the cell's centre
and weighs as much as the area of the marching-cubes triangles (2-D: the length of the
marching-squares segments) inside it [1]_. ``"voxels"``: the centres of the region's voxels that have a
face neighbour outside, all of one weight, as MONAI and most older tools do.

References
----------
.. [1] Nikolov et al., "Clinically applicable segmentation of head and neck anatomy for radiotherapy",
   J Med Internet Res 23(7):e26151, 2021.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.geometry import FloatArray, Geometry
from napari_medai.measure.cells import cell_codes, cell_sizes, is_mixed

SurfaceKind: TypeAlias = Literal["area", "voxels"]
Mask: TypeAlias = NDArray[np.bool_]
_FEW_STEPS = 150


@dataclass(frozen=True)
class Surface:
    """Points on a surface.

    Parameters
    ----------
    points : (N, D) float array
        World positions.
    weights : (N,) float array
        Area (2-D: length) each point stands for, or ones.
    """

    points: FloatArray
    weights: FloatArray

    @property
    def is_empty(self) -> bool:
        """Whether there is no surface."""
        return len(self.points) == 0


@dataclass(frozen=True)
class SurfaceDistances:
    """How far two surfaces lie apart: from every point of each to the nearest point of the other.

    Parameters
    ----------
    a_to_b, b_to_a : float array
        Distances in the unit of the grid. Infinite where the other surface is empty.
    weights_a, weights_b : float array
        What each distance weighs.
    """

    a_to_b: FloatArray
    b_to_a: FloatArray
    weights_a: FloatArray
    weights_b: FloatArray

    @property
    def undefined(self) -> bool:
        """Whether both surfaces are empty."""
        return len(self.a_to_b) + len(self.b_to_a) == 0

    def hausdorff(self) -> float:
        """Return the largest distance."""
        return float("nan") if self.undefined else float(max(_top(self.a_to_b), _top(self.b_to_a)))

    def percentile(self, percent: float) -> float:
        """Return the larger of the two directed percentiles, weighted by area."""
        if self.undefined:
            return float("nan")
        if not len(self.a_to_b) or not len(self.b_to_a):
            return float("inf")
        return max(
            weighted_percentile(self.a_to_b, self.weights_a, percent),
            weighted_percentile(self.b_to_a, self.weights_b, percent),
        )

    def mean(self) -> float:
        """Return the average over both surfaces together, weighted by area (ASSD)."""
        total = self.weights_a.sum() + self.weights_b.sum()
        if self.undefined:
            return float("nan")
        return float((self.a_to_b @ self.weights_a + self.b_to_a @ self.weights_b) / total)

    def dice(self, tolerance: float) -> float:
        """Return the share of both surfaces that lies within ``tolerance`` of the other."""
        if self.undefined:
            return float("nan")
        near = self.weights_a[self.a_to_b <= tolerance].sum() + self.weights_b[self.b_to_a <= tolerance].sum()
        return float(near / (self.weights_a.sum() + self.weights_b.sum()))


def surface_of(mask: Mask, geometry: Geometry, kind: SurfaceKind = "area") -> Surface:
    """Find the surface of a region.

    Parameters
    ----------
    mask : bool array
        The region, shape (z, y, x) or (y, x). What lies beyond the array is outside.
    geometry : Geometry
        The grid of this very array.
    kind : {"area", "voxels"}
        See the module's text.

    Returns
    -------
    Surface
        Points in world coordinates.
    """
    box = bounding_box(mask)
    if box is None:
        return Surface(np.zeros((0, mask.ndim)), np.zeros(0))
    start = np.array([s.start for s in box])
    padded = np.pad(mask[box], 1)
    if kind == "voxels":
        indices = np.argwhere(border_voxels(padded)) - 1 + start
        return Surface(geometry.index_to_world(indices), np.ones(len(indices)))
    codes = cell_codes(padded)
    cells = np.nonzero(is_mixed(codes))
    weights = cell_sizes(geometry).areas[codes[cells]]
    indices = np.stack(cells, axis=1) - 0.5 + start
    return Surface(geometry.index_to_world(indices), weights)


def surface_distances(a: Surface, b: Surface) -> SurfaceDistances:
    """Measure from every point of each surface to the nearest point of the other, exactly."""
    return SurfaceDistances(_nearest(a, b), _nearest(b, a), a.weights, b.weights)


def weighted_percentile(values: FloatArray, weights: FloatArray, percent: float) -> float:
    """Return a percentile of weighted values.

    Equal weights give NumPy's linear percentile; otherwise it is the smallest value at or below which
    at least ``percent`` of the weight lies.
    """
    if np.all(weights == weights[0]):
        return float(np.percentile(values, percent))
    order = np.argsort(values)
    share = np.cumsum(weights[order])
    position = np.searchsorted(share, percent / 100 * share[-1] * (1 - 1e-12))
    return float(values[order[min(int(position), len(order) - 1)]])


def bounding_box(mask: Mask) -> tuple[slice, ...] | None:
    """Return the smallest box that holds every voxel of a region, or nothing."""
    slices = []
    for axis in range(mask.ndim):
        hit = np.flatnonzero(mask.any(axis=tuple(k for k in range(mask.ndim) if k != axis)))
        if len(hit) == 0:
            return None
        slices.append(slice(int(hit[0]), int(hit[-1]) + 1))
    return tuple(slices)


def border_voxels(mask: Mask) -> Mask:
    """Return the voxels of a region with a face neighbour outside it; the array's rim must be empty."""
    inner = mask.copy()
    for axis in range(mask.ndim):
        ahead = [slice(None)] * mask.ndim
        behind = [slice(None)] * mask.ndim
        ahead[axis], behind[axis] = slice(1, None), slice(None, -1)
        inner[tuple(ahead)] &= mask[tuple(behind)]
        inner[tuple(behind)] &= mask[tuple(ahead)]
    return mask & ~inner


def inner_band(mask: Mask, geometry: Geometry, width: float) -> Mask:
    """Return the voxels of a region from which some voxel outside is at most ``width`` away.

    A voxel with a face neighbour outside is always among them, however small the width.

    Parameters
    ----------
    mask : bool array
        The region. What lies beyond the array is outside.
    geometry : Geometry
        The grid of this array.
    width : float
        In the grid's unit.
    """
    padded = np.pad(mask, 1)
    band = border_voxels(padded)
    reach = np.maximum(1, np.floor(width / geometry.spacing)).astype(int)
    steps = np.argwhere(np.ones(2 * reach + 1, dtype=bool)) - reach
    steps = steps[np.linalg.norm(steps @ geometry.matrix.T, axis=1) <= width]
    if len(steps) > _FEW_STEPS:
        band |= padded & (_distance_to_outside(padded, geometry) <= width)
    else:
        band |= padded & ~_eroded(padded, steps)
    return np.asarray(band[(slice(1, -1),) * mask.ndim])


def _nearest(source: Surface, target: Surface) -> FloatArray:
    if source.is_empty:
        return np.zeros(0)
    if target.is_empty:
        return np.full(len(source.points), np.inf)
    from scipy.spatial import cKDTree

    tree: Any = cKDTree(target.points, leafsize=32, balanced_tree=False)
    distances, _ = tree.query(source.points, workers=-1)
    return np.asarray(distances, dtype=np.float64)


def _top(values: FloatArray) -> float:
    return float(values.max()) if len(values) else float("inf")


def _eroded(padded: Mask, steps: NDArray[np.int64]) -> Mask:
    """Keep the voxels from which every one of some steps stays inside; the rim must be empty."""
    reach = np.abs(steps).max(axis=0)
    wide = np.pad(padded, [(r, r) for r in reach])
    kept = padded.copy()
    for step in steps:
        moved = tuple(slice(r + o, r + o + n) for r, o, n in zip(reach, step, padded.shape, strict=True))
        kept &= wide[moved]
    return kept


def _distance_to_outside(padded: Mask, geometry: Geometry) -> FloatArray:
    from scipy import ndimage

    return np.asarray(ndimage.distance_transform_edt(padded, sampling=geometry.spacing.tolist()))
