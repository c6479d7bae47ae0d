"""Class scores of the network's grid turned into labels on the image's own grid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.geometry import Geometry
from napari_medai.core.progress import Progress, Step, silent
from napari_medai.models.lookup import Lookup, interpolate, world_lookups

SLAB_VOXELS = 1_000_000
"""Voxels of the image's grid worked on at a time; two float32 of each are held, whatever the classes."""

Floats = NDArray[np.float32]
Box = tuple[slice, ...]


def labels_on_grid(
    scores: Floats, source: Geometry, target: Geometry, progress: Progress = silent
) -> NDArray[Any]:
    """Find the likeliest class of every voxel of a grid.

    Parameters
    ----------
    scores : numpy.ndarray
        Shape (classes, \\*source.shape), before softmax.
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
    if source == target:
        progress(Step(0, 1, "Labelling"))
        return np.asarray(scores.argmax(axis=0), dtype=label_type(len(scores)))
    restored = RestoredLabels(len(scores), target.shape, world_lookups(source, target))
    restored.feed(0, scores, progress)
    return restored.labels


def label_type(classes: int) -> type[np.unsignedinteger[Any]]:
    """Return the smallest type that holds every label."""
    return np.uint8 if classes <= 256 else np.uint16


class RestoredLabels:
    """Labels of the image's grid, filled while scores of the network's grid arrive slab by slab.

    Parameters
    ----------
    classes : int
        Number of classes.
    shape : sequence of int
        Of the labels.
    lookups : sequence of Lookup
        For each axis where its planes lie between the network's.
    probabilities : bool
        Whether scores become probabilities before they are interpolated.
    regions : sequence of int
        The label each channel paints, as :func:`labels_of_scores` does; scores stay what they are.

    Notes
    -----
    Between voxels that agree on the likeliest class it stays the likeliest, so interpolation is needed
    near borders alone. There a class is looked at only inside the box in which it lies above the mean of
    all classes: elsewhere it cannot win. Both save work and change no label.
    """

    def __init__(
        self,
        classes: int,
        shape: Sequence[int],
        lookups: Sequence[Lookup],
        *,
        probabilities: bool = True,
        regions: Sequence[int] = (),
    ) -> None:
        self.labels: NDArray[Any] = np.zeros(tuple(shape), dtype=label_type(classes))
        self.slab_voxels = SLAB_VOXELS
        self._lookups = list(lookups)
        self._regions = tuple(regions)
        self._probabilities = probabilities and not self._regions
        self._last: Floats | None = None
        self._next = 0

    def feed(self, start: int, scores: Floats, progress: Progress = silent) -> None:
        """Take the planes (classes, planes, ...) that begin at ``start``; planes come in order, each once."""
        if self._last is not None:
            scores, start = np.concatenate([self._last, scores], axis=1), start - 1
        stop = start + scores.shape[1]
        _, high, _ = self._lookups[0]
        ready = int(np.searchsorted(high, stop))
        step = max(1, self.slab_voxels // int(np.prod(self.labels.shape[1:])))
        first = self._next
        while self._next < ready:
            progress(Step(self._next - first, ready - first, "Labelling"))
            rows = slice(self._next, min(self._next + step, ready))
            self._label(rows, scores, start)
            self._next = rows.stop
        progress(Step(1, 1, "Labelling"))
        self._last = scores[:, -1:].copy()

    def _label(self, rows: slice, scores: Floats, start: int) -> None:
        low, high, share = _cut(self._lookups[0], rows)
        planes = slice(int(low[0]) - start, int(high[-1]) - start + 1)
        part = np.array(scores[:, planes])
        if self._probabilities:
            softmax_in_place(part)
        shift = int(low[0])
        lookups = [(low - shift, high - shift, share), *self._lookups[1:]]
        if self._regions:
            fill_regions(self.labels[rows], part, lookups, self._regions)
        else:
            fill_labels(self.labels[rows], part, lookups)


def fill_labels(labels: NDArray[Any], scores: Floats, lookups: Sequence[Lookup]) -> None:
    """Fill labels by the class whose interpolated score is largest, the first of equals."""
    likeliest = scores.argmax(axis=0).astype(labels.dtype)
    near = likeliest
    for axis, (low, _, _) in enumerate(lookups):
        near = near.take(low, axis)
    labels[...] = near
    border = _box_of(_uneven(likeliest), lookups)
    if border is None:
        return
    mean = scores.mean(axis=0)
    inner = labels[border]
    inner[...] = 0
    best = np.full(inner.shape, -np.inf, np.float32)
    for k, values in enumerate(scores):
        box = _box_of(values >= mean, lookups)
        box = box and _common(box, border)
        if box is None:
            continue
        found = interpolate(values, [_cut(lookup, s) for lookup, s in zip(lookups, box, strict=True)])
        where = tuple(slice(s.start - b.start, s.stop - b.start) for s, b in zip(box, border, strict=True))
        better = found > best[where]
        np.copyto(inner[where], k, where=better)
        np.copyto(best[where], found, where=better)


def labels_of_scores(scores: Floats, regions: Sequence[int] = ()) -> NDArray[Any]:
    """Turn scores (channels, ...) into labels.

    Parameters
    ----------
    scores : numpy.ndarray
        Before softmax or sigmoid.
    regions : sequence of int
        The label that each channel paints where its score is above 0, a later one over an earlier one.
        Empty: the number of the channel with the highest score, the first of equals.
    """
    if not regions:
        return np.asarray(scores.argmax(axis=0))
    labels = np.zeros(scores.shape[1:], np.uint16)
    for value, channel in zip(regions, scores, strict=True):
        labels[channel > 0] = value
    return labels


def fill_regions(
    labels: NDArray[Any], scores: Floats, lookups: Sequence[Lookup], regions: Sequence[int]
) -> None:
    """Paint each region where its interpolated score is above 0, a later one over an earlier one."""
    labels[...] = 0
    for value, channel in zip(regions, scores, strict=True):
        box = _box_of(channel > 0, lookups)
        if box is not None:
            found = interpolate(channel, [_cut(lookup, s) for lookup, s in zip(lookups, box, strict=True)])
            np.copyto(labels[box], value, where=found > 0)


def softmax_in_place(scores: NDArray[np.float32]) -> None:
    """Turn scores (classes, ...) into probabilities, without a second array of their size."""
    scores -= scores.max(axis=0)
    np.exp(scores, out=scores)
    scores /= scores.sum(axis=0)


def _uneven(likeliest: NDArray[Any]) -> NDArray[np.bool_]:
    """Mark the voxels that have a neighbour, also across a corner, of another class."""
    marked = np.zeros(likeliest.shape, bool)
    lowest, highest = likeliest, likeliest
    for axis in range(likeliest.ndim):
        n = lowest.shape[axis]
        if n > 1:
            before, after = [slice(None)] * likeliest.ndim, [slice(None)] * likeliest.ndim
            before[axis], after[axis] = slice(0, n - 1), slice(1, n)
            lowest = np.minimum(lowest[tuple(before)], lowest[tuple(after)])
            highest = np.maximum(highest[tuple(before)], highest[tuple(after)])
    cells = lowest != highest
    marked[tuple(slice(0, n) for n in cells.shape)] |= cells
    return marked


def _box_of(marked: NDArray[np.bool_], lookups: Sequence[Lookup]) -> Box | None:
    """Return the box of all targets that a marked voxel has a share in; none where nothing is marked."""
    box = []
    for axis, (low, high, _) in enumerate(lookups):
        others = tuple(k for k in range(marked.ndim) if k != axis)
        (hit,) = np.nonzero(marked.any(axis=others))
        if not len(hit):
            return None
        first = int(np.searchsorted(high, hit[0]))
        last = int(np.searchsorted(low, hit[-1], side="right"))
        if first >= last:
            return None
        box.append(slice(first, last))
    return tuple(box)


def _common(one: Box, other: Box) -> Box | None:
    both = tuple(slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(one, other, strict=True))
    return None if any(s.start >= s.stop for s in both) else both


def _cut(lookup: Lookup, rows: slice) -> Lookup:
    low, high, share = lookup
    return low[rows], high[rows], share[rows]
