"""Whether a map stays when the input hardly changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_medai.explain.check.similarity import spearman

Floats = NDArray[np.float32]
Kind = TypeVar("Kind", bound=np.generic)
Explainer = Callable[[Floats], Floats]


def under_noise(heat: Floats, volume: Floats, explain: Explainer, seed: int, noise: float = 0.02) -> float:
    """Rank correlation with the map of the input (C, *S) under white noise.

    Parameters
    ----------
    noise : float
        Standard deviation as a share of the input's range.
    """
    draw = np.random.default_rng(seed).normal(0, noise * float(np.ptp(volume)), volume.shape)
    return spearman(heat, explain(volume + draw.astype(np.float32)))


def under_shift(heat: Floats, volume: Floats, explain: Callable[[Floats, int], Floats], axis: int) -> float:
    """Rank correlation with the map of the input moved by one voxel along an axis, moved back.

    Parameters
    ----------
    explain : callable
        From the moved input and the axis to its map, the explained region moved as well.
    """
    length = heat.shape[axis]
    moved = explain(shifted(volume, axis + 1), axis)
    return spearman(heat.take(range(length - 1), axis), moved.take(range(1, length), axis))


def shifted(values: NDArray[Kind], axis: int) -> NDArray[Kind]:
    """Move an array by one along an axis; the first row is repeated."""
    rows = np.maximum(np.arange(values.shape[axis]) - 1, 0)
    return np.ascontiguousarray(values.take(rows, axis))
