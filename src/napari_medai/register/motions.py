"""The families of linear transforms, each as the small motions it is made of."""

from __future__ import annotations

from itertools import combinations, permutations, product
from typing import Literal, TypeAlias

import numpy as np

from napari_medai.core.geometry import FloatArray

LinearKind: TypeAlias = Literal["translation", "rigid", "similarity", "affine"]


def generators(kind: LinearKind, ndim: int) -> FloatArray:
    """Return the small motions of a family, shape (K, D+1, D+1).

    A transform is changed by multiplying it with ``expm(sum(weights * generators))``: shifts for
    ``"translation"``, with turns for ``"rigid"``, with one scale for ``"similarity"``, and everything
    for ``"affine"``.
    """
    shifts = [_unit(ndim, axis, ndim) for axis in range(ndim)]
    turns = [_unit(ndim, i, j) - _unit(ndim, j, i) for i, j in combinations(range(ndim), 2)]
    scale = [np.diag([1.0] * ndim + [0.0])]
    free = [_unit(ndim, i, j) for i in range(ndim) for j in range(ndim)]
    families = {
        "translation": shifts,
        "rigid": shifts + turns,
        "similarity": shifts + turns + scale,
        "affine": shifts + free,
    }
    return np.stack(families[kind])


def cube_turns(ndim: int, flips: bool = False) -> list[FloatArray]:
    """Return the turns that bring a cube (a square) onto itself: 24 (4), or 48 (8) with reflections."""
    found = []
    for order in permutations(range(ndim)):
        for signs in product((1.0, -1.0), repeat=ndim):
            matrix = np.eye(ndim)[:, list(order)] * np.array(signs)
            if flips or np.linalg.det(matrix) > 0:
                found.append(matrix)
    return found


def even_turns(ndim: int, count: int) -> list[FloatArray]:
    """Return ``count`` turns spread evenly over all turns, the same ones every time.

    References
    ----------
    Alexa, Super-Fibonacci Spirals: Fast, Low-Discrepancy Sampling of SO(3), CVPR 2022.
    """
    if ndim == 2:
        angles = 2 * np.pi * np.arange(count) / count
        return [np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]) for a in angles]
    steps = np.arange(count) + 0.5
    inner, outer = np.sqrt(steps / count), np.sqrt(1 - steps / count)
    first, second = 2 * np.pi * steps / np.sqrt(2.0), 2 * np.pi * steps / 1.533751168755204288118041
    parts = (inner * np.sin(first), inner * np.cos(first), outer * np.sin(second), outer * np.cos(second))
    return [_from_quaternion(q) for q in np.stack(parts, axis=1)]


def _from_quaternion(q: FloatArray) -> FloatArray:
    w, x, y, z = q
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.asarray(np.eye(3) + 2 * w * cross + 2 * cross @ cross)


def _unit(ndim: int, row: int, column: int) -> FloatArray:
    matrix = np.zeros((ndim + 1, ndim + 1))
    matrix[row, column] = 1.0
    return matrix
