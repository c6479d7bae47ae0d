"""Names of cephalometric points, however people write them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from napari_medai.core.errors import ArgumentError
from napari_medai.core.landmarks import Landmarks

ALIASES: dict[str, tuple[str, ...]] = {
    "S": ("s", "sella", "sella turcica"),
    "N": ("n", "na", "nasion"),
    "Or": ("or", "orbitale"),
    "Po": ("po", "porion"),
    "A": ("a", "a point", "point a", "subspinale"),
    "B": ("b", "b point", "point b", "supramentale"),
    "Pog": ("pog", "pg", "pogonion"),
    "Me": ("me", "menton"),
    "Gn": ("gn", "gnathion"),
    "Go": ("go", "gonion"),
    "L1": ("li", "l1", "lower incisor", "lower incisor tip", "lower incisal incision", "incision inferius"),
    "U1": ("ui", "u1", "upper incisor", "upper incisor tip", "upper incisal incision", "incision superius"),
    "UL": ("ul", "ls", "upper lip", "labrale superius"),
    "LL": ("ll", "lower lip", "labrale inferius"),
    "Sn": ("sn", "subnasale"),
    "Pog'": ("pog'", "pg'", "soft tissue pogonion", "soft pogonion"),
    "PNS": ("pns", "posterior nasal spine"),
    "ANS": ("ans", "anterior nasal spine"),
    "Ar": ("ar", "articulare"),
    "U1a": ("u1a", "apex superius", "upper incisor apex", "upper incisor root"),
    "L1a": ("l1a", "apex inferius", "lower incisor apex", "lower incisor root"),
    "Prn": ("prn", "pn", "pronasale", "nose tip", "tip of nose"),
    "U6": ("u6", "upper molar", "upper molar cusp tip", "upper first molar"),
    "L6": ("l6", "lower molar", "lower molar cusp tip", "lower first molar"),
}  # fmt: skip
"""Usual sign of each point, and how else it is written."""

ISBI_ORDER = (
    "S", "N", "Or", "Po", "A", "B", "Pog", "Me", "Gn", "Go", "L1", "U1", "UL", "LL", "Sn",
    "Pog'", "PNS", "ANS", "Ar",
)  # fmt: skip
"""The 19 points of the ISBI 2015 set, which knows them as L1 to L19."""
ENOUGH_NUMBERS = 8

_NUMBER = re.compile(r"l?0*(\d+)")
_CODE = {word: sign for sign, words in ALIASES.items() for word in words}


def usual_names(landmarks: Landmarks) -> Mapping[str, int]:
    """Return the row of each point that is known by its usual sign.

    Parameters
    ----------
    landmarks : Landmarks
        Named in any way of ``ALIASES``; other points are left out.

    Raises
    ------
    ArgumentError
        If two points go by names of one.
    """
    numbered = sum(_NUMBER.fullmatch(_plain(name)) is not None for name in landmarks.names) >= ENOUGH_NUMBERS
    found: dict[str, int] = {}
    for row, name in enumerate(landmarks.names):
        sign = _sign(_plain(name), numbered)
        if sign in found:
            raise ArgumentError(
                f"The points {landmarks.names[found[sign]]!r} and {name!r} both mean {sign}.",
                hint="Leave one of them out.",
            )
        if sign:
            found[sign] = row
    return found


def _sign(word: str, numbered: bool) -> str:
    """The usual sign of a name; "l1" is the lower incisor unless the points are numbered."""
    number = _NUMBER.fullmatch(word)
    if numbered and number and 1 <= int(number[1]) <= len(ISBI_ORDER):
        return ISBI_ORDER[int(number[1]) - 1]
    return _CODE.get(word, "")


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", " ", name).strip().lower()
