"""The chest wall and the diaphragm: the two surfaces by which everything in a torso is placed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from napari_medai.core.geometry import FloatArray
from napari_medai.phantoms.shapes import Shape, field, smooth_minimum
from napari_medai.phantoms.torso_plan import TorsoPlan

WALL, DOME = 3, 4
"""Rows of the coordinates that hold the two distances."""

_LEVELS = (-190, -110, -40, 20, 60, 95, 125, 150, 175)
_WIDTH = (0.91, 0.95, 1.0, 1.0, 0.96, 0.87, 0.73, 0.58, 0.46)
_DEPTH = (0.90, 0.92, 0.99, 1.0, 0.96, 0.87, 0.76, 0.66, 0.60)
_SHOULDER = (0.0, 0.0, 0.0, 0.15, 0.55, 1.2, 2.2, 3.2, 4.2)
_BELLY = (1.0, 1.0, 0.8, 0.25, 0.0, 0.0, 0.0, 0.0, 0.0)


def profile(levels: Sequence[float], values: Sequence[float]) -> Callable[[FloatArray], FloatArray]:
    """A smooth function of z through given values at given levels."""
    from scipy.interpolate import PchipInterpolator

    fine = np.linspace(levels[0], levels[-1], 800)
    table = PchipInterpolator(levels, values)(fine)
    return lambda z: np.asarray(np.interp(z, fine, table))


def frame(plan: TorsoPlan) -> Callable[[FloatArray], FloatArray]:
    """Give the function that adds the rows ``WALL`` and ``DOME`` to anatomy coordinates.

    ``WALL`` is the radial distance to the outside of the rib cage (negative inside), continued around
    the belly; ``DOME`` the height above the diaphragm (negative below); both in mm.
    """
    width, depth = profile(_LEVELS, _WIDTH), profile(_LEVELS, _DEPTH)

    def rows(points: FloatArray) -> FloatArray:
        x, y, z = points
        half_width, half_depth = plan.cage_half_width * width(z), plan.cage_half_depth * depth(z)
        level = (np.abs(x / half_width) ** 2.3 + np.abs(y / half_depth) ** 2.3) ** (1 / 2.3)
        wall = np.hypot(x, y) * (1 - 1 / np.maximum(level, 1e-3))
        return np.stack([wall, z - _diaphragm(x, y, plan)])

    return rows


def _diaphragm(x: FloatArray, y: FloatArray, plan: TorsoPlan) -> FloatArray:
    """Height of the diaphragm, mm: two domes that fall off towards the wall, and the heart's seat."""
    front_to_back = ((y + 5) / 80) ** 2 * 68
    right = 17 - ((x + 58) / 70) ** 2 * 62 - front_to_back
    left = 5 - ((x - 62) / 66) ** 2 * 62 - front_to_back
    seat = -2 - ((x - 8) / 60) ** 2 * 50 - ((y + 25) / 60) ** 2 * 40
    domes = -smooth_minimum(-smooth_minimum_negated(right, left), -seat, 25)
    return np.asarray(domes + plan.diaphragm)


def smooth_minimum_negated(a: FloatArray, b: FloatArray) -> FloatArray:
    """The smooth maximum of two heights."""
    return -smooth_minimum(-a, -b, 20)


def within_wall(depth_mm: float) -> Shape:
    """All that lies deeper than ``depth_mm`` under the outside of the cage."""
    return field(lambda p: p[WALL] + depth_mm)


def above_diaphragm(gap_mm: float) -> Shape:
    """All that lies more than ``gap_mm`` above the diaphragm."""
    return field(lambda p: gap_mm - p[DOME])


def below_diaphragm(gap_mm: float) -> Shape:
    """All that lies more than ``gap_mm`` below the diaphragm."""
    return field(lambda p: p[DOME] + gap_mm)


def muscle_wall(plan: TorsoPlan) -> Shape:
    """The body without skin and fat under it: wider at the shoulders."""
    shoulder = profile(_LEVELS, _SHOULDER)

    def distance(p: FloatArray) -> FloatArray:
        lateral = p[0] ** 2 / (p[0] ** 2 + p[1] ** 2 + 1e-6)
        return np.asarray(p[WALL] - plan.muscle * (0.75 + shoulder(p[2]) * (0.22 + 0.78 * lateral)))

    return field(distance)


def body(plan: TorsoPlan) -> Shape:
    """The whole body, skin included: the muscles under fat, thickest at the belly."""
    belly, muscles = profile(_LEVELS, _BELLY), muscle_wall(plan)

    def distance(p: FloatArray) -> FloatArray:
        frontness = np.clip(-p[1] / np.hypot(p[0], p[1] + 1e-6), -1, 1)
        around = 0.85 + belly(p[2]) * (plan.belly - 1) * np.clip(frontness, 0, 1)
        furrow = 7 * np.exp(-((p[0] / 14) ** 2)) * np.clip(-frontness, 0, 1)
        return np.asarray(muscles.distance(p) - plan.fat * around + furrow)

    return field(distance)
