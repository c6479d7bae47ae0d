"""Cephalometric angles and lengths as functions of point positions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from napari_medai.core.geometry import FloatArray

Places = Mapping[str, FloatArray]
"""From a point's usual sign to its place (x, y), y downwards on the picture."""

Formula = Callable[[Places], float]


@dataclass(frozen=True, eq=False)
class Measure:
    """One cephalometric quantity.

    Parameters
    ----------
    name : str
        As it is called.
    points : tuple of str
        What it needs, by usual sign.
    formula : callable
        From places to the value.
    unit : {"deg", "length"}
        Degrees, or the unit of the points.
    low, high : float
        The normal range.
    source : str
        Whose range.
    below, above : str
        What a value outside the range means.
    """

    name: str
    points: tuple[str, ...]
    formula: Formula
    unit: Literal["deg", "length"]
    low: float
    high: float
    source: str
    below: str
    above: str


def angle_deg(one: FloatArray, two: FloatArray) -> float:
    """Return the angle between two vectors, 0 to 180 degrees."""
    cross = one[0] * two[1] - one[1] * two[0]
    return float(np.degrees(np.arctan2(abs(cross), one @ two)))


def _at(vertex: str, one: str, two: str) -> Formula:
    """The angle at a point between two others."""
    return lambda p: angle_deg(p[one] - p[vertex], p[two] - p[vertex])


def _between(a: str, b: str, c: str, d: str) -> Formula:
    """The angle between the direction from a to b and that from c to d."""
    return lambda p: angle_deg(p[b] - p[a], p[d] - p[c])


def forward(places: Places) -> FloatArray:
    """Return the unit vector that points to the face, along SN, or along FH, or PNS to ANS."""
    for back, front in (("S", "N"), ("Po", "Or"), ("PNS", "ANS"), ("Go", "Me")):
        if back in places and front in places:
            line = places[front] - places[back]
            return np.asarray(line / np.linalg.norm(line))
    return np.array([1.0, 0.0])


def _anb(p: Places) -> float:
    return _at("N", "S", "A")(p) - _at("N", "S", "B")(p)


def _fma(p: Places) -> float:
    """Positive where the mandibular plane runs down towards the front."""
    return _signed(p["Or"] - p["Po"], p["Me"] - p["Go"])


def _sn_gogn(p: Places) -> float:
    return _signed(p["N"] - p["S"], p["Gn"] - p["Go"])


def _signed(plane: FloatArray, line: FloatArray) -> float:
    """The angle from a plane to a line; positive where the line runs down towards the face."""
    cross = plane[0] * line[1] - plane[1] * line[0]
    side = 1.0 if plane[0] >= 0 else -1.0
    return float(np.degrees(np.arctan2(side * cross, plane @ line)))


def _wits(p: Places) -> float:
    """Distance of the feet of A and B on the occlusal plane; positive where A is in front."""
    back, front = (p["U6"] + p["L6"]) / 2, (p["U1"] + p["L1"]) / 2
    plane = (front - back) / np.linalg.norm(front - back)
    return float((p["A"] - p["B"]) @ plane)


def _to_e_line(lip: str) -> Formula:
    def distance(p: Places) -> float:
        line = p["Pog'"] - p["Prn"]
        line = line / np.linalg.norm(line)
        across = np.array([-line[1], line[0]])
        across = across * (1.0 if across @ _face_side(p) >= 0 else -1.0)
        return float((p[lip] - p["Prn"]) @ across)

    return distance


def _face_side(p: Places) -> FloatArray:
    """From the lips' own side of the head: away from the teeth or the skull, whichever is known."""
    for inner in ("S", "Go", "PNS", "N", "A"):
        if inner in p:
            return np.asarray((p["Prn"] + p["Pog'"]) / 2 - p[inner])
    return forward(p)


