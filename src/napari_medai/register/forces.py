"""Which way each voxel should move to look more alike: one force for each measure of likeness."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, TypeAlias

from napari_medai.register.information import compare_values, value_ends
from napari_medai.register.tensors import box_mean, gradient

if TYPE_CHECKING:
    import torch

    Force: TypeAlias = Callable[[torch.Tensor], torch.Tensor]
    """From the warped moving image (1, C, *S) to a displacement in voxels (1, D, *S)."""

Measure: TypeAlias = Literal[
    "intensity",
    "ssd",
    "ncc",
    "lncc",
    "correlation_ratio",
    "mutual_information",
    "normalised_mutual_information",
    "mind",
]

DAMPING = 0.3
"""How much a large difference shortens a demons step; 1 bounds it by half a voxel."""

HISTOGRAM_VOXELS = 300_000
"""About how many voxels mutual information is estimated from."""


def make_force(measure: Measure, fixed: torch.Tensor) -> Force:
    """Prepare the force towards one fixed image.

    Parameters
    ----------
    measure : str
        See :func:`napari_medai.register.images.register_images`.
    fixed : torch.Tensor
        Shape (1, C, *S): grey values, or descriptors for ``"mind"``.
    """
    if measure == "lncc":
        return _correlation_force(fixed)
    if measure in ("mutual_information", "normalised_mutual_information"):
        return _information_force(fixed, measure == "normalised_mutual_information")
    differences = _difference_force(fixed)
    if measure != "intensity":
        return differences
    correlation = _correlation_force(fixed)
    return lambda moving: differences(moving) + correlation(moving)


def _difference_force(fixed: torch.Tensor) -> Force:
    """Demons with the mean of both gradients (efficient second-order minimisation).

    References
    ----------
    Vercauteren et al., Diffeomorphic Demons, NeuroImage 2009.
    """
    import torch

    slopes = [gradient(fixed[:, c : c + 1]) for c in range(fixed.shape[1])]
    floor = 1e-4 * float(fixed.float().var()) + 1e-12

    def force(moving: torch.Tensor) -> torch.Tensor:
        top = torch.zeros_like(slopes[0])
        bottom = torch.full_like(fixed[:, :1], floor)
        for channel, slope in enumerate(slopes):
            one = moving[:, channel : channel + 1]
            mean_slope = (gradient(one) + slope) * 0.5
            difference = fixed[:, channel : channel + 1] - one
            top.addcmul_(difference, mean_slope)
            bottom.add_((mean_slope * mean_slope).sum(1, keepdim=True))
            bottom.addcmul_(difference, difference, value=DAMPING)
        return top / bottom

    return force


def _correlation_force(fixed: torch.Tensor, radius: int = 3, step: float = 1.0) -> Force:
    """Gradient of the squared local correlation, scaled so that the strongest pull is ``step`` voxels.

    References
    ----------
    Avants et al., Symmetric diffeomorphic image registration with cross-correlation, MedIA 2008.
    """
    import torch

    # squares of 16 bits would drown small variances
    fixed = fixed.float()
    mean = box_mean(fixed, radius)
    variance = (box_mean(fixed * fixed, radius) - mean * mean).clamp(min=0)
    floor = 1e-6 * float(fixed.var()) ** 2 + 1e-24

    def force(moving: torch.Tensor) -> torch.Tensor:
        slopes, moving = gradient(moving), moving.float()
        moving_mean = box_mean(moving, radius)
        moving_variance = (box_mean(moving * moving, radius) - moving_mean * moving_mean).clamp(min=0)
        covariance = box_mean(fixed * moving, radius) - mean * moving_mean
        slope = 2 * covariance / (variance * moving_variance + floor)
        pull = slope * ((fixed - mean) - covariance / (moving_variance + floor**0.5) * (moving - moving_mean))
        update = pull * slopes
        strongest = float(update.pow(2).sum(1).max().sqrt())
        return torch.mul(update, step / strongest if strongest > 0 else 1.0)

    return force


def _information_force(fixed: torch.Tensor, normalised: bool) -> Force:
    """Gradient of the mutual information, as a demons step towards the values that would tell more."""
    import torch

    fixed = fixed.float()
    ends, everywhere = value_ends(fixed), torch.ones_like(fixed)
    stride = max(1, fixed.numel() // HISTOGRAM_VOXELS)
    floor = 1e-4 * float(fixed.var()) + 1e-12

    def force(moving: torch.Tensor) -> torch.Tensor:
        moving = moving.float()
        found = compare_values(fixed, moving, everywhere, (ends, value_ends(moving)), normalised, stride)
        difference = found.pull / found.pull.pow(2).mean().clamp(min=1e-12)
        slope = gradient(moving)
        bottom = (slope * slope).sum(1, keepdim=True) + DAMPING * difference**2 + floor
        return difference * slope / bottom

    return force
