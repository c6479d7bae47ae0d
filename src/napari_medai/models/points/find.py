"""A landmark model applied to an image: the whole coarsely, then windows around each point, several times."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_medai.core.errors import ModelError
from napari_medai.core.geometry import FloatArray, Geometry, Unit
from napari_medai.core.image import MedicalImage
from napari_medai.core.landmarks import Landmarks
from napari_medai.core.progress import Progress, part, silent, track
from napari_medai.models.model import Model
from napari_medai.models.points.description import PointsSpec
from napari_medai.models.points.grey import as_grey
from napari_medai.models.points.heat import Peaks, log_gaussians, presence, read_peaks
from napari_medai.models.points.heat_networks import Stage, grid_step
from napari_medai.models.points.shape import expected
from napari_medai.models.points.windows import Windows, straight, turned
from napari_medai.models.prepare import Prepared, prepare
from napari_medai.models.runtime import ready
from napari_medai.models.spec import ModelSpec
from napari_medai.models.task import require_task

if TYPE_CHECKING:
    import torch

COARSE_VIEWS = ((0.0, 1.0), (4.0, 0.96), (-4.0, 1.04))
FINE_VIEWS = ((0.0, 1.0), (5.0, 0.97), (-5.0, 1.03), (0.0, 1.06))
"""Test-time augmentation: the turn (degrees) and the stretch of each look."""
BATCH = 32
EXTREME = 1e-9
PRIOR_SPACINGS = 2.5
"""Width of the coarse stage's say in the fine one, in coarse voxels."""
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


