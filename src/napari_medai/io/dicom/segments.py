"""The segments that a DICOM segmentation describes: numbers, names, label values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from napari_medai.io.dicom.header import Header, quiet_pydicom

SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
LABEL_MAP = "1.2.840.10008.5.1.4.1.1.66.7"
LABEL_NOTE = "Label value"
"""Begins the description of segments this package writes; the label value follows."""


@dataclass(frozen=True)
class Segment:
    """One segment: its number in the file, what it stands for, and its value among the labels."""

    number: int
    label: str
    value: int


def is_segmentation(header: Header) -> bool:
    """Tell whether a file is a DICOM segmentation."""
    return header.text("SOPClassUID") in (SEGMENTATION, LABEL_MAP)


def segments_of(header: Header) -> list[Segment]:
    """Return the segments a file describes, by number."""
    with quiet_pydicom():
        found = [_segment(item) for item in header.sequences.get("SegmentSequence", None) or []]
    return sorted((s for s in found if s.number > 0), key=lambda s: s.number)


def _segment(item: Any) -> Segment:
    """Describe a segment; its value is what this package noted when it wrote the file, else its number."""
    number = int(item.get("SegmentNumber", 0))
    noted = re.fullmatch(rf"{LABEL_NOTE} (\d+)", str(item.get("SegmentDescription", "") or ""))
    return Segment(number, str(item.get("SegmentLabel", "") or ""), int(noted[1]) if noted else number)
