"""Rescale slopes and intercepts, slice by slice, in the smallest type that loses nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medai.io.dicom.bits import bits_stored, stored_type
from napari_medai.io.dicom.frames import Frame
from napari_medai.io.dicom.header import Header
from napari_medai.io.values import integer_type, is_whole, rescale, scale_into


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

    def write(self, picture: NDArray[Any], frame: Frame, result: NDArray[Any]) -> None:
        """Write the values of one slice, or its stored numbers where all are scaled at the end."""
        if self.dtype is None or (frame.slope == 1 and frame.intercept == 0):
            result[...] = picture
        else:
            scale_into(picture, frame.slope, frame.intercept, result)

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
    if not all(is_whole(slope) and is_whole(intercept) for slope, intercept in pairs):
        return Scaling(np.dtype(np.float32))
    stored = stored_type(frames[0].header)
    if stored.kind == "f":
        return Scaling(None, *pairs.pop()) if len(pairs) == 1 else Scaling(np.dtype(np.float64))
    low, high = _bounds(frames[0].header)
    ends = [int(slope) * end + int(intercept) for slope, intercept in pairs for end in (low, high)]
    dtype = integer_type(min(ends), max(ends), stored)
    if len(pairs) > 1 or dtype == stored or dtype.itemsize <= 2:
        return Scaling(dtype)
    return Scaling(None, *pairs.pop())


def final_type(frames: Sequence[Frame]) -> np.dtype[Any]:
    """Return a type that holds every value the stored bits allow, told without reading them."""
    stored = stored_type(frames[0].header)
    scaling = scaling_of(frames)
    if scaling.dtype is not None or stored.kind == "f":
        return scaling.dtype or stored
    low, high = _bounds(frames[0].header)
    ends = [int(scaling.slope) * end + int(scaling.intercept) for end in (low, high)]
    return integer_type(min(ends), max(ends), stored)


def _bounds(header: Header) -> tuple[int, int]:
    """Return the least and the largest number that the stored bits can hold."""
    bits = bits_stored(header, header.integer("BitsAllocated", 16))
    if header.integer("PixelRepresentation") == 1:
        return -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    return 0, (1 << bits) - 1
