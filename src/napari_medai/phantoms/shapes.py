"""Solid shapes given by their distance to the surface: negative inside, in millimetres."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from napari_medai.core.geometry import FloatArray

Distance: TypeAlias = Callable[[FloatArray], FloatArray]
Vector: TypeAlias = Sequence[float] | FloatArray

EVERYWHERE = (np.full(3, -np.inf), np.full(3, np.inf))


@dataclass(frozen=True, eq=False)
class Shape:
    """A solid: its distance function and the box that holds it.

    Parameters
    ----------
    distance : callable
        From coordinates (C, ...), of which the first three rows are x, y, z in mm, to the distance
        to the surface in mm (to first order), negative inside.
    low, high : (3,) ndarray
        Corners (x, y, z) of a box outside which the distance is positive.
    """

    distance: Distance
    low: FloatArray
    high: FloatArray

    def __and__(self, other: Shape) -> Shape:
        """What lies in both."""
        low, high = np.maximum(self.low, other.low), np.minimum(self.high, other.high)
        return Shape(lambda p: np.maximum(self.distance(p), other.distance(p)), low, high)

    def __or__(self, other: Shape) -> Shape:
        """What lies in one or the other."""
        low, high = np.minimum(self.low, other.low), np.maximum(self.high, other.high)
        return Shape(lambda p: np.minimum(self.distance(p), other.distance(p)), low, high)

    def __sub__(self, other: Shape) -> Shape:
        """What lies in the first and not in the second."""
        return Shape(lambda p: np.maximum(self.distance(p), -other.distance(p)), self.low, self.high)

    def grown(self, mm: float) -> Shape:
        """The same solid, thicker by ``mm`` all around (thinner when negative)."""
        return Shape(lambda p: self.distance(p) - mm, self.low - mm, self.high + mm)

    def mirrored(self) -> Shape:
        """The same solid on the other side of x = 0."""
        low, high = self.low.copy(), self.high.copy()
        low[0], high[0] = -self.high[0], -self.low[0]
        return Shape(lambda p: self.distance(np.concatenate([-p[:1], p[1:]])), low, high)


def field(distance: Distance, low: Vector | None = None, high: Vector | None = None) -> Shape:
    """A solid from any distance function; without corners it may lie everywhere."""
    corners = EVERYWHERE if low is None or high is None else (np.array(low, float), np.array(high, float))
    return Shape(distance, *corners)


def smooth_union(first: Shape, second: Shape, blend_mm: float) -> Shape:
    """Join two solids with a fillet of about ``blend_mm`` (polynomial smooth minimum)."""

    def distance(points: FloatArray) -> FloatArray:
        return smooth_minimum(first.distance(points), second.distance(points), blend_mm)

    low, high = np.minimum(first.low, second.low), np.maximum(first.high, second.high)
    return Shape(distance, low - blend_mm, high + blend_mm)


def smooth_intersection(first: Shape, second: Shape, blend_mm: float) -> Shape:
    """What lies in both solids, with edges rounded by about ``blend_mm``."""

    def distance(points: FloatArray) -> FloatArray:
        return -smooth_minimum(-first.distance(points), -second.distance(points), blend_mm)

    return Shape(distance, np.maximum(first.low, second.low), np.minimum(first.high, second.high))


def smooth_minimum(a: FloatArray, b: FloatArray, blend_mm: float) -> FloatArray:
    """The minimum of two distances with its kink rounded over ``blend_mm``."""
    overlap = np.clip(blend_mm - np.abs(a - b), 0, None) / blend_mm
    return np.asarray(np.minimum(a, b) - overlap**2 * (blend_mm / 4))


def ellipsoid(
    centre: Vector, radii: Vector, turn: FloatArray | None = None, bend_per_mm: float = 0.0
) -> Shape:
    """An ellipsoid, turned and bent like a bean if wished; its volume is 4/3 pi a b c in any case.

    Parameters
    ----------
    centre : (3,) array_like
        Its middle, mm.
    radii : (3,) array_like
        Half-axes along its own x, y, z, mm.
    turn : (3, 3) ndarray, optional
        Rotation from its own axes to the anatomy's.
    bend_per_mm : float
        Own x moves by this times own z squared.
    """
    middle, half = np.asarray(centre, float), np.asarray(radii, float)
    matrix = np.eye(3) if turn is None else turn
    sag = abs(bend_per_mm) * half[2] ** 2

    def distance(points: FloatArray) -> FloatArray:
        x, y, z = _own(points, middle, matrix)
        x = x - bend_per_mm * z**2
        return _ellipsoid_distance(x, y, z, half)

    own_half = half + np.array([sag, 0, 0])
    reach = np.abs(matrix) @ own_half
    return Shape(distance, middle - reach, middle + reach)


def capsule(start: Vector, end: Vector, radius: float, end_radius: float | None = None) -> Shape:
    """A round rod between two points, mm, with one radius or one at each end."""
    a, b = np.asarray(start, float), np.asarray(end, float)
    last = radius if end_radius is None else end_radius
    axis = b - a

    def distance(points: FloatArray) -> FloatArray:
        offsets = [points[i] - a[i] for i in range(3)]
        along = sum(o * s for o, s in zip(offsets, axis, strict=True)) / (axis @ axis)
        along = np.clip(along, 0, 1)
        square = sum((o - along * s) ** 2 for o, s in zip(offsets, axis, strict=True))
        return np.asarray(np.sqrt(square) - (radius + along * (last - radius)))

    thick = max(radius, last)
    return Shape(distance, np.minimum(a, b) - thick, np.maximum(a, b) + thick)


def box(centre: Vector, half: Vector, turn: FloatArray | None = None, rounding_mm: float = 0.0) -> Shape:
    """A block with half-sizes ``half`` along its own axes, its edges rounded if wished."""
    middle, size = np.asarray(centre, float), np.asarray(half, float)
    matrix = np.eye(3) if turn is None else turn

    def distance(points: FloatArray) -> FloatArray:
        out = [np.abs(o) - (s - rounding_mm) for o, s in zip(_own(points, middle, matrix), size, strict=True)]
        outside = np.sqrt(sum(np.clip(o, 0, None) ** 2 for o in out))
        inside = np.minimum(np.maximum.reduce(out), 0)
        return np.asarray(outside + inside - rounding_mm)

    reach = np.abs(matrix) @ size
    return Shape(distance, middle - reach, middle + reach)


def curve(points: Sequence[Vector], steps: int = 6) -> FloatArray:
    """Run a smooth curve (N, 3) through points by cardinal splines, ``steps`` pieces between two points."""
    knots = np.asarray(points, float)
    padded = np.concatenate([[2 * knots[0] - knots[1]], knots, [2 * knots[-1] - knots[-2]]])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    pieces = []
    for a, b, c, d in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        cubic = 2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3
        pieces.append(cubic / 2)
    return np.concatenate([*pieces, knots[-1:]])


def tube(points: FloatArray, radius: float, end_radius: float | None = None) -> list[Shape]:
    """Rods along a curve (N, 3), each in its own small box; the radius may change along the way."""
    radii = np.linspace(radius, radius if end_radius is None else end_radius, len(points))
    rods = zip(points, points[1:], radii, radii[1:], strict=False)
    return [capsule(a, b, float(r), float(s)) for a, b, r, s in rods]


def _own(points: FloatArray, middle: FloatArray, matrix: FloatArray) -> list[FloatArray]:
    offsets = [points[i] - middle[i] for i in range(3)]
    if np.array_equal(matrix, np.eye(3)):
        return offsets
    return [sum((matrix[j, i] * offsets[j] for j in range(3)), np.zeros(1)) for i in range(3)]


def _ellipsoid_distance(x: FloatArray, y: FloatArray, z: FloatArray, half: FloatArray) -> FloatArray:
    """First-order distance k(k - 1) / |grad|, exact in sign."""
    u, v, w = x / half[0], y / half[1], z / half[2]
    level = np.sqrt(u**2 + v**2 + w**2)
    slope = np.sqrt((u / half[0]) ** 2 + (v / half[1]) ** 2 + (w / half[2]) ** 2)
    steepest = 1 / half.min()
    return np.asarray(level * (level - 1) / np.maximum(slope, 1e-9 * steepest) - (level == 0) * half.min())
