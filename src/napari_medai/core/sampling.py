"""Values of one grid looked up at the voxels of another."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.errors import GeometryError
from napari_medai.core.geometry import FloatArray, Geometry
from napari_medai.core.progress import Progress, silent, track

Interpolation: TypeAlias = Literal["nearest", "linear", "cubic", "sinc", "smooth_labels"]
WorldMap: TypeAlias = Callable[[Geometry, int, int], FloatArray]
"""From a grid and two plane numbers to the world points (N, D) to look up for the voxels between them."""

_ORDER = {"nearest": 0, "linear": 1, "cubic": 3}
_SLAB_VOXELS = 2_000_000
_POINT_VOXELS = 250_000
_SINC_REACH = 3


def sample_volume(
    volume: NDArray[Any],
    source: Geometry,
    target: Geometry,
    *,
    world_map: FloatArray | WorldMap | None = None,
    interpolation: Interpolation = "linear",
    outside: float = 0.0,
    progress: Progress = silent,
) -> NDArray[Any]:
    """Look up a volume at the voxel centres of another grid.

    Parameters
    ----------
    volume : numpy.ndarray
        Voxels on ``source``, shape (z, y, x) or (y, x).
    source, target : Geometry
        Where the voxels lie, and where they are wanted. Sheared grids are as good as any.
    world_map : (D+1, D+1) array or callable, optional
        Takes a world point of ``target`` to the world point to look up: a matrix, or a function that
        gives those of the planes ``start`` to ``stop`` of a grid. The identity by default.
    interpolation : {"nearest", "linear", "cubic", "sinc", "smooth_labels"}
        Cubic is an interpolating B-spline; sinc a Lanczos window of three voxels; smooth_labels takes
        the label with the largest share of the point's neighbours, weighted as for linear.
    outside : float
        The value of points more than half a voxel outside ``source``; within that the edge extends.
    progress : Progress
        Hears one report a slab.

    Returns
    -------
    numpy.ndarray
        Voxels on ``target``; of the input's type for ``"nearest"`` and ``"smooth_labels"``, else float32.

    Raises
    ------
    GeometryError
        If the grids have different dimensions, or one knows its spacing and the other does not.
    """
    from scipy import ndimage

    _check_pair(source, target)
    if callable(world_map) or interpolation not in _ORDER:
        return _sample_points(volume, source, target, world_map, interpolation, outside, progress)
    to_source = np.linalg.inv(source.affine) @ (np.eye(source.ndim + 1) if world_map is None else world_map)
    matrix = to_source @ target.affine
    order = _ORDER[interpolation]
    values = _prepared(volume, interpolation)
    result = np.empty(target.shape, dtype=values.dtype)
    for start, stop in track(_slabs(target.shape), progress, "Resampling"):
        offset = matrix[:-1, -1] + matrix[:-1, 0] * start
        slab = result[start:stop]
        ndimage.affine_transform(
            values,
            _diagonal_if_possible(matrix[:-1, :-1]),
            offset=offset,
            output=slab,
            output_shape=slab.shape,
            order=order,
            mode="nearest",
            prefilter=False,
        )
        _blank_outside(slab, matrix[:-1, :-1], offset, source.shape, outside)
    return result


def _prepared(volume: NDArray[Any], interpolation: Interpolation) -> NDArray[Any]:
    from scipy import ndimage

    if interpolation in ("nearest", "smooth_labels"):
        return np.asarray(volume)
    values = np.asarray(volume, dtype=np.float32)
    if interpolation == "cubic":
        values = ndimage.spline_filter(values, order=3, output=np.float32, mode="nearest")
    return values


def _sample_points(
    volume: NDArray[Any],
    source: Geometry,
    target: Geometry,
    world_map: FloatArray | WorldMap | None,
    interpolation: Interpolation,
    outside: float,
    progress: Progress,
) -> NDArray[Any]:
    """Look up a volume point by point, for maps that are not affine or lookups that scipy lacks."""
    values = _prepared(volume, interpolation)
    result = np.empty(target.shape, dtype=values.dtype)
    for start, stop in track(_slabs(target.shape, _POINT_VOXELS), progress, "Resampling"):
        if callable(world_map):
            place = world_map(target, start, stop)
        else:
            place = plane_points(target, start, stop)
            place = place if world_map is None else place @ world_map[:-1, :-1].T + world_map[:-1, -1]
        where = source.world_to_index(place).T
        found = _look_up(values, where, interpolation)
        ends = np.reshape(source.shape, (-1, 1)) - 0.5
        beyond = np.any((where < -0.5 - 1e-6) | (where > ends + 1e-6), axis=0)
        found[beyond] = np.asarray(outside).astype(found.dtype)
        result[start:stop] = found.reshape(result[start:stop].shape)
    return result


def plane_points(grid: Geometry, start: int, stop: int) -> FloatArray:
    """Return the world points (N, D) of the voxels of some planes along the first axis."""
    index = np.indices((stop - start, *grid.shape[1:])).reshape(grid.ndim, -1).T
    return grid.index_to_world(index + np.eye(grid.ndim)[0] * start)


def spread_points(grid: Geometry, count: int) -> FloatArray:
    """Return the world points (N, D) of at most about ``count`` voxels, evenly spread over a grid."""
    stride = max(1, int(np.ceil((np.prod(grid.shape) / count) ** (1 / grid.ndim))))
    index = np.stack(np.meshgrid(*(np.arange(0, n, stride) for n in grid.shape), indexing="ij"), -1)
    return grid.index_to_world(index.reshape(-1, grid.ndim))


def _look_up(values: NDArray[Any], where: FloatArray, interpolation: Interpolation) -> NDArray[Any]:
    """Return the values at fractional indices (D, N)."""
    from scipy import ndimage

    if interpolation == "smooth_labels":
        return _voted(values, where)
    if interpolation == "sinc":
        return _windowed_sinc(values, where)
    found: NDArray[Any] = ndimage.map_coordinates(
        values, where, order=_ORDER[interpolation], mode="nearest", prefilter=False
    )
    return np.asarray(found)


def _voted(values: NDArray[Any], where: FloatArray) -> NDArray[Any]:
    """Take the label that has the most linear weight among a point's 4 or 8 neighbours."""
    base = np.floor(where).astype(np.intp)
    share = where - base
    corners = list(product((0, 1), repeat=len(where)))
    labels = np.stack([_at(values, base + np.reshape(c, (-1, 1))) for c in corners])
    weights = np.stack([np.prod(np.where(np.reshape(c, (-1, 1)), share, 1 - share), axis=0) for c in corners])
    best, most = labels[0].copy(), np.full(where.shape[1], -1.0)
    for candidate in labels:
        votes = np.sum(weights * (labels == candidate), axis=0)
        wins = votes > most + 1e-12
        best[wins], most[wins] = candidate[wins], votes[wins]
    return np.asarray(best)


