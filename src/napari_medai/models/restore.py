"""Class scores of the network's grid turned into labels on the image's own grid."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.geometry import FloatArray, Geometry
from napari_medai.core.progress import Progress, Step, silent, track

SLAB_VOXELS = 4_000_000
"""Voxels of the image's grid worked on at a time; two float32 of each are held, whatever the classes."""

Lookup = tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]


def labels_on_grid(
    scores: NDArray[np.float32], source: Geometry, target: Geometry, progress: Progress = silent
) -> NDArray[Any]:
    """Find the likeliest class of every voxel of a grid.

    Parameters
    ----------
    scores : numpy.ndarray
        Shape (classes, \\*source.shape), before softmax; overwritten with probabilities where the
        grids differ.
    source, target : Geometry
        The network's grid and the image's; their axes must be parallel and in the same order.
    progress : Progress
        Hears one report a slab.

    Returns
    -------
    numpy.ndarray
        Labels on ``target``: uint8, or uint16 with more than 256 classes. Between voxels the
        probabilities are interpolated linearly; beyond the outermost centres they go on as they are.
    """
    kind = np.uint8 if len(scores) <= 256 else np.uint16
    if source == target:
        progress(Step(0, 1, "Labelling"))
        return np.asarray(scores.argmax(axis=0), dtype=kind)
    softmax_in_place(scores)
    lookups = _lookups(source, target)
    labels = np.zeros(target.shape, dtype=kind)
    step = max(1, SLAB_VOXELS // int(np.prod(target.shape[1:])))
    for start in track(range(0, target.shape[0], step), progress, "Labelling"):
        _label_slab(scores, labels[start : start + step], start, lookups)
    return labels


def softmax_in_place(scores: NDArray[np.float32]) -> None:
    """Turn scores (classes, ...) into probabilities, without a second array of their size."""
    scores -= scores.max(axis=0)
    np.exp(scores, out=scores)
    scores /= scores.sum(axis=0)


def _label_slab(scores: NDArray[np.float32], labels: NDArray[Any], start: int, lookups: list[Lookup]) -> None:
    """Fill a slab of labels class by class, keeping the best probability so far."""
    low, high, share = lookups[0]
    rows = slice(start, start + len(labels))
    slab = [(low[rows], high[rows], share[rows]), *lookups[1:]]
    best = _interpolate(scores[0], slab)
    for k in range(1, len(scores)):
        values = _interpolate(scores[k], slab)
        better = values > best
        labels[better] = k
        np.maximum(best, values, out=best)


def _interpolate(volume: NDArray[np.float32], lookups: list[Lookup]) -> NDArray[np.float32]:
    for axis, (low, high, share) in enumerate(lookups):
        weight = share.reshape([-1 if k == axis else 1 for k in range(volume.ndim)])
        below = volume.take(low, axis)
        above = volume.take(high, axis)
        above -= below
        above *= weight
        above += below
        volume = above
    return volume


def _lookups(source: Geometry, target: Geometry) -> list[Lookup]:
    """For each axis: the two source planes around each target plane, and the share of the second."""
    matrix: FloatArray = np.linalg.inv(source.affine) @ target.affine
    lookups = []
    for axis, (size, count) in enumerate(zip(source.shape, target.shape, strict=True)):
        position = np.clip(matrix[axis, axis] * np.arange(count) + matrix[axis, -1], 0, size - 1)
        low = np.minimum(position.astype(np.intp), max(size - 2, 0))
        high = np.minimum(low + 1, size - 1)
        lookups.append((low, high, (position - low).astype(np.float32)))
    return lookups
