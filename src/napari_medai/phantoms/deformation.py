"""A smooth, exactly invertible map between a patient's millimetres and an idealised anatomy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_medai.core.geometry import FloatArray


@dataclass(frozen=True, eq=False)
class Shear:
    """Move points along one axis by a sum of sine waves in the other two coordinates.

    Such a map is undone by the opposite move and keeps every volume.

    Parameters
    ----------
    axis : int
        The coordinate that moves: 0, 1 or 2.
    waves : (K, 2) ndarray
        Wave numbers in the two other coordinates, radians per mm.
    phases : (K,) ndarray
        Phase of each wave, radians.
    amplitudes : (K,) ndarray
        Height of each wave, mm.
    """

    axis: int
    waves: FloatArray
    phases: FloatArray
    amplitudes: FloatArray

    @property
    def reach_mm(self) -> float:
        """The farthest that any point can move."""
        return float(np.abs(self.amplitudes).sum())

    def shift(self, points: FloatArray) -> FloatArray:
        """Give the move along the axis, mm, for points (3, ...)."""
        first, second = (points[i] for i in range(3) if i != self.axis)
        total = np.zeros_like(first)
        for (u, v), phase, height in zip(self.waves, self.phases, self.amplitudes, strict=True):
            total += height * np.sin(u * first + v * second + phase)
        return np.asarray(total)


@dataclass(frozen=True, eq=False)
class Deformation:
    """Map patient points to anatomy points: a linear map about a centre, then shears.

    Parameters
    ----------
    matrix : (3, 3) ndarray
        Linear part, patient to anatomy.
    centre : (3,) ndarray
        Patient point that the linear part sends to the anatomy's origin, mm LPS.
    shears : sequence of Shear
        Applied one after another.
    """

    matrix: FloatArray
    centre: FloatArray
    shears: tuple[Shear, ...] = ()

    @property
    def reach_mm(self) -> FloatArray:
        """Upper bound (3,) of how far the shears move a point along each axis."""
        reach = np.zeros(3)
        for shear in self.shears:
            reach[shear.axis] += shear.reach_mm
        return reach

    @property
    def volume_factor(self) -> float:
        """Volume in the patient of one unit of volume in the anatomy; the same everywhere."""
        return float(1 / abs(np.linalg.det(self.matrix)))

    def to_anatomy(self, points: FloatArray) -> FloatArray:
        """Map patient points (3, ...), mm LPS, to anatomy points of the same shape."""
        centred = points - self.centre.reshape(3, *[1] * (points.ndim - 1))
        moved = np.einsum("ij,j...->i...", self.matrix, centred)
        for shear in self.shears:
            moved[shear.axis] += shear.shift(moved)
        return np.asarray(moved)

    def to_patient(self, points: FloatArray) -> FloatArray:
        """Map anatomy points (3, ...) back to patient points, mm LPS."""
        moved = np.array(points, dtype=float)
        for shear in reversed(self.shears):
            moved[shear.axis] -= shear.shift(moved)
        back = np.einsum("ij,j...->i...", np.linalg.inv(self.matrix), moved)
        return np.asarray(back + self.centre.reshape(3, *[1] * (points.ndim - 1)))


def draw_shears(
    rng: np.random.Generator, amplitude_mm: float, wavelength_mm: Sequence[float], waves: int = 3
) -> tuple[Shear, ...]:
    """Draw one random shear for each axis.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    amplitude_mm : float
        Typical height of the sum of waves.
    wavelength_mm : (float, float)
        Shortest and longest wave.
    waves : int
        Waves in a sum.
    """
    shears = []
    for axis in range(3):
        number = 2 * np.pi / rng.uniform(wavelength_mm[0], wavelength_mm[1], waves)
        angle = rng.uniform(0, 2 * np.pi, waves)
        vectors = number[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        heights = amplitude_mm * rng.uniform(0.6, 1.4, waves) / np.sqrt(waves)
        shears.append(Shear(axis, vectors, rng.uniform(0, 2 * np.pi, waves), heights))
    return tuple(shears)


def rotation(degrees: Sequence[float] | FloatArray) -> FloatArray:
    """Give the matrix (3, 3) that rotates about x, then y, then z by these angles."""
    (cx, cy, cz), (sx, sy, sz) = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return np.asarray(about_z @ about_y @ about_x)


def pointing(direction: Sequence[float] | FloatArray) -> FloatArray:
    """Give a rotation matrix (3, 3) that turns the z axis to a direction."""
    ahead = np.asarray(direction, float) / np.linalg.norm(direction)
    helper = np.eye(3)[int(np.argmin(np.abs(ahead)))]
    first = np.cross(helper, ahead)
    first /= np.linalg.norm(first)
    return np.stack([first, np.cross(ahead, first), ahead], axis=1)
