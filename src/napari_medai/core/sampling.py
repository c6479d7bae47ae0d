"""Values of one grid looked up at the voxels of another."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.errors import GeometryError
from napari_medai.core.geometry import FloatArray, Geometry
from napari_medai.core.progress import Progress, silent, track

Interpolation: TypeAlias = Literal["nearest", "linear", "cubic"]
_ORDER = {"nearest": 0, "linear": 1, "cubic": 3}
_SLAB_VOXELS = 2_000_000


def sample_volume(
    volume: NDArray[Any],
    source: Geometry,
    target: Geometry,
    *,
    world_map: FloatArray | None = None,
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
    world_map : (D+1, D+1) array, optional
        Takes a world point of ``target`` to the world point to look up; the identity by default.
    interpolation : {"nearest", "linear", "cubic"}
        Cubic is an interpolating B-spline.
    outside : float
        The value of points more than half a voxel outside ``source``; within that the edge extends.
    progress : Progress
        Hears one report a slab.

    Returns
    -------
    numpy.ndarray
        Voxels on ``target``; of the input's type for ``"nearest"``, else float32.

    Raises
    ------
    GeometryError
        If the grids have different dimensions, or one knows its spacing and the other does not.
    """
    from scipy import ndimage

    _check_pair(source, target)
    to_source = np.linalg.inv(source.affine) @ (np.eye(source.ndim + 1) if world_map is None else world_map)
    matrix = to_source @ target.affine
    order = _ORDER[interpolation]
    values = np.asarray(volume) if order == 0 else np.asarray(volume, dtype=np.float32)
    if order > 1:
        values = ndimage.spline_filter(values, order=order, output=np.float32, mode="nearest")
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


def _check_pair(source: Geometry, target: Geometry) -> None:
    if source.ndim != target.ndim:
        raise GeometryError(f"Found a {source.ndim}-D image and a {target.ndim}-D grid; needed the same.")
    if source.unit != target.unit:
        raise GeometryError(
            f"Found an image in {source.unit} and a grid in {target.unit}.",
            hint="Set the spacing of the one that lacks it first.",
        )


def _slabs(shape: tuple[int, ...]) -> list[tuple[int, int]]:
    step = max(1, _SLAB_VOXELS // int(np.prod(shape[1:])))
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
