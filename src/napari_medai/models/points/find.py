"""A landmark model applied to an image: seen as a whole, then closely, and reported with its doubts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_medai.core.geometry import FloatArray, Geometry, Unit
from napari_medai.core.image import MedicalImage
from napari_medai.core.landmarks import Landmarks
from napari_medai.core.progress import Progress, part, silent
from napari_medai.models.model import Model
from napari_medai.models.points.description import PointsSpec
from napari_medai.models.points.grey import as_grey
from napari_medai.models.points.looks import look_closely, look_coarsely, points_of
from napari_medai.models.points.seen import Seen, carried
from napari_medai.models.points.shape import expected
from napari_medai.models.prepare import prepare
from napari_medai.models.runtime import ready
from napari_medai.models.spec import ModelSpec
from napari_medai.models.task import require_task

PLAUSIBLE = 4.0
"""Spreads beyond which a point lies where the shape prior does not believe it."""
DOUBT = 0.2


@dataclass(frozen=True, eq=False)
class Findings:
    """What a landmark model says about one image, before anything is left out.

    Parameters
    ----------
    world : (K, D) ndarray
        Positions, world, in the image's unit.
    covariance : (K, D, D) ndarray
        World, squared, not yet calibrated.
    present : (K,) ndarray
        Probability that the point is in the image.
    mass : (K,) ndarray
        Share of the heat at this place.
    strays : (K,) ndarray
        Distance from where the other points put it, in its usual spreads; NaN without a prior.
    """

    world: FloatArray
    covariance: FloatArray
    present: FloatArray
    mass: FloatArray
    strays: FloatArray


def find_points(
    model: Model,
    image: MedicalImage,
    *,
    device: str = "cpu",
    views: int = 4,
    progress: Progress = silent,
) -> Landmarks:
    """Find a model's points in one image.

    Parameters
    ----------
    model : Model
        A landmark model.
    image : MedicalImage
        Any size, spacing and orientation; no time axis.
    device : str
        Where the network runs.
    views : int
        How many looks are averaged (1 to 4).
    progress : Progress
        Hears the preparation and every batch of windows.

    Raises
    ------
    ModelError
        If the model is for another task or the image does not fit it.
    """
    found = examine(model, image, device=device, views=views, progress=progress)
    return report(model.spec, found, image.geometry.unit)


def report(spec: ModelSpec, found: Findings, unit: Unit) -> Landmarks:
    """Turn findings into landmarks: covariance calibrated, absent points flagged, doubt in the confidence."""
    points = points_of(spec)
    count, ndim = found.world.shape
    scale = np.array(points.scale or np.ones(count))
    floor = np.array(points.floor or np.zeros(count))
    covariance = scale[:, None, None] * found.covariance + floor[:, None, None] * np.eye(ndim)
    absent = found.present < points.threshold
    doubt = np.where(np.nan_to_num(found.strays) > PLAUSIBLE, DOUBT, 1.0)
    confidence = np.clip(found.present * found.mass * doubt, 0, 1)
    return Landmarks(
        spec.outputs.points,
        found.world,
        covariance,
        confidence,
        unit,
        "landmarks",
        absent=absent,
    )


def examine(
    model: Model, image: MedicalImage, *, device: str = "cpu", views: int = 4, progress: Progress = silent
) -> Findings:
    """Do the work of :func:`find_points`; return all that was measured."""
    spec = model.spec
    require_task(spec, "landmarks")
    points = points_of(spec)
    shown = in_unit_of(points, as_grey(image, len(spec.channels)))
    coarse = prepare(spec, shown, part(progress, 0, 0.25))
    with ready(model.network, device) as (network, place):
        seen = look_coarsely(spec, network, coarse, views, place, part(progress, 0.25, 0.4))
        grid = coarse.grid
        if network.fine is not None:
            finer = spec.model_copy(update={"spacing": points.fine_spacing})
            fine = prepare(finer, shown, part(progress, 0.4, 0.6))
            seen = look_closely(
                spec, network, fine, carried(seen, grid, fine.grid), views, place, part(progress, 0.6, 1)
            )
            grid = fine.grid
    world = grid.index_to_world(seen.at / grid.spacing)
    turn = grid.direction
    covariance = np.einsum("ij,njk,lk->nil", turn, seen.spread, turn)
    strays = _strays(points, seen)
    back = _back(shown.geometry, image.geometry)
    linear = back[:-1, :-1]
    return Findings(
        world @ linear.T + back[:-1, -1], np.einsum("ij,njk,lk->nil", linear, covariance, linear),
        seen.present, seen.mass, strays,
    )  # fmt: skip


def in_unit_of(points: PointsSpec, image: MedicalImage) -> MedicalImage:
    """Let a model that was trained in pixels see pixels, whatever their size."""
    if points.unit == "mm":
        return image
    return image.replace(geometry=Geometry.from_spacing(image.geometry.shape, [1.0] * image.spatial_ndim))


def _back(shown: Geometry, own: Geometry) -> FloatArray:
    """From the world in which a model saw the image to the image's own."""
    return np.asarray(own.affine @ np.linalg.inv(shown.affine))


def _strays(points: PointsSpec, seen: Seen) -> FloatArray:
    if not points.shape or not points.spread:
        return np.full(len(seen.at), np.nan)
    laid = expected(seen.at, np.array(points.shape), seen.present >= points.threshold)
    return np.asarray(np.linalg.norm(seen.at - laid, axis=1) / np.array(points.spread))
