"""Stacks of texture matrices: grey levels along one axis, a property of runs or zones along the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from napari_medai.core.geometry import FloatArray
from napari_medai.measure.radiomics.roi import IntArray, Levels


@dataclass(frozen=True, eq=False)
class Stack:
    """Matrices of one kind, one a direction.

    Parameters
    ----------
    counts : (D, G, J) array
        How often level ``g + 1`` meets the property ``values[j]``.
    values : (J,) float array
        Run lengths, zone sizes, distances, dependences; or levels.
    voxels : int
        How many voxels each matrix was made from.
    """

    counts: FloatArray
    values: FloatArray
    voxels: int


Maker: TypeAlias = Callable[[Levels, bool], Stack]
"""Makes the matrices of a region, within slices (True) or in space (False)."""

Features: TypeAlias = Callable[[Stack], dict[str, FloatArray]]
"""Computes features of every matrix of a stack; NaN where a matrix is empty."""


def tabulate(levels: Sequence[IntArray], values: Sequence[IntArray], count: int, voxels: int) -> Stack:
    """Count pairs of a level and a property, direction by direction.

    Parameters
    ----------
    levels, values : sequence of int arrays
        For each direction, the level and the property of every run or zone.
    count : int
        The number of levels.
    voxels : int
        How many voxels there were.
    """
    properties = np.unique(np.concatenate([*values, np.zeros(0, dtype=np.int64)]))
    width = len(properties)
    counts = [
        np.bincount((g - 1) * width + np.searchsorted(properties, v), minlength=count * width)
        for g, v in zip(levels, values, strict=True)
    ]
    stacked = np.stack(counts).reshape(len(counts), count, width).astype(np.float64)
    return Stack(stacked, properties.astype(np.float64), voxels)


def merged(stack: Stack) -> Stack:
    """Add the matrices of all directions up into one."""
    return Stack(stack.counts.sum(axis=0, keepdims=True), stack.values, stack.voxels * len(stack.counts))


def directional(levels: Levels, make: Maker, features: Features, ways: Sequence[str]) -> dict[str, float]:
    """Compute features of a directional matrix by each way of aggregation.

    Parameters
    ----------
    levels : Levels
        The region.
    make : callable
        Makes the matrices.
    features : callable
        Computes the features.
    ways : sequence of str
        ``"2D_avg"``: every slice and direction by itself, then averaged; ``"2D_comb"``: directions merged
        within each slice, then averaged; ``"2_5D_avg"``: slices merged for each direction, then averaged;
        ``"2_5D_comb"``: all merged; ``"3D_avg"``, ``"3D_comb"``: the 13 directions of space averaged or
        merged.

    Returns
    -------
    dict
        The features, the way appended to their tag.
    """
    result: dict[str, float] = {}
    wanted = set(ways)
    if wanted & {"2D_avg", "2D_comb"}:
        slices = [make(levels.slice(k), True) for k in range(len(levels.grid)) if levels.grid[k].any()]
        result |= _named("2D_avg", wanted, [features(s) for s in slices])
        result |= _named("2D_comb", wanted, [features(merged(s)) for s in slices])
    if wanted & {"2_5D_avg", "2_5D_comb"}:
        stack = make(levels, True)
        result |= _named("2_5D_avg", wanted, [features(stack)])
        result |= _named("2_5D_comb", wanted, [features(merged(stack))])
    if wanted & {"3D_avg", "3D_comb"}:
        stack = make(levels, False)
        result |= _named("3D_avg", wanted, [features(stack)])
        result |= _named("3D_comb", wanted, [features(merged(stack))])
    return result


def undirected(levels: Levels, make: Maker, features: Features, ways: Sequence[str]) -> dict[str, float]:
    """Compute features of a matrix without directions by each way of aggregation.

    Parameters
    ----------
    levels, make, features
        As in :func:`directional`.
    ways : sequence of str
        ``"2D"``: every slice by itself, then averaged; ``"2_5D"``: neighbours within slices, the slices'
        matrices merged; ``"3D"``: neighbours in space.
    """
    result: dict[str, float] = {}
    wanted = set(ways)
    if "2D" in wanted:
        slices = [make(levels.slice(k), True) for k in range(len(levels.grid)) if levels.grid[k].any()]
        result |= _named("2D", wanted, [features(s) for s in slices])
    if "2_5D" in wanted:
        result |= _named("2_5D", wanted, [features(make(levels, True))])
    if "3D" in wanted:
        result |= _named("3D", wanted, [features(make(levels, False))])
    return result


def _named(way: str, wanted: set[str], parts: list[dict[str, FloatArray]]) -> dict[str, float]:
    """Average each feature over matrices that hold something."""
    if way not in wanted or not parts:
        return {}
    averages = {}
    for tag in parts[0]:
        values = np.concatenate([part[tag] for part in parts])
        defined = values[~np.isnan(values)]
        averages[f"{tag}_{way}"] = float(defined.mean()) if len(defined) else float("nan")
    return averages