@dataclass(frozen=True, eq=False)
class _Seen:
    """Points in mm along the array axes of one grid."""

    at: FloatArray
    spread: FloatArray
    present: FloatArray
    mass: FloatArray


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
    points = _points(spec)
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
    points = _points(spec)
    shown = in_unit_of(points, as_grey(image, len(spec.channels)))
    coarse = prepare(spec, shown, part(progress, 0, 0.25))
    with ready(model.network, device) as (network, place):
        seen = _look_coarse(spec, network, coarse, views, place, part(progress, 0.25, 0.4))
        grid = coarse.grid
        if network.fine is not None:
            finer = spec.model_copy(update={"spacing": points.fine_spacing})
            fine = prepare(finer, shown, part(progress, 0.4, 0.6))
            seen = _look_fine(
                spec, network, fine, _carried(seen, grid, fine.grid), views, place, part(progress, 0.6, 1)
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


def padded_shape(shape: tuple[int, ...], step: int) -> tuple[int, ...]:
    """Round a grid's size up to what a network takes."""
    return tuple(max(2 * step, -(-n // step) * step) for n in shape)


def _points(spec: ModelSpec) -> PointsSpec:
    if spec.points is None:
        raise ModelError(f"Model {spec.name} does not say how it finds points.")
    return spec.points


def _stage(spec: ModelSpec, name: str) -> Stage:
    return Stage.model_validate(spec.network.arguments[name])


def _back(shown: Geometry, own: Geometry) -> FloatArray:
    """From the world in which a model saw the image to the image's own."""
    return np.asarray(own.affine @ np.linalg.inv(shown.affine))


def _look_coarse(
    spec: ModelSpec,
    network: torch.nn.Module,
    seen: Prepared,
    views: int,
    place: torch.device,
    progress: Progress,
) -> _Seen:
    """Look at the whole image a few times."""
    spacing = seen.grid.spacing
    shape = padded_shape(seen.grid.shape, grid_step(_stage(spec, "coarse")))
    middle = ((np.array(seen.grid.shape) - 1) / 2 * spacing)[None]
    base = straight(middle, shape, spacing)
    looks = []
    for angle, stretch in track(COARSE_VIEWS[:views], progress, "Looking at the whole"):
        windows = turned(base, angle, stretch)
        maps = _maps(network.coarse, windows, seen, place)[0]
        looks.append(_as_seen(read_peaks(maps, spacing, _points(spec).sigma), windows, len(maps)))
    return _together(looks)


def _look_fine(
    spec: ModelSpec,
    network: torch.nn.Module,
    seen: Prepared,
    first: _Seen,
    views: int,
    place: torch.device,
    progress: Progress,
) -> _Seen:
    """Look closely around each point: once to come near, then a few times from there."""
    points = _points(spec)
    window = points.window or spec.tile
    near = _close_look(spec, network, seen, straight(first.at, window, seen.grid.spacing), first, place)
    sure = near.present > 0.5
    at = np.where(sure[:, None], near.at, first.at)
    base = straight(at, window, seen.grid.spacing)
    looks = [
        _close_look(spec, network, seen, turned(base, angle, stretch), first, place)
        for angle, stretch in track(FINE_VIEWS[:views], progress, "Looking closely")
    ]
    found = _together(looks)
    chance = _mean_chance(found.present, first.present)
    sure = found.present > 0.5
    return _Seen(
        np.where(sure[:, None], found.at, first.at),
        np.where(sure[:, None, None], found.spread, first.spread),
        chance,
        np.where(sure, found.mass, first.mass),
    )


def _close_look(
    spec: ModelSpec,
    network: torch.nn.Module,
    seen: Prepared,
    windows: Windows,
    first: _Seen,
    place: torch.device,
) -> _Seen:
    """Look into the window of each point; heat far from where the coarse stage saw it counts less."""
    maps = _maps(network.fine, windows, seen, place)
    own = np.stack([m[k] for k, m in enumerate(maps)])
    sigma = _points(spec).fine_sigma or _points(spec).sigma
    reach = PRIOR_SPACINGS * float(max(spec.spacing or (1.0,)))
    expected_at = windows.to_window(first.at[:, None])[:, 0]
    peaks = read_peaks(
        own + log_gaussians(expected_at, own.shape[1:], windows.spacing, reach), windows.spacing, sigma
    )
    return _as_seen(replace(peaks, present=presence(own)), windows, len(own))


def _maps(network: object, windows: Windows, seen: Prepared, place: torch.device) -> FloatArray:
    """Heat maps (windows, points, *shape) of windows."""
    import torch

    volume = torch.from_numpy(np.array(seen.volume))
    count = len(windows.centres)
    maps = []
    for start in range(0, count, BATCH):
        some = slice(start, start + BATCH)
        few = replace(windows, centres=windows.centres[some], matrices=windows.matrices[some])
        images = few.cut(volume, seen.grid.spacing).to(place)
        maps.append(network(images).float().cpu().numpy())  # type: ignore[operator]
    return np.concatenate(maps)


def _as_seen(peaks: Peaks, windows: Windows, count: int) -> _Seen:
    """Bring peaks of windows (one, or one a point) to mm of the image."""
    if len(windows.centres) == 1 and count > 1:
        windows = replace(
            windows,
            centres=np.repeat(windows.centres, count, 0),
            matrices=np.repeat(windows.matrices, count, 0),
        )
    return _Seen(
        windows.to_image(peaks.index), windows.spread_to_image(peaks.covariance), peaks.present, peaks.mass
    )


def _together(looks: list[_Seen]) -> _Seen:
    """Average looks; what they disagree by adds to the spread. An outlying look has little weight."""
    at = np.stack([look.at for look in looks])
    middle = np.median(at, axis=0)
    width = np.sqrt(np.einsum("vnii->vn", np.stack([k.spread for k in looks]))) + 1e-9
    weight = 1 / (1 + (np.linalg.norm(at - middle, axis=2) / width) ** 2)
    weight = weight / weight.sum(axis=0)
    mean = np.einsum("vn,vnd->nd", weight, at)
    apart = at - mean
    spread = np.einsum("vn,vnij->nij", weight, np.stack([k.spread for k in looks]))
    spread += np.einsum("vn,vni,vnj->nij", weight, apart, apart)
    present = np.mean([k.present for k in looks], axis=0)
    return _Seen(mean, spread, present, np.mean([k.mass for k in looks], axis=0))


def _mean_chance(one: FloatArray, two: FloatArray) -> FloatArray:
    """Average two probabilities as logarithms of odds."""
    odds = [np.log(np.clip(p, EXTREME, 1 - EXTREME) / np.clip(1 - p, EXTREME, 1)) for p in (one, two)]
    return np.asarray(1 / (1 + np.exp(-(odds[0] + odds[1]) / 2)))


def _carried(seen: _Seen, source: Geometry, target: Geometry) -> _Seen:
    """Bring points from one grid's mm to another's; the axes are the same."""
    world = source.index_to_world(seen.at / source.spacing)
    return replace(seen, at=target.world_to_index(world) * target.spacing)


def _strays(points: PointsSpec, seen: _Seen) -> FloatArray:
    if not points.shape or not points.spread:
        return np.full(len(seen.at), np.nan)
    laid = expected(seen.at, np.array(points.shape), seen.present >= points.threshold)
    return np.asarray(np.linalg.norm(seen.at - laid, axis=1) / np.array(points.spread))
