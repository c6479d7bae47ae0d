"""A deformation: how far each point of a grid moves."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.errors import GeometryError
from napari_medai.core.geometry import FloatArray, Geometry
from napari_medai.core.progress import Progress, silent, track
from napari_medai.core.sampling import plane_points

ROUNDS = 60
CLOSE_VOXELS = 1e-3

POLISH_ROUNDS = 16
POLISHED_VOXELS = 0.004
"""How near an inverse leads; where space is squeezed 20 times, that is 0.08 voxel off."""


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
    undoes : DisplacementField, optional
        The deformation that this one is the inverse of. Where space is squeezed, an inverse changes too
        fast for its grid; points are then followed back through this one.

    Raises
    ------
    GeometryError
        If the vectors do not fit the grid, or are not finite.
    """

    vectors: NDArray[np.float32]
    geometry: Geometry
    undoes: DisplacementField | None = field(default=None, repr=False)

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
        moved = np.asarray(points + self.at(points))
        return moved if self.undoes is None else self.undoes.solved(np.asarray(points, dtype=float), moved)

    def solved(self, targets: FloatArray, guess: FloatArray) -> FloatArray:
        """Find the points that this deformation takes to others, by Newton's method.

        Parameters
        ----------
        targets : (..., D) array
            Where the points shall come to lie.
        guess : (..., D) array
            Where to begin; a point stays there where nothing better is found.

        Returns
        -------
        (..., D) array
            World points.
        """
        ndim, voxel = self.geometry.ndim, float(self.geometry.spacing.min())
        goal, found = targets.reshape(-1, ndim), guess.reshape(-1, ndim).copy()
        rest, share = goal - self.apply(found), np.ones(len(found))
        for _ in range(POLISH_ROUNDS):
            active = np.flatnonzero((rest**2).sum(axis=1) > (POLISHED_VOXELS * voxel) ** 2)
            if len(active) == 0:
                break
            step = share[active, None] * self._newton_step(found[active], rest[active])
            tried = found[active] + step
            left = goal[active] - self.apply(tried)
            better = (left**2).sum(axis=1) < (rest[active] ** 2).sum(axis=1)
            found[active[better]], rest[active[better]] = tried[better], left[better]
            share[active] = np.where(better, np.minimum(1.0, 2 * share[active]), 0.3 * share[active])
        return found.reshape(guess.shape)

    def _newton_step(self, points: FloatArray, rest: FloatArray) -> FloatArray:
        """Return the steps (N, D), of at most two voxels, that a linear map would need."""
        voxel, here = float(self.geometry.spacing.min()), self.apply(points)
        offsets = 0.1 * voxel * np.eye(points.shape[1])
        slopes = np.stack([(self.apply(points + o) - here) / (0.1 * voxel) for o in offsets], axis=-1)
        flat = np.abs(np.linalg.det(slopes)) < 1e-4
        slopes[flat] = np.eye(points.shape[1])
        step = np.linalg.solve(slopes, rest[..., None])[..., 0]
        length = np.linalg.norm(step, axis=1, keepdims=True)
        return np.asarray(step * np.minimum(1.0, 2 * voxel / np.maximum(length, 1e-12)))

    def inverse(self, progress: Progress = silent) -> DisplacementField:
        """Find the deformation that undoes this one, by fixed-point iteration.

        Its grid is this one, grown by as many voxels as the farthest point moves; the inverse of an
        inverse is the deformation itself.

        Parameters
        ----------
        progress : Progress
            Hears every round.

        References
        ----------
        Chen et al., A simple fixed-point approach to invert a deformation field, Med Phys 2008.
        """
        if self.undoes is not None:
            return self.undoes
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
        return DisplacementField(vectors, grid, self)

    def _grown(self) -> Geometry:
        voxels = self.vectors.reshape(-1, self.geometry.ndim) @ np.linalg.inv(self.geometry.matrix).T
        margin = np.ceil(np.abs(voxels).max(axis=0)).astype(int)
        start = [-int(m) for m in margin]
        shape = [n + 2 * int(m) for n, m in zip(self.geometry.shape, margin, strict=True)]
        return self.geometry.cropped(start, shape)
