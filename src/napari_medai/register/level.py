"""Two images at one resolution, and what a linear transform between their worlds makes of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from napari_medai.core.geometry import FloatArray, Geometry
from napari_medai.register.pair import shrink
from napari_medai.register.regression import fit_regression
from napari_medai.register.tensors import gradient, identity_grid, sample

if TYPE_CHECKING:
    import torch

SIDES = (28, 56, 112)
"""Voxels along the longest side of the fixed image, coarsest level first."""


@dataclass(frozen=True)
class Level:
    """A fixed and a moving image at one resolution.

    Parameters
    ----------
    fixed, moving : torch.Tensor
        Shape (1, 1, *S).
    fixed_geometry, moving_geometry : Geometry
        Where they lie in their worlds.
    weight : torch.Tensor
        Shape of ``fixed``: how much each voxel counts.
    """

    fixed: torch.Tensor
    fixed_geometry: Geometry
    moving: torch.Tensor
    moving_geometry: Geometry
    weight: torch.Tensor

    @property
    def ndim(self) -> int:
        """2 or 3."""
        return self.fixed_geometry.ndim

    @cached_property
    def centre(self) -> FloatArray:
        """World position of the middle of the fixed grid."""
        return self.fixed_geometry.index_to_world((np.array(self.fixed_geometry.shape) - 1) / 2)

    @cached_property
    def reach(self) -> float:
        """Half the fixed grid's extent: the unit in which motions are counted, so that all weigh alike."""
        return float(np.linalg.norm(self.fixed_geometry.corners()[0] - self.centre))

    def centred(self, basis: FloatArray) -> FloatArray:
        """Make motions turn about the fixed grid's centre, in its size."""
        frame = np.eye(self.ndim + 1)
        frame[:-1, :-1] *= self.reach
        frame[:-1, -1] = self.centre
        return np.asarray(frame @ basis @ np.linalg.inv(frame))

    def warped(self, matrix: FloatArray) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the moving image on the fixed grid, and the weight of each voxel, 0 outside it."""
        import torch

        whole = np.linalg.inv(self.moving_geometry.affine) @ matrix @ self.fixed_geometry.affine
        turn = torch.tensor(whole, dtype=self.fixed.dtype, device=self.fixed.device)
        flat = self._grid.flatten(2)[0]
        positions = (turn[:-1, :-1] @ flat + turn[:-1, -1:]).reshape(self._grid.shape)
        outside = torch.zeros_like(self.fixed, dtype=torch.bool)
        for axis, size in enumerate(self.moving.shape[2:]):
            line = positions[:, axis : axis + 1]
            outside |= (line < -0.5) | (line > size - 0.5)
        values = sample(self.moving, positions)
        if self._nothing is not None:
            return torch.where(outside, self._nothing, values), self.weight
        return values, self.weight * ~outside

    def explained(self, matrix: FloatArray) -> float:
        """The correlation ratio of a transform, less where little of the fixed image is covered."""
        values, weight = self.warped(matrix)
        covered = float(weight.sum() / self.weight.sum())
        if covered < 0.1:
            return 0.0
        fit = fit_regression(self.fixed.flatten(), values.flatten(), weight.flatten())
        return fit.explained * min(1.0, covered / 0.5)

    def solve(self, matrix: FloatArray, basis: FloatArray, damping: float) -> FloatArray:
        """Return the weights (K,) of the motions that bring the images nearer, by damped least squares."""
        values, weight = self.warped(matrix)
        expected = fit_regression(self.fixed.flatten(), values.flatten(), weight.flatten())(values)
        slope = (self._slope + gradient(expected)) * 0.5
        columns = self._columns(basis, slope)
        weighted = columns * weight.flatten()
        normal = (weighted @ columns.T).double().cpu().numpy()
        pull = (weighted @ (self.fixed - expected).flatten()).double().cpu().numpy()
        scale = np.diag(normal).mean() if np.diag(normal).mean() > 0 else 1.0
        ridge = damping * (np.diag(np.diag(normal)) + 1e-6 * scale * np.eye(len(normal)))
        return np.asarray(np.linalg.solve(normal + ridge + 1e-9 * scale * np.eye(len(normal)), pull))

    def _columns(self, basis: FloatArray, slope: torch.Tensor) -> torch.Tensor:
        """Change of each voxel's value with each motion, shape (K, N)."""
        import torch

        to_index = np.linalg.inv(self.fixed_geometry.affine) @ basis @ self.fixed_geometry.affine
        steps = torch.tensor(to_index[:, :-1], dtype=slope.dtype, device=slope.device)
        flat, ones = self._grid.flatten(2)[0], slope.flatten(2)[0]
        return torch.stack([((step[:, :-1] @ flat + step[:, -1:]) * ones).sum(0) for step in steps])

    @cached_property
    def _grid(self) -> torch.Tensor:
        return identity_grid(self.fixed.shape[2:], self.fixed)

    @cached_property
    def _slope(self) -> torch.Tensor:
        return gradient(self.fixed)

    @cached_property
    def _nothing(self) -> torch.Tensor | None:
        """The moving background, which also fills what lies outside; nothing if there is none."""
        import torch

        from napari_medai.register.transfer import background_value

        value = background_value(self.moving)
        return None if value is None else torch.tensor(value).to(self.moving)


def make_levels(
    fixed: torch.Tensor,
    fixed_geometry: Geometry,
    moving: torch.Tensor,
    moving_geometry: Geometry,
    weight: torch.Tensor | None,
) -> list[Level]:
    """Build the pyramid, coarsest first; both images have about the same voxel size at each level."""
    import torch

    extent = max(np.array(fixed_geometry.shape) * fixed_geometry.spacing)
    full = torch.ones_like(fixed) if weight is None else weight
    levels = []
    for side in SIDES:
        step = max(extent / side, float(fixed_geometry.spacing.min()))
        fixed_shape, moving_shape = (_size(g, step) for g in (fixed_geometry, moving_geometry))
        levels.append(
            Level(
                shrink(fixed, fixed_shape),
                resized_geometry(fixed_geometry, fixed_shape),
                shrink(moving, moving_shape),
                resized_geometry(moving_geometry, moving_shape),
                shrink(full, fixed_shape),
            )
        )
        if step <= float(fixed_geometry.spacing.min()):
            break
    return levels


def resized_geometry(geometry: Geometry, shape: tuple[int, ...]) -> Geometry:
    """Return the grid of ``shape`` voxels over the same field of view."""
    ratio = np.array(geometry.shape) / np.array(shape)
    affine = geometry.affine.copy()
    affine[:-1, :-1] = geometry.matrix * ratio
    affine[:-1, -1] = geometry.index_to_world((ratio - 1) / 2)
    return Geometry(shape, affine, geometry.unit)


def _size(geometry: Geometry, step: float) -> tuple[int, ...]:
    counts = np.array(geometry.shape) * np.minimum(1.0, geometry.spacing / step)
    return tuple(int(n) for n in np.maximum(2, np.round(counts)).clip(max=np.maximum(2, geometry.shape)))
