"""The drawing of a head in profile: outlines in mm around the sella, the face to the right, y downwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_medai.core.geometry import FloatArray
from napari_medai.phantoms.shapes import curve

POINTS: dict[str, tuple[str, tuple[float, float]]] = {
    "sella": ("skull", (0, 0)),
    "nasion": ("skull", (69, -8)),
    "orbitale": ("orbit", (56, 23)),
    "porion": ("ear", (-20, 21)),
    "subspinale": ("maxilla", (65.5, 57)),
    "supramentale": ("mandible", (59.5, 99)),
    "pogonion": ("mandible", (62, 111.5)),
    "menton": ("mandible", (54, 120.5)),
    "gnathion": ("mandible", (59.7, 118)),
    "gonion": ("mandible", (-8, 88)),
    "incision inferius": ("lower incisor", (69, 79)),
    "incision superius": ("upper incisor", (72.5, 81)),
    "upper lip": ("profile", (86, 73)),
    "lower lip": ("profile", (83, 86)),
    "subnasale": ("profile", (80.5, 57)),
    "soft tissue pogonion": ("profile", (74, 111)),
    "posterior nasal spine": ("maxilla", (18, 50)),
    "anterior nasal spine": ("maxilla", (71, 49)),
    "articulare": ("mandible", (-13, 36)),
    "apex superius": ("upper incisor", (61, 59)),
    "apex inferius": ("lower incisor", (58, 99)),
    "pronasale": ("profile", (96, 44)),
    "upper molar": ("maxilla", (41, 77.5)),
    "lower molar": ("mandible", (40, 76.5)),
}
"""Each named point: the part it belongs to, and where it lies in the drawing (x, y), mm."""


@dataclass(frozen=True, eq=False)
class Outline:
    """A closed outline of one part, and how much it absorbs (negative: air in it)."""

    part: str
    points: FloatArray
    weight: float


def point(name: str) -> FloatArray:
    """Where a named point lies in the drawing, (x, y) mm."""
    return np.array(POINTS[name][1], dtype=float)


def outlines() -> list[Outline]:
    """Return everything that is drawn, in the drawing's mm."""
    return [*_soft(), *_skull(), *_face(), *_jaw(), *_teeth(), *_spine()]


def _soft() -> list[Outline]:
    profile = [
        (66, -62), (77, -40), (79, -20), (76, -8), (84, 18), (96, 44), (91, 51), (80.5, 57), (82, 65),
        (86, 73), (80, 79), (83, 86), (77, 95), (74, 111), (66, 124), (45, 131), (22, 128), (8, 160),
        (-70, 160),
        (-88, 60), (-104, 0), (-80, -62), (-20, -88), (35, -82),
    ]  # fmt: skip
    return [Outline("profile", _closed(profile), 0.30)]


def _skull() -> list[Outline]:
    vault = _ellipse((-18, -22), (86, 60), 80)
    inner = _ellipse((-19, -22), (80, 54), 80)
    base = [(69, -8), (50, 0), (30, 3), (8, 6), (-10, 22), (-32, 40)]
    frontal = [(62, -38), (68, -22), (69, -8), (64, -5), (60, -20), (56, -36)]
    rings = [
        Outline("skull", vault, 0.35),
        Outline("skull", inner, -0.30),
        Outline("skull", _ellipse((0, 0), (6.5, 6.0)), 0.22),
        Outline("skull", _ellipse((0, 0), (4.3, 3.8)), -0.26),
        Outline("skull", _stroke(base, 2.2), 0.22),
        Outline("skull", np.array(frontal, dtype=float), 0.22),
        Outline("skull", np.array([(69, -8), (76, 8), (73, 10), (66, -4)], dtype=float), 0.18),
    ]
    ear = [
        Outline("ear", _ellipse((-20, 25.5), (4.5, 4.5)), 0.28),
        Outline("ear", _ellipse((-20, 25.5), (2.8, 2.8)), -0.3),
    ]
    return [*rings, *ear]


