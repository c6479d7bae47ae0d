"""A voxel grid onto which solids are painted one over the other, intensities and labels together."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.geometry import FloatArray, Geometry
from napari_medai.phantoms.deformation import Deformation
from napari_medai.phantoms.shapes import Shape

Value: TypeAlias = float | Callable[[FloatArray], FloatArray]
Slices: TypeAlias = tuple[slice, ...]


class Canvas:
    """A grid seen in anatomy coordinates, with the intensities and labels painted so far.

    A label is given where a solid holds the voxel's centre, so labels do not depend on the grid. The
    intensity takes part of the solid's value where the surface runs through the voxel.

    Parameters
    ----------
    geometry : Geometry
        The grid, 3-D, mm.
    deformation : Deformation
        From the patient to the anatomy in which solids are described.
    background : float
        Intensity of the empty canvas.
    edge_mm : float
        Width over which a surface fades.
    extra : callable, optional
        Further coordinates, (K, ...) from the anatomy's (3, ...), handed to distance functions as rows 3...
    """

    def __init__(
        self,
        geometry: Geometry,
        deformation: Deformation,
        background: float,
        edge_mm: float,
        extra: Callable[[FloatArray], FloatArray] | None = None,
    ) -> None:
        self.geometry = geometry
        self.deformation = deformation
        self.edge_mm = edge_mm
        self.patient = grid_points(geometry)
        points = deformation.to_anatomy(self.patient)
        self.points = points if extra is None else np.concatenate([points, extra(points)])
        self._to_index = np.linalg.inv(deformation.matrix @ geometry.matrix)
        self._offset = geometry.world_to_index(deformation.centre)
        self._margin = deformation.reach_mm + 2 * edge_mm
        self.values: FloatArray = np.full(geometry.shape, background, dtype=np.float64)
        self.labels: NDArray[np.uint8] = np.zeros(geometry.shape, dtype=np.uint8)

    def paint(self, solid: Shape, value: Value, label: int | None = None) -> None:
        """Paint a solid over what is there.

        Parameters
        ----------
        solid : Shape
            In anatomy coordinates.
        value : float or callable
            Its intensity, or a function of the coordinates (C, ...).
        label : int, optional
            Its label; without one the labels stay.
        """
        window = self._window(solid)
        if window is None:
            return
        points = self.points[(slice(None), *window)]
        distance = solid.distance(points)
        cover = np.clip(0.5 - distance / self.edge_mm, 0, 1)
        view = self.values[window]
        view += cover * ((value(points) if callable(value) else value) - view)
        if label is not None:
            self.labels[window][distance < 0] = label

    def paint_still(self, solid: Shape, value: float) -> None:
        """Paint a solid given in patient coordinates, which no deformation moves; labels stay."""
        cover = np.clip(0.5 - solid.distance(self.patient) / self.edge_mm, 0, 1)
        self.values += cover * (value - self.values)

    def paint_all(self, solids: Iterable[Shape], value: Value, label: int | None = None) -> None:
        """Paint several solids of one kind."""
        for solid in solids:
            self.paint(solid, value, label)

    def remember(self, solid: Shape) -> Shape:
        """Compute a solid's distance once for the whole grid; the solid returned looks it up."""
        row = len(self.points)
        self.points = np.concatenate([self.points, solid.distance(self.points)[None]])
        return Shape(lambda p: p[row], solid.low, solid.high)

    def inside(self, solid: Shape) -> NDArray[np.bool_]:
        """Tell which voxel centres lie in a solid."""
        return np.asarray(solid.distance(self.points) < 0)

    def _window(self, solid: Shape) -> Slices | None:
        """Smallest part of the grid that can hold any of the solid."""
        if not (np.isfinite(solid.low).all() and np.isfinite(solid.high).all()):
            return tuple(slice(0, n) for n in self.geometry.shape)
        middle, half = (solid.low + solid.high) / 2, (solid.high - solid.low) / 2 + self._margin
        if np.any(half <= 0):
            return None
        centre = self._to_index @ middle + self._offset
        reach = np.abs(self._to_index) @ half
        first = np.maximum(np.floor(centre - reach), 0).astype(int)
        last = np.minimum(np.ceil(centre + reach) + 1, self.geometry.shape).astype(int)
        if np.any(first >= last):
            return None
        return tuple(slice(int(a), int(b)) for a, b in zip(first, last, strict=True))


def grid_points(geometry: Geometry) -> FloatArray:
    """World positions (3, *shape) of the voxel centres."""
    axes = [np.arange(n, dtype=np.float64) for n in geometry.shape]
    points = np.empty((geometry.ndim, *geometry.shape))
    for row in range(geometry.ndim):
        steps = [geometry.matrix[row, k] * axes[k] for k in range(geometry.ndim)]
        points[row] = geometry.origin[row]
        for k, step in enumerate(steps):
            points[row] += step.reshape([-1 if i == k else 1 for i in range(geometry.ndim)])
    return points
