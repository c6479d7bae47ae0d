"""Which labels an image holds, what they are called and where their voxels are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.errors import ArgumentError
from napari_medai.core.image import MedicalImage

IntArray = NDArray[np.int64]

_COUNTABLE = 1 << 24
_CHUNK = 1 << 24


@dataclass(frozen=True)
class Members:
    """The voxels of every label, sorted by label.

    Parameters
    ----------
    labels : (N,) int array
        The labels found, ascending, background left out.
    order : (F,) int array
        Flat indices of all foreground voxels, those of one label together and ascending.
    starts : (N + 1,) int array
        Where each label's stretch of ``order`` begins; the last entry is F.
    """

    labels: IntArray
    order: IntArray
    starts: IntArray

    def of(self, position: int) -> IntArray:
        """Return the flat indices of the label at a position of ``labels``."""
        return self.order[self.starts[position] : self.starts[position + 1]]


def label_count(array: NDArray[Any]) -> tuple[IntArray, IntArray]:
    """Return the values of an integer array in ascending order, and how many voxels carry each."""
    if array.size == 0:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    low, high = int(array.min()), int(array.max())
    if low < 0 or high >= _COUNTABLE:
        values, counts = np.unique(array, return_counts=True)
        return values.astype(np.int64), counts.astype(np.int64)
    counts = _count(array.reshape(-1), high + 1)
    values = np.flatnonzero(counts)
    return values, counts[values]


def present_labels(array: NDArray[Any]) -> IntArray:
    """Return the labels of an array in ascending order, background left out."""
    found, _ = label_count(array)
    return np.asarray(found[found != 0])


def members(array: NDArray[Any]) -> Members:
    """Sort the voxels of an integer array by label."""
    flat = np.ascontiguousarray(array).reshape(-1)
    values, voxels = label_count(flat)
    labels, counts = values[values != 0], voxels[values != 0]
    foreground = np.flatnonzero(flat)
    order = foreground[np.argsort(ranks_of(flat[foreground], labels), kind="stable")]
    return Members(labels, order, np.concatenate([[0], np.cumsum(counts)]).astype(np.int64))


def ranks_of(values: NDArray[Any], labels: IntArray) -> NDArray[Any]:
    """Return the position of each value in the ascending ``labels``; every value must be among them.

    The positions are 16 bits wide where that is enough: NumPy sorts those by counting.
    """
    width = np.uint16 if len(labels) <= 1 << 16 else np.int64
    if len(labels) == 0 or labels[0] < 0 or labels[-1] >= _COUNTABLE:
        return np.searchsorted(labels, values).astype(width)
    table = np.zeros(int(labels[-1]) + 1, dtype=width)
    table[labels] = np.arange(len(labels), dtype=width)
    return np.asarray(table[values])


def label_name(image: MedicalImage, label: int) -> str:
    """Return what ``meta["labels"]`` calls a label, or ``"label 3"``."""
    return str(dict(image.meta.get("labels", {})).get(str(label), f"label {label}"))


def named_labels(*images: MedicalImage) -> set[int]:
    """Return every label that ``meta["labels"]`` of the images names, background left out."""
    numbers = {int(key) for image in images for key in image.meta.get("labels", {})}
    return numbers - {0}


def volumes(image: MedicalImage) -> Iterator[tuple[dict[str, int], NDArray[Any]]]:
    """Yield each spatial volume with its place along time, channel and colour.

    Parameters
    ----------
    image : MedicalImage
        Any image.

    Yields
    ------
    place : dict
        ``{"time": 0, "channel": 1}``; only the axes the image has. Colour samples are channels.
    volume : numpy.ndarray
        Shape (z, y, x) or (y, x).
    """
    array = np.asarray(image.array)
    names = [{"t": "time", "c": "channel"}[letter] for letter in image.axes[: image.leading]]
    if image.is_rgb:
        array = np.moveaxis(array, -1, image.leading)
        names.append("sample" if "channel" in names else "channel")
    for place in product(*(range(n) for n in array.shape[: len(names)])):
        yield dict(zip(names, place, strict=True)), array[place]


def single_volume(image: MedicalImage, what: str) -> NDArray[Any]:
    """Return the one spatial volume of an image.

    Raises
    ------
    ArgumentError
        If the image has time, channel or colour axes.
    """
    found = image.axes
    if len(found) != image.spatial_ndim:
        raise ArgumentError(
            f"The {what} has axes {found!r}; needed one volume, 'zyx' or 'yx'.",
            hint="Take one time point and channel of it first.",
        )
    return np.asarray(image.array)


def _count(flat: NDArray[Any], size: int) -> IntArray:
    """Count values in chunks, so that the wide copy bincount makes stays small."""
    total = np.zeros(size, dtype=np.int64)
    for start in range(0, len(flat), _CHUNK):
        total += np.bincount(flat[start : start + _CHUNK].astype(np.intp, copy=False), minlength=size)
    return total
