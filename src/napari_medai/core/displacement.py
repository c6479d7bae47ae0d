"""A deformation: how far each point of a grid moves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.errors import GeometryError
from napari_medai.core.geometry import FloatArray, Geometry
from napari_medai.core.progress import Progress, silent, track
from napari_medai.core.sampling import plane_points

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
        The grid. Beyond it the edge's vectors go on, so that the map has no jump and can be undone;
        ITK's programs move nothing there.

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

        places = np.asarray(points, dtype=float)
        index = self.geometry.world_to_index(places.reshape(-1, self.geometry.ndim)).T
        layers = [
            ndimage.map_coordinates(layer, index, order=1, mode="nearest", prefilter=False)
            for layer in np.moveaxis(self.vectors, -1, 0)
        ]
        return np.stack(layers, axis=-1).astype(np.float64).reshape(places.shape)

    def apply(self, points: FloatArray) -> FloatArray:
        """Move world points (..., D)."""
        return np.asarray(points + self.at(points))

    def inverse(self, progress: Progress = silent) -> DisplacementField:
        """Find the deformation that undoes this one, by fixed-point iteration.

        Its grid is this one, grown by as many voxels as the farthest point moves.

        Parameters
        ----------
        progress : Progress
            Hears every round.

        References
        ----------
        Chen et al., A simple fixed-point approach to invert a deformation field, Med Phys 2008.
        """
        grid = self._grown()
        points = plane_points(grid, 0, grid.shape[0])
        found = -self.at(points)
        active = np.arange(len(points))
        near = CLOSE_VOXELS * float(self.geometry.spacing.min())
        for _ in track(range(ROUNDS), progress, "Inverting"):
            if len(active) == 0:
                break
            # half a step: it also converges where the deformation changes quickly
            change = -self.at(points[active] + found[active]) - found[active]
            found[active] += 0.7 * change
            active = active[np.abs(change).max(axis=1) > near]
        vectors = found.reshape(*grid.shape, grid.ndim).astype(np.float32)
        return DisplacementField(vectors, grid)

    def _grown(self) -> Geometry:
        voxels = self.vectors.reshape(-1, self.geometry.ndim) @ np.linalg.inv(self.geometry.matrix).T
        margin = np.ceil(np.abs(voxels).max(axis=0)).astype(int)
        start = [-int(m) for m in margin]
        shape = [n + 2 * int(m) for n, m in zip(self.geometry.shape, margin, strict=True)]
        return self.geometry.cropped(start, shape)
