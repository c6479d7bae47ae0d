"""Stored numbers of frames: read straight from the file where they lie plain, decoded where they do not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.errors import ReadError
from napari_medai.io.dicom import codecs
from napari_medai.io.dicom.bits import clean_bits, stored_type
from napari_medai.io.dicom.frames import Frame
from napari_medai.io.dicom.header import Header
from napari_medai.io.dicom.parse import EXPLICIT, IMPLICIT
from napari_medai.io.files import readable_size


def stored_frame(frame: Frame, colours: bool = True) -> NDArray[Any]:
    """Return the stored numbers of one plane.

    Parameters
    ----------
    frame : Frame
        The plane.
    colours : bool
        Whether the indices of a palette become colours.

    Returns
    -------
    numpy.ndarray
        Shape (rows, columns), or (rows, columns, 3) for colours, of the type the file states; unused high
        bits are cleared or sign-extended.

    Raises
    ------
    ReadError
        If the pixels are cut short, damaged, or packed in a way that is not installed here.
    """
    if is_plain(frame.header):
        picture = _plain_picture(frame.header, frame.number)
    else:
        picture = codecs.decoded_frame(frame.header, frame.number, colours)
    if frame.tile is None:
        return picture
    row, column = frame.tile
    return picture[row : row + frame.rows, column : column + frame.columns]


def stored_frames(frames: list[Frame]) -> Iterator[NDArray[Any]]:
    """Yield the stored numbers of planes, reading a picture only once for all its tiles."""
    last: tuple[Header, int] | None = None
    picture: NDArray[Any] | None = None
    for frame in frames:
        if frame.tile is None:
            yield stored_frame(frame)
            continue
        if last != (frame.header, frame.number) or picture is None:
            last = (frame.header, frame.number)
            picture = stored_frame(_whole(frame))
        row, column = frame.tile
        yield picture[row : row + frame.rows, column : column + frame.columns]


def is_plain(header: Header) -> bool:
    """Tell whether pixels lie in the file as numbers in a row that need no decoding."""
    photometric = header.text("PhotometricInterpretation")
    return (
        header.dataset is None
        and header.syntax in (IMPLICIT, EXPLICIT)
        and header.elements.pixel_length >= 0
        and header.integer("BitsAllocated") in (8, 16, 32, 64)
        and header.integer("SamplesPerPixel", 1) in (1, 3)
        and photometric in ("MONOCHROME1", "MONOCHROME2", "RGB", "")
    )


def _whole(frame: Frame) -> Frame:
    from dataclasses import replace

    return replace(frame, tile=None)


def _plain_picture(header: Header, number: int) -> NDArray[Any]:
    rows, columns = header.integer("Rows"), header.integer("Columns")
    samples = header.integer("SamplesPerPixel", 1)
    dtype = stored_type(header)
    count = rows * columns * samples
    start = count * dtype.itemsize * number
    if start + count * dtype.itemsize > header.elements.pixel_length:
        raise _cut_short(header, count * dtype.itemsize * max(1, header.integer("NumberOfFrames", 1)))
    values = _read_numbers(header, header.elements.pixel_offset + start, count, dtype)
    if samples == 1:
        return clean_bits(values.reshape(rows, columns), header)
    if header.integer("PlanarConfiguration") == 1:
        return np.moveaxis(values.reshape(samples, rows, columns), 0, -1)
    return values.reshape(rows, columns, samples)


def _read_numbers(header: Header, offset: int, count: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    try:
        values = np.fromfile(header.path, dtype, count, offset=offset)
    except OSError as error:
        raise ReadError(
            f"{header.shown} could not be read: {error.strerror or error}.", hint="Check its permissions."
        ) from error
    if len(values) < count:
        raise _cut_short(header, header.elements.pixel_length)
    return values


def _cut_short(header: Header, wanted: int) -> ReadError:
    there = min(_bytes_left(header.path, header.elements.pixel_offset), max(header.elements.pixel_length, 0))
    return ReadError(
        f"{header.shown} is cut short: it holds {readable_size(there)} of {readable_size(wanted)} of pixels.",
        hint="Copy or export the file again.",
    )


def _bytes_left(path: Path, offset: int) -> int:
    return max(0, path.stat().st_size - offset)


def checked(picture: NDArray[Any], frame: Frame) -> NDArray[Any]:
    """Return a picture if it has the size its header states, else raise."""
    if picture.shape[:2] != (frame.rows, frame.columns):
        raise ReadError(
            f"{frame.header.shown} holds {picture.shape[0]} x {picture.shape[1]} pixels, not the "
            f"{frame.rows} x {frame.columns} its header states.",
            hint="Export the file again.",
        )
    return picture
