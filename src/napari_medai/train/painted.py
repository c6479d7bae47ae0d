"""Paint on a Labels layer as a truth to learn from: what it says of the voxels that nobody painted."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.errors import ArgumentError
from napari_medai.core.image import MedicalImage

Unpainted: TypeAlias = Literal["background", "unknown outside painted slices", "unknown"]
SLICES: Unpainted = "unknown outside painted slices"
UNKNOWN = 255
"""The label of voxels that nobody marked."""


def painted_truth(labels: MedicalImage, unpainted: Unpainted = "background") -> MedicalImage:
    """Turn painted labels into a truth in which the voxels nobody looked at are marked as unknown.

    Parameters
    ----------
    labels : MedicalImage
        What was painted; 0 where nothing was.
    unpainted : {"background", "unknown outside painted slices", "unknown"}
        What 0 means: background everywhere; background in the slices that hold paint, and unknown in
        the others (the axis with the smallest share of painted slices counts); or unknown everywhere,
        with label 1 painted on the background, so that every other label moves down by one.

    Returns
    -------
    MedicalImage
        uint8 labels on the same grid; 255 stands for unknown, the ``ignore`` of :class:`Cases`.

    Raises
    ------
    ArgumentError
        If nothing is painted, a label is above 250, or nothing but background is painted.
    """
    paint = np.asarray(labels.array)
    present = np.unique(paint[paint != 0])
    if not len(present):
        raise ArgumentError(
            f"Nothing is painted on {labels.name or 'the labels'}.", hint="Paint some voxels."
        )
    if present[-1] > 250 or present[0] < 0:
        raise ArgumentError(f"Found labels {present[0]} to {present[-1]}; needed 1 to 250.")
    truth = paint.astype(np.uint8)
    if unpainted == SLICES:
        truth[~_looked_at(truth, labels.spatial_ndim)] = UNKNOWN
        return labels.with_array(truth)
    if unpainted == "background":
        return labels.with_array(truth)
    if len(present) < 2 or present[0] != 1:
        raise ArgumentError(
            f"Found paint of {', '.join(map(str, present[:5]))}; needed label 1 on the background, and more.",
            hint="Paint some background with label 1, or let unpainted voxels be background.",
        )
    names = {str(int(value) - 1): name for value, name in _names(labels).items() if int(value) > 1}
    shifted = np.where(truth == 0, UNKNOWN, truth - 1).astype(np.uint8)
    return labels.with_array(shifted, meta={**labels.meta, "labels": names} if names else dict(labels.meta))


def _names(labels: MedicalImage) -> dict[str, str]:
    return dict(labels.meta.get("labels") or {})


def known_across(labels: MedicalImage, unknown: int = UNKNOWN) -> int | None:
    """Return across which axis (of z, y, x as a model sees them) a few slices are known, and others not.

    Parameters
    ----------
    labels : MedicalImage
        A truth in which a label stands for unknown.
    unknown : int
        That label.

    Returns
    -------
    int or None
        None where there is no axis along which every slice is known or unknown as a whole, some are known,
        and more are not.
    """
    known = np.asarray(labels.array) != unknown
    if labels.spatial_ndim != 3 or known.ndim != 3:
        return None
    for place, axis in enumerate(labels.geometry.nearest_axes().order):
        others = tuple(k for k in range(3) if k != axis)
        some, whole = known.any(axis=others), known.all(axis=others)
        if (some == whole).all() and 0 < some.mean() < 0.5:
            return place
    return None


def _looked_at(truth: NDArray[np.uint8], ndim: int) -> NDArray[np.bool_]:
    """Return which voxels lie in a slice with paint."""
    if ndim < 3:
        return np.ones(truth.shape, dtype=bool)
    marked = truth != 0
    return np.broadcast_to(_with_paint(marked, _fewest(marked)), truth.shape)


def _fewest(marked: NDArray[np.bool_]) -> int:
    """Return the spatial axis with the smallest share of slices that hold paint."""
    axes = range(marked.ndim - 3, marked.ndim)
    return min(axes, key=lambda axis: float(_with_paint(marked, axis).mean()))


def _with_paint(marked: NDArray[np.bool_], axis: int) -> NDArray[np.bool_]:
    others = tuple(k for k in range(marked.ndim) if k != axis)
    return np.asarray(marked.any(axis=others, keepdims=True))
