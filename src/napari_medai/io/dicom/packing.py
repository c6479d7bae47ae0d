"""Ways of packing frames that pydicom does not unpack: deflated frames, run lengths of single bits."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

DEFLATED_FRAMES = "1.2.840.10008.1.2.8.1"
RLE = "1.2.840.10008.1.2.5"


def unpacks(syntax: str, bits_allocated: int) -> bool:
    """Tell whether frames of this transfer syntax are unpacked here."""
    return syntax == DEFLATED_FRAMES or (syntax == RLE and bits_allocated == 1)


def unpacked_frame(dataset: Any, syntax: str, number: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Unpack one frame.

    Parameters
    ----------
    dataset : pydicom.Dataset
        The file, with its encapsulated pixels.
    syntax : str
        Transfer syntax UID.
    number : int
        Which frame.
    dtype : numpy.dtype
        Type of the stored numbers; single bits become 8-bit numbers.

    Returns
    -------
    numpy.ndarray
        (rows, columns), or (rows, columns, samples).

    Raises
    ------
    ValueError
        If the stream is damaged or too short.
    """
    from pydicom.encaps import get_frame

    count = int(dataset.get("NumberOfFrames", 1) or 1)
    packed = get_frame(dataset.PixelData, number, number_of_frames=count)
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    samples = int(dataset.get("SamplesPerPixel", 1))
    shape = (rows, columns) if samples == 1 else (rows, columns, samples)
    wanted = int(np.prod(shape))
    if int(dataset.BitsAllocated) == 1:
        size = -(-wanted // 8)
        data = _inflated(packed, size) if syntax == DEFLATED_FRAMES else _run_lengths(packed, size)
        return np.unpackbits(np.frombuffer(data, np.uint8), count=wanted, bitorder="little").reshape(shape)
    data = _inflated(packed, wanted * dtype.itemsize)
    return np.frombuffer(data, dtype, wanted).reshape(shape).copy()


def _inflated(packed: bytes, size: int) -> bytes:
    """Inflate at most ``size`` bytes."""
    try:
        data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, size)
    except zlib.error as error:
        raise ValueError(str(error)) from error
    return _complete(data, size)


def _run_lengths(packed: bytes, size: int) -> bytes:
    """Expand the one segment of a run-length frame, whose header is 64 bytes."""
    if len(packed) < 64 or int.from_bytes(packed[:4], "little") != 1:
        raise ValueError("a frame of single bits must be one run-length segment")
    position, result = int.from_bytes(packed[4:8], "little"), bytearray()
    while position < len(packed) and len(result) < size:
        control = packed[position]
        position += 1
        if control < 128:
            result += packed[position : position + control + 1]
            position += control + 1
        elif control > 128:
            result += packed[position : position + 1] * (257 - control)
            position += 1
    return _complete(bytes(result), size)


def _complete(data: bytes, size: int) -> bytes:
    if len(data) < size:
        raise ValueError(f"a frame ends after {len(data)} of {size} bytes")
    return data[:size]
