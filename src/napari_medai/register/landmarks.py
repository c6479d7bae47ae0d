"""Registration from corresponding points alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np
from annotated_types import Ge

from napari_medai.core.geometry import FloatArray, Geometry
from napari_medai.core.image import MedicalImage
from napari_medai.core.landmarks import Landmarks
from napari_medai.core.operation import Advanced, IntensityImage, When, operation
from napari_medai.core.progress import Progress, Step, silent
from napari_medai.core.transform import SpatialTransform
from napari_medai.register.points import PointKind, bend_points, fit_points, points_needed
from napari_medai.register.prepare import check_landmarks

if TYPE_CHECKING:
    from pandas import DataFrame

GRID_SIDE, MARGIN = 64, 0.5
"""Voxels along the longest side of a grid made around the points; its margin as a share of their extent."""


@dataclass(frozen=True)
class LandmarkResult:
    """What points alone tell.

    Parameters
    ----------
    transform : SpatialTransform
        From fixed to moving world.
    errors : pandas.DataFrame
        One row a point: ``name``, ``before_mm``, ``after_mm`` (the distance left), and
        ``left_out_mm``: the distance when the transform is found without this point, which says how
        far to trust it elsewhere (NaN where too few points remain).
    """

    transform: SpatialTransform
    errors: DataFrame


@operation(group="register", title="Register by landmarks")
def register_landmarks(
    fixed: Landmarks,
    moving: Landmarks,
    like: IntensityImage | None = None,
    *,
    transform: PointKind = "rigid",
    stiffness: Annotated[float, Ge(0), Advanced(), When("transform", ("thin_plate",))] = 0.0,
    progress: Progress = silent,
) -> LandmarkResult:
    """Find the transform that brings corresponding points onto each other.

    Parameters
    ----------
    fixed, moving : Landmarks
        Points with the same names in both images.
    like : MedicalImage, optional
        The fixed image; a thin-plate spline is laid on its grid. Without it, on one around the points.
    transform : {"translation", "rigid", "similarity", "affine", "thin_plate"}
        What may happen: shift; and turn; and scale; and shear; or bend through every point.
    stiffness : float
        Of the thin-plate spline: 0 passes through every point, larger values bend less.
    progress : Progress
        Hears how far it is.

    Returns
    -------
    LandmarkResult
        The transform and a table of the distances it leaves.

    Raises
    ------
    ArgumentError
        If too few points have partners, or they lie on one line or in one plane.
    """
    progress(Step(0, 1, "Fitting points"))
    ndim = fixed.positions.shape[1]
    here, there = check_landmarks(fixed, moving, points_needed(transform, ndim), ndim)
    fit = _Fit(transform, stiffness)
    found = fit.transform_of(here.positions, there.positions, _grid(here, like))
    return LandmarkResult(found, _errors(here, there, found, fit))


@dataclass(frozen=True)
class _Fit:
    kind: PointKind
    stiffness: float

    def move(self, fixed: FloatArray, moving: FloatArray, at: FloatArray) -> FloatArray:
        """Take points along by what pairs of points say."""
        if self.kind == "thin_plate":
            fit_points(fixed, moving, "affine")  # the same checks of the points
            return bend_points(fixed, moving, at, self.stiffness)
        matrix = fit_points(fixed, moving, self.kind)
        return np.asarray(at @ matrix[:-1, :-1].T + matrix[:-1, -1])

    def transform_of(self, fixed: FloatArray, moving: FloatArray, grid: Geometry) -> SpatialTransform:
        """Return the transform; a bend is laid on a grid, after which the affine part goes on for ever."""
        if self.kind != "thin_plate":
            return SpatialTransform.from_matrix(fit_points(fixed, moving, self.kind))
        affine = SpatialTransform.from_matrix(fit_points(fixed, moving, "affine"))
        centres = grid.index_to_world(np.argwhere(np.ones(grid.shape, dtype=bool)))
        target = affine.inverse().apply_to_points(bend_points(fixed, moving, centres, self.stiffness))
        vectors = (target - centres).reshape(*grid.shape, grid.ndim)
        return SpatialTransform.from_displacement(vectors, grid).then(affine)


def _errors(here: Landmarks, there: Landmarks, found: SpatialTransform, fit: _Fit) -> DataFrame:
    import pandas as pd

    def distance(a: FloatArray, b: FloatArray) -> FloatArray:
        return np.asarray(np.linalg.norm(a - b, axis=1))

    count, ndim = here.positions.shape
    left_out = np.full(count, np.nan)
    if count > points_needed(fit.kind, ndim) + 1:
        for k in range(count):
            others = np.arange(count) != k
            pair = here.positions[others], there.positions[others]
            left_out[k] = distance(fit.move(*pair, here.positions[k : k + 1]), there.positions[k : k + 1])[0]
    unit = here.unit
    return pd.DataFrame(
        {
            "name": list(here.names),
            f"before_{unit}": distance(here.positions, there.positions),
            f"after_{unit}": distance(found.apply_to_points(here.positions), there.positions),
            f"left_out_{unit}": left_out,
        }
    )


def _grid(points: Landmarks, like: MedicalImage | None) -> Geometry:
    if like is not None:
        return like.geometry
    low, high = points.positions.min(axis=0), points.positions.max(axis=0)
    margin = MARGIN * max(float((high - low).max()), 1.0)
    extent = high - low + 2 * margin
    step = float(extent.max()) / GRID_SIDE
    shape = np.ceil(extent / step).astype(int) + 1
    return Geometry.from_spacing(shape[::-1], [step] * len(shape), low - margin, unit=points.unit)