def _windowed_sinc(values: NDArray[Any], where: FloatArray) -> NDArray[Any]:
    base = np.floor(where).astype(np.intp)
    steps = np.arange(1 - _SINC_REACH, _SINC_REACH + 1)
    distance = (where - base)[:, None] - steps[:, None]
    weights = np.sinc(distance) * np.sinc(distance / _SINC_REACH)
    weights /= weights.sum(axis=1, keepdims=True)
    total = np.zeros(where.shape[1])
    for taps in product(range(len(steps)), repeat=len(where)):
        neighbour = base + np.array([[steps[t]] for t in taps])
        total += np.prod([weights[axis, t] for axis, t in enumerate(taps)], axis=0) * _at(values, neighbour)
    return np.asarray(total.astype(values.dtype))


def _at(values: NDArray[Any], index: NDArray[np.intp]) -> NDArray[Any]:
    """Return the voxels (D, N), the edge extended."""
    return np.asarray(values[tuple(i.clip(0, n - 1) for i, n in zip(index, values.shape, strict=True))])


def _check_pair(source: Geometry, target: Geometry) -> None:
    if source.ndim != target.ndim:
        raise GeometryError(f"Found a {source.ndim}-D image and a {target.ndim}-D grid; needed the same.")
    if source.unit != target.unit:
        raise GeometryError(
            f"Found an image in {source.unit} and a grid in {target.unit}.",
            hint="Set the spacing of the one that lacks it first.",
        )


def _slabs(shape: tuple[int, ...], voxels: int = _SLAB_VOXELS) -> list[tuple[int, int]]:
    step = max(1, voxels // int(np.prod(shape[1:])))
    return [(start, min(start + step, shape[0])) for start in range(0, shape[0], step)]


def _diagonal_if_possible(matrix: FloatArray) -> FloatArray:
    """Return the diagonal alone, for which the lookup is much faster, where it is all there is."""
    diagonal = np.diag(matrix)
    rest = np.abs(matrix - np.diag(diagonal)).max()
    return np.asarray(diagonal) if rest < 1e-12 and np.all(diagonal > 0) else matrix


def _blank_outside(
    slab: NDArray[Any], matrix: FloatArray, offset: FloatArray, shape: tuple[int, ...], outside: float
) -> None:
    """Set the voxels that fall more than half a voxel outside the source, in place."""
    margin = 0.5 + 1e-6
    for axis, size in enumerate(shape):
        position = np.full((1,) * slab.ndim, offset[axis])
        for k, count in enumerate(slab.shape):
            line = matrix[axis, k] * np.arange(count)
            position = position + line.reshape([-1 if j == k else 1 for j in range(slab.ndim)])
        beyond = (position < -margin) | (position > size - 1 + margin)
        if beyond.any():
            slab[np.broadcast_to(beyond, slab.shape)] = outside
