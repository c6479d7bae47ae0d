"""Series too large for memory: Dask arrays that read and decode a slice when it is looked at."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medai.io.dicom.bits import stored_type
from napari_medai.io.dicom.frames import Frame
from napari_medai.io.dicom.geometry import Placement
from napari_medai.io.dicom.luts import has_modality_table, modality_values
from napari_medai.io.dicom.pixels import checked, stored_frame
from napari_medai.io.dicom.scaling import final_type
from napari_medai.io.dicom.stack import Stack
from napari_medai.io.values import scale_into


def byte_count(stack: Stack) -> int:
    """Return how many bytes the voxels of a stack take in memory."""
    first = stack.first
    return len(stack.frames) * first.rows * first.columns * _samples(stack) * value_type(stack).itemsize


def value_type(stack: Stack) -> np.dtype[Any]:
    """Return the type of a stack's values, told without reading them."""
    if stack.is_colour:
        palette = stack.header.text("PhotometricInterpretation") == "PALETTE COLOR"
        return np.dtype(np.uint8) if palette else stored_type(stack.header)
    return np.dtype(np.uint16) if has_modality_table(stack.header) else final_type(stack.frames)


def lazy_volumes(stack: Stack, placement: Placement | None) -> Any:
    """Return the values of a stack as a Dask array, one chunk a slice.

    Parameters
    ----------
    stack : Stack
        Sorted frames.
    placement : Placement or None
        Its grid; slices that it puts between frames are interpolated when looked at.

    Returns
    -------
    dask.array.Array
        (volumes, slices, rows, columns[, 3]).
    """
    import dask.array as da

    dtype = value_type(stack)
    colours = ((3,),) if stack.is_colour else ()
    name = f"slices-{uuid.uuid4().hex}"
    rest = (0,) * (2 + len(colours))
    places = np.arange(len(stack.volumes[0]), dtype=float)
    if placement is not None and placement.places is not None:
        places = placement.places
    graph = {
        (name, t, z, *rest): (_SliceReader(_piece(volume, float(place)), dtype),)
        for t, volume in enumerate(stack.volumes)
        for z, place in enumerate(places)
    }
    planes = ((stack.first.rows,), (stack.first.columns,), *colours)
    chunks = ((1,) * len(stack.volumes), (1,) * len(places), *planes)
    return da.Array(graph, name, chunks, dtype)


def _samples(stack: Stack) -> int:
    return 3 if stack.is_colour else 1


def _piece(volume: tuple[Frame, ...], place: float) -> list[tuple[Frame, float]]:
    """Return the frames a slice is made of, with their shares."""
    low = int(place)
    share = place - low
    return [(volume[low], 1.0)] if share == 0 else [(volume[low], 1 - share), (volume[low + 1], share)]


@dataclass(frozen=True)
class _SliceReader:
    """A task that reads one slice, or interpolates it between two."""

    piece: list[tuple[Frame, float]]
    dtype: np.dtype[Any]

    def __call__(self) -> NDArray[Any]:
        """Return the values, (1, 1, rows, columns[, 3])."""
        if len(self.piece) == 1:
            return frame_values(self.piece[0][0], self.dtype)[None, None]
        mixed = sum((frame_values(f, self.dtype) * share for f, share in self.piece), start=np.zeros(1))
        whole = np.rint(mixed) if self.dtype.kind in "iu" else mixed
        return np.asarray(whole, dtype=self.dtype)[None, None]


def frame_values(frame: Frame, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Read one plane and turn its stored numbers into values.

    Parameters
    ----------
    frame : Frame
        The plane.
    dtype : numpy.dtype
        The type of the values; must hold them.
    """
    picture = checked(stored_frame(frame), frame)
    if picture.ndim == 3:
        return picture.astype(dtype, copy=False)
    if has_modality_table(frame.header):
        return modality_values(picture, frame.header)
    if frame.slope == 1 and frame.intercept == 0:
        return picture.astype(dtype, copy=False)
    return scale_into(picture, frame.slope, frame.intercept, np.empty(picture.shape, dtype))
