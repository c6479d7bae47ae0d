"""The directions in which neighbouring voxels are looked at, each with its opposite counted once."""

from __future__ import annotations

from itertools import product

Direction = tuple[int, int, int]

_STEPS = (-1, 0, 1)
SPACE: tuple[Direction, ...] = tuple(d for d in product(_STEPS, _STEPS, _STEPS) if d > (0, 0, 0))
"""The 13 directions of space, as steps along z, y, x."""

PLANE: tuple[Direction, ...] = tuple(d for d in SPACE if d[0] == 0)
"""The 4 directions within a slice."""


def neighbours(planar: bool) -> tuple[Direction, ...]:
    """Return the directions of a slice or of space."""
    return PLANE if planar else SPACE
