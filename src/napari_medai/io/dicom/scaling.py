"""Rescale slopes and intercepts, slice by slice, in the smallest type that loses nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medai.io.dicom.frames import Frame
from napari_medai.io.values import is_whole, rescale, scale_into


@dataclass(frozen=True)
class Scaling:
    """How stored numbers of a stack become values.

    Parameters
    ----------
    dtype : numpy.dtype or None
        The type slices are scaled to one by one, or ``None`` to keep the stored type until the end.
    slope, intercept : float
        Applied at the end, to all slices at once.
    """

    dtype: np.dtype[Any] | None
    slope: float = 1.0
    intercept: float = 0.0

    def apply(self, picture: NDArray[Any], frame: Frame) -> NDArray[Any]:
        """Return the values of one slice, or its stored numbers where all are scaled at the end."""
        if self.dtype is None:
            return picture
        if self.dtype.kind == "f":
            return scale_into(picture, frame.slope, frame.intercept, np.empty(picture.shape, self.dtype))
        return picture.astype(self.dtype) * int(frame.slope) + int(frame.intercept)

    def finish(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return the values of the whole stack."""
        return array if self.dtype is not None else rescale(array, self.slope, self.intercept)


def scaling_of(frames: Sequence[Frame]) -> Scaling:
    """Choose how a stack is scaled.

    Parameters
    ----------
    frames : sequence of Frame
        All frames of the stack.

    Returns
    -------
    Scaling
        Integers stay integers where every slope and intercept is whole; else float32.
    """
    pairs = {(frame.slope, frame.intercept) for frame in frames}
    if len(pairs) == 1:
        slope, intercept = pairs.pop()
        if is_whole(slope) and is_whole(intercept):
            return Scaling(None, slope, intercept)
        return Scaling(np.dtype(np.float32))
    if all(is_whole(slope) and is_whole(intercept) for slope, intercept in pairs):
        return Scaling(np.dtype(np.int64))
    return Scaling(np.dtype(np.float32))