_STEINER = "Steiner 1953"
_DOWNS = "Downs 1948"
_TWEED = "Tweed 1954"
MEASURES: tuple[Measure, ...] = (
    Measure("SNA", ("S", "N", "A"), _at("N", "S", "A"), "deg", 80, 84, _STEINER + ", 82 ± 2",
            "upper jaw behind", "upper jaw in front"),
    Measure("SNB", ("S", "N", "B"), _at("N", "S", "B"), "deg", 78, 82, _STEINER + ", 80 ± 2",
            "lower jaw behind", "lower jaw in front"),
    Measure("ANB", ("S", "N", "A", "B"), _anb, "deg", 0, 4, _STEINER + ", 2 ± 2", "class III", "class II"),
    Measure("Wits", ("A", "B", "U1", "L1", "U6", "L6"), _wits, "length", -3.1, 1.8,
            "Jacobson 1975, men -1.2 ± 1.9, women -0.1 ± 1.8", "class III", "class II"),
    Measure("FMA", ("Po", "Or", "Go", "Me"), _fma, "deg", 20, 30, _TWEED + ", 25 ± 5",
            "low angle", "high angle"),
    Measure("IMPA", ("L1", "L1a", "Go", "Me"), lambda p: angle_deg(p["L1"] - p["L1a"], p["Go"] - p["Me"]),
            "deg", 85, 95, _TWEED + ", 90 ± 5", "lower incisors upright", "lower incisors inclined forward"),
    Measure("SN-GoGn", ("S", "N", "Go", "Gn"), _sn_gogn, "deg", 27, 37, _STEINER + ", 32 ± 5",
            "low angle", "high angle"),
    Measure("Facial angle", ("Po", "Or", "N", "Pog"), _between("Or", "Po", "N", "Pog"), "deg", 82, 95,
            _DOWNS + ", 87.8", "chin behind", "chin in front"),
    Measure("Y axis", ("Po", "Or", "S", "Gn"), _between("Po", "Or", "S", "Gn"), "deg", 53, 66,
            _DOWNS + ", 59.4", "growth forward", "growth downward"),
    Measure("Interincisal", ("U1", "U1a", "L1", "L1a"), _between("U1", "U1a", "L1", "L1a"), "deg", 130, 150.5,
            _DOWNS + ", 135.4", "incisors inclined forward", "incisors upright"),
    Measure("Upper lip to E-line", ("UL", "Prn", "Pog'"), _to_e_line("UL"), "length", -6, -2,
            "Ricketts 1968, -4 ± 2", "upper lip behind", "upper lip in front"),
    Measure("Lower lip to E-line", ("LL", "Prn", "Pog'"), _to_e_line("LL"), "length", -4, 0,
            "Ricketts 1968, -2 ± 2", "lower lip behind", "lower lip in front"),
)  # fmt: skip
"""All quantities, in the order of the table."""

PLANES: tuple[tuple[str, str, str], ...] = (
    ("SN", "S", "N"), ("Frankfort", "Po", "Or"), ("Mandibular plane", "Go", "Me"), ("NA", "N", "A"),
    ("NB", "N", "B"), ("Facial line", "N", "Pog"), ("Y axis", "S", "Gn"), ("Upper incisor", "U1a", "U1"),
    ("Lower incisor", "L1a", "L1"), ("E-line", "Prn", "Pog'"), ("Palatal plane", "PNS", "ANS"),
)  # fmt: skip
"""The lines that are drawn, from point to point."""


def standard_error(measure: Measure, places: Places, covariance: Mapping[str, FloatArray]) -> float:
    """Propagate the points' covariances to a value, to first order.

    Parameters
    ----------
    measure : Measure
        The quantity.
    places : mapping
        Where the points lie.
    covariance : mapping
        (2, 2) for each of its points.
    """
    variance = 0.0
    for sign in measure.points:
        step = 1e-4 * max(float(np.sqrt(np.trace(covariance[sign]))), 1e-3)
        slope = np.array(
            [
                (
                    measure.formula(_moved(places, sign, step * e))
                    - measure.formula(_moved(places, sign, -step * e))
                )
                / (2 * step)
                for e in np.eye(2)
            ]
        )
        variance += float(slope @ covariance[sign] @ slope)
    return float(np.sqrt(variance))


def _moved(places: Places, sign: str, by: FloatArray) -> Places:
    return {**places, sign: places[sign] + by}
