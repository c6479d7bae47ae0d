"""Looks through a landmark network: at the whole on a coarse grid, then into windows around each point."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_medai.core.errors import ModelError
from napari_medai.core.geometry import FloatArray
from napari_medai.core.progress import Progress, track
from napari_medai.models.points.description import PointsSpec
from napari_medai.models.points.heat import log_gaussians, presence, read_peaks
from napari_medai.models.points.heat_networks import Stage, grid_step
from napari_medai.models.points.seen import Seen, as_seen, mean_chance, together
from napari_medai.models.points.windows import Windows, straight, turned
from napari_medai.models.prepare import Prepared
from napari_medai.models.spec import ModelSpec

if TYPE_CHECKING:
    import torch

COARSE_VIEWS = ((0.0, 1.0), (4.0, 0.96), (-4.0, 1.04))
FINE_VIEWS = ((0.0, 1.0), (5.0, 0.97), (-5.0, 1.03), (0.0, 1.06))
"""Test-time augmentation: the turn (degrees) and the stretch of each look."""
BATCH = 32
PRIOR_SPACINGS = 2.5
"""Width of the coarse stage's say in the fine one, in coarse voxels."""


def look_coarsely(
    spec: ModelSpec,
    network: torch.nn.Module,
    seen: Prepared,
    views: int,
    place: torch.device,
    progress: Progress,
) -> Seen:
    """Look at the whole image a few times."""
    spacing = seen.grid.spacing
    shape = padded_shape(seen.grid.shape, grid_step(_stage(spec, "coarse")))
    middle = ((np.array(seen.grid.shape) - 1) / 2 * spacing)[None]
    base = straight(middle, shape, spacing)
    looks = []
    for angle, stretch in track(COARSE_VIEWS[:views], progress, "Looking at the whole"):
        windows = turned(base, angle, stretch)
        maps = _maps(network.coarse, windows, seen, place)[0]
        looks.append(as_seen(read_peaks(maps, spacing, points_of(spec).sigma), windows, len(maps)))
    return together(looks)


def look_closely(
    spec: ModelSpec,
    network: torch.nn.Module,
    seen: Prepared,
    first: Seen,
    views: int,
    place: torch.device,
    progress: Progress,
) -> Seen:
    """Look closely around each point: once to come near, then a few times from there."""
    points = points_of(spec)
    window = points.window or spec.tile
    near = _close_look(spec, network, seen, straight(first.at, window, seen.grid.spacing), first, place)
    sure = near.present > 0.5
    at = np.where(sure[:, None], near.at, first.at)
    base = straight(at, window, seen.grid.spacing)
    looks = [
        _close_look(spec, network, seen, turned(base, angle, stretch), first, place)
        for angle, stretch in track(FINE_VIEWS[:views], progress, "Looking closely")
    ]
    found = together(looks)
    chance = mean_chance(found.present, first.present)
    sure = found.present > 0.5
    return Seen(
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
    first: Seen,
    place: torch.device,
) -> Seen:
    """Look into the window of each point; heat far from where the coarse stage saw it counts less."""
    maps = _maps(network.fine, windows, seen, place, _stage(spec, "fine").context)
    own = np.stack([m[k] for k, m in enumerate(maps)])
    sigma = points_of(spec).fine_sigma or points_of(spec).sigma
    reach = PRIOR_SPACINGS * float(max(spec.spacing or (1.0,)))
    expected_at = windows.to_window(first.at[:, None])[:, 0]
    peaks = read_peaks(
        own + log_gaussians(expected_at, own.shape[1:], windows.spacing, reach), windows.spacing, sigma
    )
    return as_seen(replace(peaks, present=presence(own)), windows, len(own))


def _maps(
    network: object, windows: Windows, seen: Prepared, place: torch.device, context: float = 1.0
) -> FloatArray:
    """Heat maps (windows, points, *shape) of windows."""
    import torch

    volume = torch.from_numpy(np.array(seen.volume))
    count = len(windows.centres)
    maps = []
    for start in range(0, count, BATCH):
        some = slice(start, start + BATCH)
        few = replace(windows, centres=windows.centres[some], matrices=windows.matrices[some])
        images = few.cut(volume, seen.grid.spacing, context).to(place)
        maps.append(network(images).float().cpu().numpy())  # type: ignore[operator]
    return np.concatenate(maps)


def padded_shape(shape: tuple[int, ...], step: int) -> tuple[int, ...]:
    """Round a grid's size up to what a network takes."""
    return tuple(max(2 * step, -(-n // step) * step) for n in shape)


def points_of(spec: ModelSpec) -> PointsSpec:
    """Return how a model finds points.

    Raises
    ------
    ModelError
        If its description does not say.
    """
    if spec.points is None:
        raise ModelError(f"Model {spec.name} does not say how it finds points.")
    return spec.points


def _stage(spec: ModelSpec, name: str) -> Stage:
    return Stage.model_validate(spec.network.arguments[name])
