"""The shape prior: how points lie to each other, and which of them lie where none has ever lain."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.geometry import FloatArray

LEAST_POINTS = 4
ROUNDS = 6
LEAST_SPREAD_SHARE = 0.01
"""The least spread of a point, as a share of the configuration's size: few cases show too little of it."""


def fit_shape(configurations: Sequence[FloatArray]) -> tuple[FloatArray, FloatArray]:
    """Learn a mean configuration, and how far each point strays from it.

    Parameters
    ----------
    configurations : sequence of (K, D) ndarray
        Points in mm; rows of NaN where a point is not known.

    Returns
    -------
    mean : (K, D) ndarray
        The mean after shift, turn and scale are taken away, mm.
    spread : (K,) ndarray
        Root mean square distance of each point from where the others put it, mm.
    """
    known = [c for c in configurations if _complete(c).sum() >= LEAST_POINTS]
    mean = _first_mean(known)
    for _ in range(ROUNDS):
        aligned = np.stack([_align(c, mean, _complete(c)) for c in known])
        with np.errstate(invalid="ignore"):
            mean = _mean(aligned, mean)
    strays = np.stack([distances(c, mean) for c in known])
    counts = np.isfinite(strays).sum(axis=0)
    spread = np.sqrt(np.nansum(strays**2, axis=0) / np.maximum(counts, 1))
    size = float(np.sqrt(((mean - mean.mean(axis=0)) ** 2).sum(axis=1).mean()))
    return mean, np.maximum(spread, LEAST_SPREAD_SHARE * size)


def distances(points: FloatArray, mean: FloatArray, trusted: NDArray[np.bool_] | None = None) -> FloatArray:
    """Return how far (mm) each point lies from where the others put it.

    Parameters
    ----------
    points : (K, D) ndarray
        Rows of NaN where a point is not known; they stay NaN.
    mean : (K, D) ndarray
        Of :func:`fit_shape`.
    trusted : (K,) ndarray of bool, optional
        Which points the others are judged by.
    """
    back = expected(points, mean, trusted)
    return np.asarray(np.linalg.norm(points - back, axis=1))


def expected(points: FloatArray, mean: FloatArray, trusted: NDArray[np.bool_] | None = None) -> FloatArray:
    """Where the mean configuration has each point once it is laid on the trusted ones (robustly), mm."""
    known = _complete(points)
    if trusted is not None:
        known &= trusted
    if known.sum() < LEAST_POINTS:
        return np.full_like(points, np.nan)
    weight = known.astype(float)
    for _ in range(ROUNDS):
        linear, shift = _similarity(mean, points, weight)
        laid = mean @ linear.T + shift
        rest = np.linalg.norm(np.where(known[:, None], points - laid, 0), axis=1)
        width = 2 * max(float(np.median(rest[known])), 1e-9)
        weight = known / (1 + (rest / width) ** 2)
    return np.asarray(laid)


def _complete(points: FloatArray) -> NDArray[np.bool_]:
    return np.asarray(np.isfinite(points).all(axis=1))


def _first_mean(known: Sequence[FloatArray]) -> FloatArray:
    """Begin with the fullest configuration; what it lacks comes from those that have it."""
    ranked = sorted(known, key=lambda c: -int(_complete(c).sum()))
    mean = ranked[0].copy()
    for other in ranked[1:]:
        lacking = ~_complete(mean)
        if not lacking.any():
            break
        both = ~lacking & _complete(other)
        if both.sum() >= LEAST_POINTS:
            mean[lacking] = _align(other, mean, both)[lacking]
    if not np.isfinite(mean).all():
        mean[~_complete(mean)] = np.nanmean(mean, axis=0)
    return mean


def _mean(aligned: FloatArray, before: FloatArray) -> FloatArray:
    known = np.isfinite(aligned)
    total = np.where(known, aligned, 0).sum(axis=0)
    return np.where(known.any(axis=0), total / np.maximum(known.sum(axis=0), 1), before)


def _align(points: FloatArray, mean: FloatArray, known: NDArray[np.bool_]) -> FloatArray:
    filled = np.where(known[:, None], points, 0)
    linear, shift = _similarity(filled, mean, known.astype(float))
    return np.asarray(points @ linear.T + shift)


def _similarity(source: FloatArray, target: FloatArray, weight: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Weighted least-squares shift, turn and scale from source to target (Umeyama 1991)."""
    share = (weight / weight.sum())[:, None]
    goal = np.where(weight[:, None] > 0, target, 0)
    a, b = (share * source).sum(axis=0), (share * goal).sum(axis=0)
    one, two = source - a, np.where(weight[:, None] > 0, goal - b, 0)
    left, strength, right = np.linalg.svd((share * two).T @ one)
    signs = np.ones(len(a))
    signs[-1] = np.sign(np.linalg.det(left) * np.linalg.det(right))
    turn = left @ np.diag(signs) @ right
    size = float((share * one**2).sum())
    linear = turn * (float((strength * signs).sum()) / max(size, 1e-12))
    return linear, b - linear @ a