def _face() -> list[Outline]:
    rim = [(62, 4), (64, 14), (56, 23), (44, 18), (38, 8)]
    maxilla = [
        (18, 50), (30, 47), (56, 46), (71, 49), (66.5, 52), (65.5, 57), (67, 64), (69, 68),
        (60, 70), (44, 71), (28, 70), (24, 58),
    ]  # fmt: skip
    sinus = _ellipse((42, 34), (15, 10))
    return [
        Outline("orbit", _stroke(rim, 2.0), 0.28),
        Outline("maxilla", np.array(maxilla, dtype=float), 0.26),
        Outline("maxilla", sinus, -0.10),
        Outline("maxilla", _stroke([(20, 18), (17, 34), (18, 50)], 1.6), 0.18),
    ]


def _jaw() -> list[Outline]:
    front = [(67, 88), (62, 94), (59.5, 99), (60, 105), (62, 111.5), (61.8, 115), (59.7, 118), (54, 120.5)]
    body = [(46, 119), (20, 106), (4, 97)]
    corner = [(-8, 88), (-12, 76), (-12, 56), (-13, 36)]
    top = [(-12, 27), (-5, 25), (-2, 34), (6, 44), (14, 32), (18, 40), (20, 62), (28, 80), (46, 86), (58, 84)]
    outer = _closed([*front, *body, *corner, *top])
    cortex = _stroke([*front[2:], *body, *corner], 2.4)
    return [Outline("mandible", outer, 0.22), Outline("mandible", cortex, 0.16)]


def _teeth() -> list[Outline]:
    result = [
        Outline("upper incisor", _tooth(point("apex superius"), point("incision superius")), 0.38),
        Outline("lower incisor", _tooth(point("apex inferius"), point("incision inferius"), 2.6), 0.38),
    ]
    for k, x in enumerate((31, 41, 51)):
        result.append(Outline("maxilla", _ellipse((x, 71), (4.4, 6.5)), 0.26 - 0.02 * k))
        result.append(Outline("mandible", _ellipse((x - 1, 83), (4.4, 6.5)), 0.26 - 0.02 * k))
    return result


def _spine() -> list[Outline]:
    return [
        Outline("spine", _closed(_block((-38 - 2.5 * k, 66 + 19 * k), (9.5, 7.5))), 0.30) for k in range(5)
    ] + [Outline("spine", _stroke([(-30, 40), (-35, 52), (-36, 60)], 5.0), 0.22)]


def _tooth(apex: FloatArray, tip: FloatArray, width: float = 3.4) -> FloatArray:
    """A wedge that is pointed at its root and sharp at its edge."""
    along = tip - apex
    across = np.array([-along[1], along[0]]) / np.linalg.norm(along)
    shares = np.array([0, 0.2, 0.55, 0.7, 0.88, 1])
    halves = np.array([0, 0.5, 0.9, 1.0, 0.7, 0]) * width
    spine = apex + shares[:, None] * along
    return np.concatenate([spine + halves[:, None] * across, (spine - halves[:, None] * across)[::-1]])


def _ellipse(centre: tuple[float, float], half: tuple[float, float], count: int = 40) -> FloatArray:
    t = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return np.column_stack([centre[0] + half[0] * np.cos(t), centre[1] + half[1] * np.sin(t)])


def _block(centre: tuple[float, float], half: tuple[float, float]) -> list[tuple[float, float]]:
    (x, y), (a, b) = centre, half
    return [
        (x - a, y - b),
        (x, y - 0.8 * b),
        (x + a, y - b),
        (x + a, y + b),
        (x, y + 0.8 * b),
        (x - a, y + b),
    ]


def _closed(knots: Sequence[tuple[float, float]], steps: int = 5) -> FloatArray:
    """A smooth closed curve through its knots."""
    padded = [knots[-1], *knots, knots[0], knots[1]]
    flat = np.column_stack([np.array(padded, dtype=float), np.zeros(len(padded))])
    return curve(list(flat), steps)[steps:-steps, :2]


def _stroke(knots: Sequence[tuple[float, float]], width: float, steps: int = 5) -> FloatArray:
    """A band of even width along a smooth open curve."""
    flat = np.column_stack([np.array(knots, dtype=float), np.zeros(len(knots))])
    line = curve(list(flat), steps)[:, :2]
    slope = np.gradient(line, axis=0)
    across = np.column_stack([-slope[:, 1], slope[:, 0]]) / np.linalg.norm(slope, axis=1, keepdims=True)
    return np.concatenate([line + across * width / 2, (line - across * width / 2)[::-1]])
