"""A deformation: how far each point of a grid moves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.errors import GeometryError
from napari_medai.core.geometry import FloatArray, Geometry
from napari_medai.core.progress import Progress, silent, track

ROUNDS = 60
CLOSE_VOXELS = 1e-3


@dataclass(frozen=True, eq=False)
class DisplacementField:
    """Moves each point by a vector, interpolated linearly between the voxels of a grid.

    Parameters
    ----------
    vectors : (*S, D) array_like
        World displacement (x, y, z) of each voxel centre, in the unit of ``geometry``; float32.
    geometry : Geometry
        The grid. Up to half a voxel beyond it the edge extends; farther out nothing moves, as in ITK.

    Raises
    ------
    GeometryError
        If the vectors do not fit the grid, or are not finite.
    """

    vectors: NDArray[np.float32]
    geometry: Geometry

    def __post_init__(self) -> None:
        vectors = np.array(self.vectors, dtype=np.float32)
        needed = (*self.geometry.shape, self.geometry.ndim)
        if vectors.shape != needed:
            raise GeometryError(f"Found displacements of shape {vectors.shape}; needed {needed}.")
        if not np.all(np.isfinite(vectors)):
            raise GeometryError("Found displacements with NaN or infinite entries; needed finite numbers.")
        vectors.flags.writeable = False
        object.__setattr__(self, "vectors", vectors)

    def at(self, points: FloatArray) -> FloatArray:
        """Return the displacement (..., D) of world points (..., D)."""
        from scipy import ndimage

        index = np.moveaxis(self.geometry.world_to_index(points), -1, 0)
        layers = [
            ndimage.map_coordinates(layer, index, order=1, mode="nearest", prefilter=False)
            for layer in np.moveaxis(self.vectors, -1, 0)
        ]
        found = np.stack(layers, axis=-1).astype(np.float64)
        ends = np.reshape(self.geometry.shape, (-1,) + (1,) * (index.ndim - 1))
        found[np.any((index < -0.5) | (index > ends - 0.5), axis=0)] = 0
        return found

    def apply(self, points: FloatArray) -> FloatArray:
        """Move world points (..., D)."""
        return np.asarray(points + self.at(points))

    def inverse(self, progress: Progress = silent) -> DisplacementField:
        """Find the deformation that undoes this one, on the same grid, by fixed-point iteration.

        Parameters
        ----------
        progress : Progress
            Hears every round.

        References
        ----------
        Chen et al., A simple fixed-point approach to invert a deformation field, Med Phys 2008.
        """
        points = _voxel_centres(self.geometry)
        found = -self.at(points)
        active = np.arange(len(points))
        near = CLOSE_VOXELS * float(self.geometry.spacing.min())
        for _ in track(range(ROUNDS), progress, "Inverting"):
            if len(active) == 0:
                continue
            # half a step: it also converges where the deformation changes quickly
            change = -self.at(points[active] + found[active]) - found[active]
            found[active] += 0.7 * change
            active = active[np.abs(change).max(axis=1) > near]
        return DisplacementField(found.reshape(self.vectors.shape).astype(np.float32), self.geometry)


def _voxel_centres(geometry: Geometry) -> FloatArray:
    index = np.indices(geometry.shape).reshape(geometry.ndim, -1).T
    return geometry.index_to_world(index)
