"""Labels brought to the grid of the network; where only some voxels are marked, no mark is lost."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.geometry import Geometry
from napari_medai.core.sampling import sample_volume
from napari_medai.models.prepare import Prepared


def marks_on(
    labels: NDArray[Any],
    seen: Prepared,
    unknown: int | None = None,
    way: Literal["nearest", "linear"] = "nearest",
) -> NDArray[Any]:
    """Bring labels along: turned and cropped like the image, then resampled like it.

    Parameters
    ----------
    labels : numpy.ndarray
        On the grid of the image, before anything was done to it.
    seen : Prepared
        What was done to the image.
    unknown : int, optional
        The value of voxels that nobody marked. A thin stroke or a single painted slice may pass between
        the points of a coarser grid; a voxel there that is unknown takes what most marks in it say.
    way : {"nearest", "linear"}
        How values between voxels come about.

    Returns
    -------
    numpy.ndarray
        On the grid that the network sees.
    """
    upright = np.ascontiguousarray(seen.reorientation.apply(labels))
    part = upright if seen.crop is None else np.ascontiguousarray(upright[seen.crop])
    if seen.grid == seen.own:
        return part
    found = np.array(sample_volume(part, seen.own, seen.grid, interpolation=way))
    if unknown is not None and (part == unknown).any():
        _keep_marks(found, part, seen, unknown)
    return found


def _keep_marks(found: NDArray[Any], part: NDArray[Any], seen: Prepared, unknown: int) -> None:
    """Fill unknown voxels in place by the marks that lie in them."""
    marked = np.argwhere(part != unknown)
    places, inside = _voxels_of(marked, seen.own, seen.grid)
    values = part[tuple(marked[inside].T)]
    flat = np.ravel_multi_index(tuple(places[inside].T), seen.grid.shape)
    open_ = found.reshape(-1)[flat] == unknown
    voxels, which = np.unique(flat[open_], return_inverse=True)
    kinds, kind = np.unique(values[open_], return_inverse=True)
    votes = np.zeros((len(voxels), len(kinds)), dtype=np.int64)
    np.add.at(votes, (which, kind), 1)
    if len(voxels):
        found.reshape(-1)[voxels] = kinds[votes.argmax(axis=1)]


def _voxels_of(
    indices: NDArray[np.intp], own: Geometry, grid: Geometry
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return in which voxel of another grid voxels lie, and whether it has one there."""
    places = np.round(grid.world_to_index(own.index_to_world(indices))).astype(np.intp)
    return places, np.all((places >= 0) & (places < np.asarray(grid.shape)), axis=1)
