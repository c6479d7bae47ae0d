"""Two label arrays on one grid, voxel by voxel: which labels meet how often, and where each lies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.errors import ArgumentError
from napari_medai.core.image import MedicalImage
from napari_medai.core.progress import Progress, silent
from napari_medai.core.sampling import sample_volume
from napari_medai.measure.labelling import IntArray, label_count, present_labels, ranks_of, volumes

_DENSE = 1 << 24

Box = tuple[slice, ...]


@dataclass(frozen=True)
class Pairing:
    """How often each label of ``a`` meets each label of ``b``; the background (0) is among them.

    Parameters
    ----------
    labels_a, labels_b : (P,) int array
        The pairs that occur.
    counts : (P,) int array
        Voxels of each pair.
    """

    labels_a: IntArray
    labels_b: IntArray
    counts: IntArray

    @property
    def total(self) -> int:
        """All voxels."""
        return int(self.counts.sum())

    def voxels_a(self, label: int) -> int:
        """Return the size of a label in ``a``."""
        return int(self.counts[self.labels_a == label].sum())

    def voxels_b(self, label: int) -> int:
        """Return the size of a label in ``b``."""
        return int(self.counts[self.labels_b == label].sum())

    def both(self, label: int) -> int:
        """Return the voxels that carry a label in both."""
        return int(self.counts[(self.labels_a == label) & (self.labels_b == label)].sum())

    def matrix(self) -> tuple[IntArray, IntArray, IntArray]:
        """Return the labels of ``a`` (rows), those of ``b`` (columns), and the table of counts."""
        rows, row = np.unique(self.labels_a, return_inverse=True)
        columns, column = np.unique(self.labels_b, return_inverse=True)
        table = np.zeros((len(rows), len(columns)), dtype=np.int64)
        table[row, column] = self.counts
        return rows, columns, table


def count_pairs(a: NDArray[Any], b: NDArray[Any]) -> Pairing:
    """Count how often each label of one array meets each label of another of the same shape."""
    a_values, b_values = label_count(a)[0], label_count(b)[0]
    code = ranks_of(a.reshape(-1), a_values).astype(np.int64) * len(b_values)
    code += ranks_of(b.reshape(-1), b_values)
    if len(a_values) * len(b_values) <= _DENSE:
        counts = np.bincount(code, minlength=len(a_values) * len(b_values))
        met = np.flatnonzero(counts)
        counts = counts[met]
    else:
        met, counts = np.unique(code, return_counts=True)
    return Pairing(a_values[met // len(b_values)], b_values[met % len(b_values)], counts.astype(np.int64))


def label_boxes(array: NDArray[Any]) -> dict[int, Box]:
    """Return the smallest box around every label of an array, background left out."""
    from scipy import ndimage

    labels = present_labels(array)
    compact = np.zeros(array.shape, dtype=np.int32)
    inside = array != 0
    compact[inside] = ranks_of(array[inside], labels).astype(np.int32) + 1
    return dict(zip(labels.tolist(), ndimage.find_objects(compact, len(labels)), strict=True))


def union_box(first: Box | None, second: Box | None) -> Box | None:
    """Return the smallest box that holds two boxes."""
    if first is None or second is None:
        return first or second
    return tuple(
        slice(min(p.start, q.start), max(p.stop, q.stop)) for p, q in zip(first, second, strict=True)
    )


def on_grid_of(a: MedicalImage, b: MedicalImage, resample: bool, progress: Progress = silent) -> MedicalImage:
    """Return ``b`` on the grid of ``a``.

    Raises
    ------
    GeometryError
        If the grids differ and ``resample`` is off, or cannot be brought together.
    """
    if a.geometry.is_close(b.geometry):
        return b
    if not resample:
        a.require_same_grid(b, "second labels image")
    stacked = [
        sample_volume(v, b.geometry, a.geometry, interpolation="nearest", progress=progress)
        for _, v in volumes(b)
    ]
    leading = b.array.shape[: b.leading]
    return b.replace(array=np.stack(stacked).reshape(*leading, *a.spatial_shape), geometry=a.geometry)


def paired_volumes(
    a: MedicalImage, b: MedicalImage
) -> list[tuple[dict[str, int], NDArray[Any], NDArray[Any]]]:
    """Return the volumes of two images side by side, with their place in time and channel.

    Raises
    ------
    ArgumentError
        If one image has time points or channels the other lacks.
    """
    if a.axes != b.axes or a.array.shape != b.array.shape:
        raise ArgumentError(
            f"Found labels of axes {a.axes!r} and {b.axes!r}, sizes {a.array.shape} and {b.array.shape}.",
            hint="Compare images with the same time points and channels.",
        )
    pairs = zip(volumes(a), volumes(b), strict=True)
    return [(place, np.ascontiguousarray(x), np.ascontiguousarray(y)) for (place, x), (_, y) in pairs]
