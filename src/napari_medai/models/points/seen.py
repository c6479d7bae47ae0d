"""Points as looks have seen them: brought together, fused, carried from grid to grid."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from napari_medai.core.geometry import FloatArray, Geometry
from napari_medai.models.points.heat import Peaks
from napari_medai.models.points.windows import Windows

EXTREME = 1e-9


@dataclass(frozen=True, eq=False)
class Seen:
    """Points in mm along the array axes of one grid.

    Parameters
    ----------
    at : (K, D) ndarray
        Where they are.
    spread : (K, D, D) ndarray
        Covariance of the heat around them, mm squared.
    present : (K,) ndarray
        Probability that the point is in the image.
    mass : (K,) ndarray
        Share of the heat at this place.
    """

    at: FloatArray
    spread: FloatArray
    present: FloatArray
    mass: FloatArray


def as_seen(peaks: Peaks, windows: Windows, count: int) -> Seen:
    """Bring peaks of windows (one, or one a point) to mm of the image."""
    if len(windows.centres) == 1 and count > 1:
        windows = replace(
            windows,
            centres=np.repeat(windows.centres, count, 0),
            matrices=np.repeat(windows.matrices, count, 0),
        )
    return Seen(
        windows.to_image(peaks.index), windows.spread_to_image(peaks.covariance), peaks.present, peaks.mass
    )


def together(looks: list[Seen]) -> Seen:
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
    return Seen(mean, spread, present, np.mean([k.mass for k in looks], axis=0))


def mean_chance(one: FloatArray, two: FloatArray) -> FloatArray:
    """Average two probabilities as logarithms of odds."""
    odds = [np.log(np.clip(p, EXTREME, 1 - EXTREME) / np.clip(1 - p, EXTREME, 1)) for p in (one, two)]
    return np.asarray(1 / (1 + np.exp(-(odds[0] + odds[1]) / 2)))


def carried(seen: Seen, source: Geometry, target: Geometry) -> Seen:
    """Bring points from one grid's mm to another's; the axes are the same."""
    world = source.index_to_world(seen.at / source.spacing)
    return replace(seen, at=target.world_to_index(world) * target.spacing)
