"""Two images at any level of the pyramid, made comparable as the measure asks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from napari_medai.register.forces import Measure
from napari_medai.register.mind import mind_descriptors
from napari_medai.register.tensors import gaussian, identity_grid, resize, resize_displacement, sample
from napari_medai.register.transfer import background_value, fit_transfer

if TYPE_CHECKING:
    import torch

FIT_VOXELS = 300_000
"""About how many voxels the curve from moving to fixed values is fitted to."""


@dataclass(frozen=True)
class Pair:
    """A fixed and a moving image on one grid, full size.

    Parameters
    ----------
    fixed, moving : torch.Tensor
        Shape (1, 1, *S).
    measure : {"intensity", "ssd", "lncc", "mind"}
        What will compare them.
    weight : torch.Tensor, optional
        Shape (1, 1, *S): how much each fixed voxel counts.
    """

    fixed: torch.Tensor
    moving: torch.Tensor
    measure: Measure
    weight: torch.Tensor | None = None

    @cached_property
    def backgrounds(self) -> tuple[float, float] | None:
        """The moving and the fixed background, where both images have one."""
        moving, fixed = background_value(self.moving), background_value(self.fixed)
        return None if moving is None or fixed is None else (moving, fixed)

    def fixed_at(self, shape: Sequence[int]) -> torch.Tensor:
        """The fixed image at a level, shape (1, C, *shape)."""
        image = shrink(self.fixed, shape)
        return mind_descriptors(image) if self.measure == "mind" else image

    def moving_at(self, shape: Sequence[int], field: torch.Tensor) -> torch.Tensor:
        """The moving image at a level, before it is warped by the displacement found so far.

        For ``"intensity"`` its grey values are turned into the fixed image's at full size: after
        shrinking, a voxel between two tissues would look like a third one.
        """
        if self.measure != "intensity":
            image = shrink(self.moving, shape)
            return mind_descriptors(image) if self.measure == "mind" else image
        stride = max(1, round((self.fixed[0, 0].numel() / FIT_VOXELS) ** (1 / (self.fixed.ndim - 2))))
        fixed, moving, weight = self._samples(field, stride)
        return shrink(fit_transfer(fixed, moving, self.backgrounds, weight)(self.moving), shape)

    def weight_at(self, shape: Sequence[int]) -> torch.Tensor | None:
        """The weight at a level."""
        return None if self.weight is None else shrink(self.weight, shape)

    def _samples(
        self, field: torch.Tensor, stride: int
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """Fixed values, warped moving values and weights on a sparse grid of full-size voxels."""
        import torch

        size = self.fixed.shape[2:]
        sparse = (slice(None), slice(None), *[slice(stride // 2, None, stride)] * len(size))
        where = identity_grid(size, self.fixed)[sparse]
        moved = resize_displacement(field, where.shape[2:])
        ratios = [n / m for n, m in zip(size, where.shape[2:], strict=True)]
        moved *= torch.tensor(ratios).to(moved).reshape(1, -1, *[1] * len(size))
        values = sample(self.moving, where + moved, "nearest")
        weight = None if self.weight is None else self.weight[sparse]
        return self.fixed[sparse], values, weight


def shrink(image: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
    """Bring an image to a smaller size without aliasing."""
    ratios = [n / m for n, m in zip(image.shape[2:], shape, strict=True)]
    if all(r == 1 for r in ratios):
        return image
    return resize(gaussian(image, [0.5 * r if r > 1 else 0.0 for r in ratios]), shape)
