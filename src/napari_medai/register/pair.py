"""Two images at any level of the pyramid, made comparable as the measure asks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING

import numpy as np

from napari_medai.core.geometry import FloatArray
from napari_medai.register.curves import CURVES, fit_curve
from napari_medai.register.forces import Measure
from napari_medai.register.mind import mind_descriptors
from napari_medai.register.tensors import gaussian, identity_grid, resize, resize_displacement, sample
from napari_medai.register.transfer import background_value

if TYPE_CHECKING:
    import torch

    from napari_medai.core.image import MedicalImage

FIT_VOXELS = 300_000
"""About how many voxels the curve from moving to fixed values is fitted to."""


@dataclass(frozen=True)
class Source:
    """Values to look up at places of the fixed grid of one level.

    Parameters
    ----------
    values : torch.Tensor
        Shape (1, C, *T), on a grid of its own.
    turn : torch.Tensor
        (D, D+1): from voxel indices of the level's fixed grid to those of ``values``.
    """

    values: torch.Tensor
    turn: torch.Tensor

    def at(self, positions: torch.Tensor, mode: str = "bilinear") -> torch.Tensor:
        """Look up at positions (1, D, *S) of the fixed grid."""
        flat = positions.flatten(2)[0]
        moved = (self.turn[:, :-1] @ flat + self.turn[:, -1:]).reshape(positions.shape)
        return sample(self.values, moved, mode)


@dataclass(frozen=True)
class Pair:
    """A fixed and a moving image, full size, each on its own grid.

    Parameters
    ----------
    fixed, moving : torch.Tensor
        Shape (1, 1, *S) and (1, 1, *T).
    turn : (D+1, D+1) array
        From voxel indices of the fixed to those of the moving grid: the linear transform found before.
    measure : str
        What will compare them.
    weight : torch.Tensor, optional
        Shape (1, 1, *S): how much each fixed voxel counts.
    structures : tuple of torch.Tensor, optional
        Fixed and moving masks of the same K structures, shapes (1, K, *S) and (1, K, *T).
    picture : callable, optional
        Makes an image of grey values (1, 1, *S) on the grid of any level.
    """

    fixed: torch.Tensor
    moving: torch.Tensor
    turn: FloatArray
    measure: Measure
    weight: torch.Tensor | None = None
    structures: tuple[torch.Tensor, torch.Tensor] | None = None
    picture: Callable[[torch.Tensor], MedicalImage] | None = None

    @cached_property
    def backgrounds(self) -> tuple[float, float] | None:
        """The moving and the fixed background, where both images have one."""
        moving, fixed = background_value(self.moving), background_value(self.fixed)
        return None if moving is None or fixed is None else (moving, fixed)

    def fixed_at(self, shape: Sequence[int]) -> torch.Tensor:
        """The fixed image at a level, shape (1, C, *shape)."""
        image = shrink(self.fixed, shape)
        return mind_descriptors(image) if self.measure == "mind" else image

    def moving_at(self, shape: Sequence[int], field: torch.Tensor) -> Source:
        """The moving image at a level, before it is warped by the displacement found so far.

        Where a curve is to lie between the images' grey values, they are turned into the fixed one's at
        full size: after shrinking, a voxel between two tissues would look like a third one. Descriptors of
        surroundings are taken after turning, so that they name the same directions in both images.
        """
        target = self._moving_shape(shape)
        if self.measure == "mind":
            turned = self._source(shrink(self.moving, target), shape).at(identity_grid(shape, self.fixed))
            return Source(mind_descriptors(turned), _tensor(np.eye(len(shape), len(shape) + 1), turned))
        if self.measure not in CURVES:
            return self._source(shrink(self.moving, target), shape)
        stride = max(1, round((self.fixed[0, 0].numel() / FIT_VOXELS) ** (1 / (self.fixed.ndim - 2))))
        fixed, moving, weight = self._samples(field, stride)
        alike = fit_curve(self.measure, fixed, moving, self.backgrounds, weight)(self.moving)
        return self._source(shrink(alike, target), shape)

    def weight_at(self, shape: Sequence[int]) -> torch.Tensor | None:
        """The weight at a level."""
        return None if self.weight is None else shrink(self.weight, shape)

    def structures_at(self, shape: Sequence[int]) -> tuple[torch.Tensor, Source] | None:
        """The structures at a level, their borders a little blurred so that they pull from afar."""
        if self.structures is None:
            return None
        sizes = (shape, self._moving_shape(shape))
        fixed, moving = (gaussian(shrink(s, n), 1.0) for s, n in zip(self.structures, sizes, strict=True))
        return fixed, self._source(moving, shape)

    def preview(self, shape: Sequence[int], field: torch.Tensor) -> Callable[[], MedicalImage] | None:
        """Return what makes a picture of the moving image, warped, at a level; nothing without a painter."""
        paint = self.picture
        if paint is None:
            return None

        @cache
        def show() -> MedicalImage:
            source = self._source(shrink(self.moving, self._moving_shape(shape)), shape)
            return paint(source.at(identity_grid(shape, field) + field))

        return show

    def _moving_shape(self, shape: Sequence[int]) -> list[int]:
        """The size at which moving voxels are about as large as the level's fixed ones."""
        factor = np.array(self.fixed.shape[2:]) / np.array(shape)
        # how far one fixed voxel of the level reaches along each moving axis
        steps = np.abs(self.turn[:-1, :-1] * factor).max(axis=1)
        return [max(2, round(n / max(1.0, s))) for n, s in zip(self.moving.shape[2:], steps, strict=True)]

    def _source(self, values: torch.Tensor, shape: Sequence[int]) -> Source:
        """Pair shrunk moving values with the turn between their grid and the level's."""
        to_full = _rescaling(shape, self.fixed.shape[2:])
        to_level = _rescaling(self.moving.shape[2:], values.shape[2:])
        return Source(values, _tensor((to_level @ self.turn @ to_full)[:-1], values))

    def _samples(
        self, field: torch.Tensor, stride: int
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """Fixed values, warped moving values and weights on a sparse grid of full-size voxels."""
        size = self.fixed.shape[2:]
        sparse = (slice(None), slice(None), *[slice(stride // 2, None, stride)] * len(size))
        where = identity_grid(size, self.fixed)[sparse]
        moved = resize_displacement(field, where.shape[2:])
        ratios = [n / m for n, m in zip(size, where.shape[2:], strict=True)]
        moved = moved * _tensor(np.array(ratios), moved).reshape(1, -1, *[1] * len(size))
        values = self._source(self.moving, size).at(where + moved, "nearest")
        weight = None if self.weight is None else self.weight[sparse]
        return self.fixed[sparse], values, weight


def _rescaling(source: Sequence[int], target: Sequence[int]) -> FloatArray:
    """Return the matrix from voxel indices of one size to those of another over the same field of view."""
    scale = np.array(target) / np.array(source)
    matrix = np.diag([*scale, 1.0])
    matrix[:-1, -1] = 0.5 * scale - 0.5
    return matrix


def _tensor(values: FloatArray, like: torch.Tensor) -> torch.Tensor:
    import torch

    return torch.tensor(values, dtype=like.dtype, device=like.device)


def shrink(image: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
    """Bring an image to a smaller size without aliasing."""
    ratios = [n / m for n, m in zip(image.shape[2:], shape, strict=True)]
    if all(r == 1 for r in ratios):
        return image
    return resize(gaussian(image, [0.5 * r if r > 1 else 0.0 for r in ratios]), shape)
