"""The private header that Siemens scanners put into their images."""

from __future__ import annotations

import re
import struct

import numpy as np

from napari_medai.core.geometry import FloatArray

_MOST_TAGS = 1000
_MOST_ITEMS = 1000


def csa_values(raw: bytes) -> dict[str, tuple[str, ...]]:
    """Return the elements of a CSA header.

    Parameters
    ----------
    raw : bytes
        The value of (0029,1010), in either of its two layouts ("SV10" or older).

    Returns
    -------
    dict
        Name -> values as text, without empty ones; empty where the bytes are no CSA header.
    """
    start = 8 if raw[:4] == b"SV10" else 0
    try:
        count = struct.unpack_from("<I", raw, start)[0]
        if not 0 < count <= _MOST_TAGS:
            return {}
        return _tags(raw, start + 8, count, old=start == 0)
    except struct.error:
        return {}


def _tags(raw: bytes, position: int, count: int, old: bool) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    reference = 0
    for _ in range(count):
        name, _, _, _, items, _ = struct.unpack_from("<64si4siii", raw, position)
        position += 84
        if not 0 <= items <= _MOST_ITEMS:
            return {}
        values = []
        for item in range(items):
            sizes = struct.unpack_from("<4i", raw, position)
            position += 16
            if old and item == 0 and not found and not reference:
                reference = sizes[0]
            length = sizes[0] - reference if old else sizes[1]
            if length < 0 or position + length > len(raw):
                length = sizes[1]
            if length < 0 or position + length > len(raw):
                return {}
            text = raw[position : position + length].split(b"\0")[0].decode("latin-1").strip()
            values.append(text)
            position += -(-length // 4) * 4
        found[name.split(b"\0")[0].decode("latin-1")] = tuple(value for value in values if value)
    return found


def protocol_slices(raw: bytes) -> tuple[int, FloatArray]:
    """Return the slices planned in the scan protocol, which stands as text in a series' private header.

    Parameters
    ----------
    raw : bytes
        The value of (0029,1020).

    Returns
    -------
    count : int
        How many slices were planned; 0 where the text is missing.
    ends : (2, 3) numpy.ndarray
        Centres of the first and the last planned slice, LPS mm.
    """
    text = raw.decode("latin-1")
    size = re.search(r"sSliceArray\.lSize\s*=\s*(\d+)", text)
    if not size or not 0 < int(size[1]) <= _MOST_ITEMS:
        return 0, np.zeros((2, 3))
    count = int(size[1])
    return count, np.array([[_centre(text, index, axis) for axis in _AXES] for index in (0, count - 1)])


_AXES = ("dSag", "dCor", "dTra")


def _centre(text: str, index: int, axis: str) -> float:
    pattern = rf"sSliceArray\.asSlice\[{index}\]\.sPosition\.{axis}\s*=\s*(-?[\d.]+(?:e-?\d+)?)"
    found = re.search(pattern, text)
    return float(found[1]) if found else 0.0
