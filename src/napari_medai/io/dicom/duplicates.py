"""Frames that are copies of each other: same place, same stored pixels."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

from napari_medai.io.dicom.frames import Frame


def without_copies(places: Sequence[Sequence[Frame]]) -> tuple[list[list[Frame]], str]:
    """Drop frames whose pixels equal those of another at the same place.

    Parameters
    ----------
    places : sequence of sequence of Frame
        The frames of each place.

    Returns
    -------
    places : list of list of Frame
        What is left, at least one a place.
    notice : str
        How many were dropped, or nothing.
    """
    kept = [_distinct(place) for place in places]
    dropped = sum(len(place) for place in places) - sum(len(place) for place in kept)
    return kept, f"{dropped} copies of slices were left out." if dropped else ""


def _distinct(place: Sequence[Frame]) -> list[Frame]:
    if len(place) < 2:
        return list(place)
    seen: dict[tuple[bytes, float, float], Frame] = {}
    for frame in place:
        seen.setdefault((_fingerprint(frame), frame.slope, frame.intercept), frame)
    return list(seen.values())


def _fingerprint(frame: Frame) -> bytes:
    from napari_medai.io.dicom.pixels import stored_frame

    return blake2b(stored_frame(frame).tobytes(), digest_size=16).digest()
