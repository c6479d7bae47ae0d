"""Where a patch's voxels are looked up: turned, scaled, sheared, mirrored and bent."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_medai.train.augment import Augmentation

if TYPE_CHECKING:
    import torch

Floats = NDArray[np.float64]
ISOTROPIC = 2.0
"""Largest ratio of voxel sizes up to which volumes are turned about every axis."""


def draw_matrix(rng: np.random.Generator, how: Augmentation, spacing: Sequence[float]) -> Floats:
    """Draw the linear part of a deformation.

    Parameters
    ----------
    rng : numpy.random.Generator
        Decides.
    how : Augmentation
        How much.
    spacing : sequence of float
        Voxel size (z, y, x) or (y, x): turning happens in millimetres.

    Returns
    -------
    (D, D) array
        From offsets to the patch's centre, in voxels, to offsets in the case, in voxels.
    """
    ndim = len(spacing)
    matrix = _turn(rng, how, np.asarray(spacing, dtype=float))
    limit = np.log1p(how.scale)
    sizes = np.exp(rng.uniform(-limit, limit) + rng.normal(0, limit / 4, ndim))
    shear = np.eye(ndim) + rng.uniform(-how.shear, how.shear, (ndim, ndim)) * (1 - np.eye(ndim))
    mirror = [rng.choice([-1.0, 1.0]) if letter in how.flip else 1.0 for letter in "zyx"[-ndim:]]
    steps = np.diag(np.asarray(spacing, dtype=float))
    return np.asarray(np.linalg.inv(steps) @ matrix @ shear @ np.diag(sizes * mirror) @ steps)


def _turn(rng: np.random.Generator, how: Augmentation, spacing: Floats) -> Floats:
    ndim = len(spacing)
    turn = np.eye(ndim)
    planes = [(ndim - 2, ndim - 1)]
    if ndim == 3 and spacing.max() / spacing.min() <= ISOTROPIC:
        planes += [(0, 1), (0, 2)]
    for a, b in planes:
        angle = np.deg2rad(rng.uniform(-how.rotate_deg, how.rotate_deg))
        one = np.eye(ndim)
        one[[a, a, b, b], [a, b, a, b]] = np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)
        turn = turn @ one
    return turn


def draw_places(
    rng: np.random.Generator,
    how: Augmentation,
    centre: NDArray[Any],
    patch: Sequence[int],
    spacing: Sequence[float],
) -> NDArray[np.float32]:
    """Draw where in a case the voxels of a patch lie.

    Returns
    -------
    (\\*patch, D) array
        Fractional indices.
    """
    offsets = _offsets(tuple(patch))
    if how.elastic and rng.random() < how.elastic_share:
        offsets = offsets + _bend(rng, how.elastic, patch).reshape(offsets.shape).astype(np.float32)
    matrix = draw_matrix(rng, how, spacing).astype(np.float32)
    places = offsets @ matrix.T
    places += np.asarray(centre, dtype=np.float32)
    return places.reshape(*patch, len(patch))


@lru_cache(maxsize=8)
def _offsets(patch: tuple[int, ...]) -> NDArray[np.float32]:
    """Return each voxel's offset to the middle of a patch, (voxels, D)."""
    axes = [np.arange(n, dtype=np.float32) - (n - 1) / 2 for n in patch]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(patch)).astype(np.float32)


def _bend(rng: np.random.Generator, amount: float, patch: Sequence[int]) -> Floats:
    """Draw a smooth displacement from random ones on a coarse grid of five knots along each axis."""
    from scipy import ndimage

    size = np.asarray(patch, dtype=float)
    knots = rng.uniform(-1, 1, (len(patch), *[5] * len(patch))) * rng.uniform(0, amount)
    field = [
        ndimage.zoom(knot * n, size / 5, order=3, mode="nearest", grid_mode=True)
        for knot, n in zip(knots, size, strict=True)
    ]
    return np.stack(field, axis=-1)


def grid_of(places: NDArray[np.floating], box: Sequence[slice]) -> torch.Tensor:
    """Return places (\\*patch, D) in a part of a volume as torch wants them: (x, y, z) from -1 to 1."""
    import torch

    grid = np.empty(places.shape, np.float32)
    for axis, part in enumerate(box):
        along = grid[..., -1 - axis]
        step = 2 / max(part.stop - part.start - 1, 1)
        np.multiply(places[..., axis], step, out=along, casting="same_kind")
        along -= part.start * step + 1
    return torch.from_numpy(grid)


def look_up(volume: torch.Tensor, grid: torch.Tensor, mode: str = "bilinear") -> torch.Tensor:
    """Look a volume (channels, \\*spatial) up at a grid of places; beyond the edge its edge goes on."""
    import torch

    found: torch.Tensor = torch.nn.functional.grid_sample(
        volume[None], grid[None], mode=mode, align_corners=True, padding_mode="border"
    )
    return found[0]
