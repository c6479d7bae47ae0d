"""Series too large for memory: Dask arrays that read and decode a slice when it is looked at."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medai.io.dicom.frames import Frame
from napari_medai.io.dicom.geometry import Placement
from napari_medai.io.dicom.header import stored_type
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
    shape = (stack.first.rows, stack.first.columns) + ((3,) if _samples(stack) == 3 else ())
    volumes = []
    for volume in stack.volumes:
        places = np.arange(len(volume)) if placement is None or placement.places is None else placement.places
        pieces = [_piece(volume, float(place)) for place in places]
        slices = [da.from_delayed(_delayed(piece, dtype), shape, dtype) for piece in pieces]
        volumes.append(da.stack(slices))
    return da.stack(volumes)


def _samples(stack: Stack) -> int:
    return 3 if stack.is_colour else 1


def _piece(volume: tuple[Frame, ...], place: float) -> list[tuple[Frame, float]]:
    """Return the frames a slice is made of, with their shares."""
    low = int(place)
    share = place - low
    return [(volume[low], 1.0)] if share == 0 else [(volume[low], 1 - share), (volume[low + 1], share)]


def _delayed(piece: list[tuple[Frame, float]], dtype: np.dtype[Any]) -> Any:
    from dask import delayed

    return delayed(_slice, pure=False, traverse=False)(piece, dtype)


def _slice(piece: list[tuple[Frame, float]], dtype: np.dtype[Any]) -> NDArray[Any]:
    if len(piece) == 1:
        return frame_values(piece[0][0], dtype)
    mixed = sum((frame_values(frame, dtype) * share for frame, share in piece), start=np.zeros(1))
    return (np.rint(mixed) if dtype.kind in "iu" else mixed).astype(dtype)


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
