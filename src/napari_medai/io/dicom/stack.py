"""Planes that belong into one image: volumes one after the other, each a row of planes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from napari_medai.io.dicom.frames import Frame
from napari_medai.io.dicom.geometry import Gaps, Placement, place
from napari_medai.io.dicom.header import Header


@dataclass(frozen=True, eq=False)
class Stack:
    """One image before its pixels are read.

    Parameters
    ----------
    volumes : tuple of tuple of Frame
        ``volumes[t][z]``; every volume has the same positions.
    name : str
        By series description, with what sets it apart from others of its series.
    time : mapping
        What the volumes count: ``"axis"`` and ``"values"``.
    notices : tuple of str
        What a person must know.
    special : {"", "segmentation", "slide"}
        Set where the frames are no volumes but need a reader of their own.
    """

    volumes: tuple[tuple[Frame, ...], ...]
    name: str = ""
    time: Mapping[str, Any] = field(default_factory=dict)
    notices: tuple[str, ...] = ()
    special: str = ""

    @property
    def first(self) -> Frame:
        """The first plane of the first volume."""
        return self.volumes[0][0]

    @property
    def header(self) -> Header:
        """The header of the first plane's file."""
        return self.first.header

    @property
    def frames(self) -> list[Frame]:
        """Every plane, volume by volume."""
        return [frame for volume in self.volumes for frame in volume]

    @property
    def is_placed(self) -> bool:
        """Whether the image has a place in the patient."""
        return self.first.is_placed

    @property
    def is_colour(self) -> bool:
        """Whether its pixels become RGB."""
        header = self.header
        return self.special != "segmentation" and (
            header.integer("SamplesPerPixel", 1) > 1
            or header.text("PhotometricInterpretation") == "PALETTE COLOR"
        )

    def placement(self, gaps: Gaps = "resample") -> Placement:
        """Find the grid; see :func:`~napari_medai.io.dicom.geometry.place`."""
        return place(self.volumes[0], gaps, self.name)


def series_name(header: Header) -> str:
    """Return what a person calls a series: its description, else modality and number."""
    number = header.integer("SeriesNumber")
    fallback = f"{header.text('Modality') or 'DICOM'} series {number}" if number else header.text("Modality")
    return header.text("SeriesDescription") or header.text("ProtocolName") or fallback or "DICOM image"


def grouped(frames: Sequence[Frame], key: Any) -> dict[Any, list[Frame]]:
    """Group frames by a key, in the order in which the keys first occur."""
    groups: dict[Any, list[Frame]] = {}
    for frame in frames:
        groups.setdefault(key(frame), []).append(frame)
    return groups
