"""The stored numbers of a file: their type, and how many of their bits count."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.errors import ReadError
from napari_medai.io.dicom.header import Header

_FLOAT_PIXELS = {"FloatPixelData": np.float32, "DoubleFloatPixelData": np.float64}


def stored_type(header: Header) -> np.dtype[Any]:
    """Return the type of a file's stored numbers, in this machine's byte order."""
    if header.elements.pixel_name in _FLOAT_PIXELS:
        return np.dtype(_FLOAT_PIXELS[header.elements.pixel_name])
    bits = header.integer("BitsAllocated", 16)
    if bits not in (1, 8, 16, 32, 64):
        raise ReadError(f"{header.shown} states {bits} bits a pixel.", hint="Export it again.")
    letter = "i" if header.integer("PixelRepresentation") == 1 else "u"
    return np.dtype(f"{letter}{max(1, bits // 8)}")


def bits_stored(header: Header, allocated: int) -> int:
    """Return how many of the allocated bits are used; all of them where the file says nonsense."""
    stored = header.integer("BitsStored", allocated)
    return stored if 0 < stored <= allocated else allocated


def clean_bits(values: NDArray[Any], header: Header) -> NDArray[Any]:
    """Clear the bits above BitsStored, or extend the sign into them, as the standard asks."""
    if values.dtype.kind == "f":
        return values
    allocated = values.dtype.itemsize * 8
    stored = bits_stored(header, allocated)
    high = header.integer("HighBit", stored - 1)
    if stored == allocated:
        return values
    up = allocated - 1 - high
    if not 0 <= up <= allocated - stored:
        up = allocated - stored
    used = int(np.bitwise_or.reduce(values, axis=None)) & ((1 << allocated) - 1)
    if up == allocated - stored and not used >> (stored - int(values.dtype.kind == "i")):
        return values
    return np.asarray(np.right_shift(np.left_shift(values, up), allocated - stored))
