"""Landmarks in the text files of the ISBI 2015 cephalometry challenge: a line a point, x and y in pixels."""

from __future__ import annotations

from napari_medai.core.errors import WriteError
from napari_medai.core.landmarks import Landmarks
from napari_medai.io.point_table import PointTable, to_lps

ISBI_NAMES = (
    "sella", "nasion", "orbitale", "porion", "subspinale", "supramentale", "pogonion", "menton", "gnathion",
    "gonion", "incision inferius", "incision superius", "upper lip", "lower lip", "subnasale",
    "soft tissue pogonion", "posterior nasal spine", "anterior nasal spine", "articulare",
)  # fmt: skip
"""The 19 points in the order of the files."""


def read_isbi_text(text: str, frame: str) -> PointTable:  # noqa: ARG001 - pictures have no patient frame
    """Read the points of one picture; lines after them (the classes) are left alone."""
    positions = []
    for line in text.splitlines():
        fields = line.strip().split(",")
        if len(fields) != 2:
            break
        positions.append([float(field) for field in fields])
    if not positions:
        raise ValueError("found no line of the form x,y")
    names = (
        list(ISBI_NAMES)
        if len(positions) == len(ISBI_NAMES)
        else [f"L{k + 1}" for k in range(len(positions))]
    )
    return PointTable(names, to_lps(positions, "LPS"), "pixel")


def isbi_text(points: Landmarks) -> str:
    """Return the points of one picture.

    Raises
    ------
    WriteError
        If they are not in pixels of a picture, or one is absent: the format has no word for it.
    """
    if points.unit != "pixel" or points.positions.shape[1] != 2:
        raise WriteError("ISBI text files hold 2-D points in pixels.", hint="Write .csv or .json instead.")
    if len(points.present) < len(points):
        raise WriteError(
            "ISBI text files cannot say that a point is absent.", hint="Write .csv or .json instead."
        )
    known = set(points.names) == set(ISBI_NAMES)
    ordered = points.selected(ISBI_NAMES) if known else points
    return "".join(f"{x:.10g},{y:.10g}\n" for x, y in ordered.positions)
