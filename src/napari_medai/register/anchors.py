"""Corresponding points that pull on a linear transform, or hold a deformation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_medai.core.geometry import FloatArray
from napari_medai.register.tensors import identity_grid, sample

if TYPE_CHECKING:
    import torch

PULL = 0.02
"""What a mean distance of ``error`` costs, in shares of explained variance."""

REACH = 0.15
"""Width of the bump by which a point moves its surroundings, as a share of the longest side."""


@dataclass(frozen=True)
class Anchors:
    """Points of the fixed world and where they shall come to lie.

    Parameters
    ----------
    fixed, moving : (N, D) array
        Corresponding world points.
    error : float
        How exactly they were placed, in the world's unit.
    """

    fixed: FloatArray
    moving: FloatArray
    error: float

    def penalty(self, matrix: FloatArray) -> float:
        """Return what the distances left by a transform cost."""
        distances = self.moving - _apply(matrix, self.fixed)
        return PULL * float((distances**2).sum(axis=1).mean()) / self.error**2

    def normal(self, matrix: FloatArray, basis: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the normal equations (K, K) and (K,) for small motions before ``matrix``."""
        linear = matrix[:-1, :-1]
        moves = [self.fixed @ b[:-1, :-1].T + b[:-1, -1] for b in basis]
        columns = np.stack([(m @ linear.T).ravel() for m in moves], axis=1)
        rest = (self.moving - _apply(matrix, self.fixed)).ravel()
        weight = PULL / (len(self.fixed) * self.error**2)
        return weight * columns.T @ columns, weight * columns.T @ rest


def hold_points(field: torch.Tensor, fixed: FloatArray, moving: FloatArray) -> torch.Tensor:
    """Add smooth bumps to a displacement so that it takes points where they belong.

    Parameters
    ----------
    field : torch.Tensor
        Displacement in voxels, shape (1, D, *S).
    fixed, moving : (N, D) array
        Corresponding points as voxel indices of the field's grid.
    """
    import torch

    start, end = (torch.tensor(p, dtype=field.dtype, device=field.device) for p in (fixed, moving))
    where = start.T.reshape(1, field.shape[1], len(start), *[1] * (field.ndim - 3))
    here = sample(field, where).reshape(field.shape[1], -1).T
    width = REACH * max(field.shape[2:])
    kernel = torch.exp(-0.5 * (torch.cdist(start, start) / width) ** 2).double()
    kernel += 1e-3 * torch.eye(len(start), dtype=kernel.dtype, device=kernel.device)
    strength = torch.linalg.solve(kernel, (end - start - here).double()).to(field.dtype)
    grid, total = identity_grid(field.shape[2:], field), torch.zeros_like(field)
    for point, vector in zip(start, strength, strict=True):
        distance = ((grid - _column(point, grid)) ** 2).sum(1, keepdim=True)
        total += torch.exp(-0.5 * distance / width**2) * _column(vector, grid)
    return field + total


def _column(vector: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    return vector.reshape(1, -1, *[1] * (like.ndim - 2))


def _apply(matrix: FloatArray, points: FloatArray) -> FloatArray:
    return np.asarray(points @ matrix[:-1, :-1].T + matrix[:-1, -1])
