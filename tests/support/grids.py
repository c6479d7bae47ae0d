"""Grids to try things on: every axis orientation, anisotropic, oblique, sheared."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from napari_medai import Geometry

ORIENTATIONS: list[NDArray[np.float64]] = [
    np.eye(3)[:, list(order)] * np.array(signs)
    for order in permutations(range(3))
    for signs in product((1.0, -1.0), repeat=3)
]
"""The 48 signed permutations of three axes, as direction columns."""


def rotation(angles_deg: tuple[float, float, float]) -> NDArray[np.float64]:
    """Rotation about x, then y, then z."""
    result = np.eye(3)
    for axis, angle in enumerate(np.radians(angles_deg)):
        i, j = [k for k in range(3) if k != axis]
        turn = np.eye(3)
        turn[i, i] = turn[j, j] = np.cos(angle)
        turn[i, j], turn[j, i] = -np.sin(angle), np.sin(angle)
        result = turn @ result
    return result


def make_geometry(
    shape: tuple[int, int, int],
    orientation: NDArray[np.float64],
    spacing: tuple[float, float, float] = (1.0, 1.0, 1.0),
    angles_deg: tuple[float, float, float] = (0.0, 0.0, 0.0),
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0),
    shear: float = 0.0,
) -> Geometry:
    """Make a grid: ``orientation`` turned by ``angles_deg``, its first two axes sheared."""
    skew = np.eye(3)
    skew[0, 1] = shear
    affine = np.eye(4)
    affine[:3, :3] = rotation(angles_deg) @ orientation @ np.diag(spacing) @ skew
    affine[:3, 3] = origin
    return Geometry(shape, affine)


@st.composite
def geometries(draw: st.DrawFn, oblique: bool = True, sheared: bool = False) -> Geometry:
    """Any of the 48 orientations, isotropic or not, axis-aligned or oblique, anywhere within a metre."""
    shape = draw(st.tuples(*[st.integers(2, 7)] * 3))
    orientation = draw(st.sampled_from(ORIENTATIONS))
    isotropic = draw(st.booleans())
    size = st.floats(0.2, 8.0, allow_nan=False)
    step = draw(size)
    spacing = (step, step, step) if isotropic else draw(st.tuples(size, size, size))
    # Rounded: ITK's decomposition of a direction fails on entries near the smallest floats there are.
    tilt = st.floats(-44.0, 44.0).map(lambda angle: round(angle, 9)) if oblique else st.just(0.0)
    angles = draw(st.tuples(tilt, tilt, tilt))
    origin = draw(st.tuples(*[st.floats(-1000.0, 1000.0)] * 3))
    shear = draw(st.floats(-0.5, 0.5)) if sheared else 0.0
    return make_geometry(shape, orientation, spacing, angles, origin, shear)
