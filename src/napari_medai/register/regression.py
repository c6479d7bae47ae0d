"""How well one image's grey values tell the other's: the mean fixed value for each moving value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

BINS = 48


@dataclass(frozen=True)
class Regression:
    """A piecewise linear curve through the mean fixed value of each bin of moving tissue values.

    Parameters
    ----------
    low, high : float
        The range of moving values.
    curve : torch.Tensor
        Fixed values at equal steps from ``low`` to ``high``, shape (BINS,).
    background : float
        The fixed value where there is no moving tissue.
    """

    low: float
    high: float
    curve: torch.Tensor
    background: float

    def __call__(self, moving: torch.Tensor) -> torch.Tensor:
        """Turn moving values (1, 2, *S) into the fixed values (1, 1, *S) to expect there.

        A voxel partly filled by tissue is expected to be partly like the background.
        """
        values, share = tissue_values(moving)
        place = ((values - self.low) * ((BINS - 1) / (self.high - self.low))).clamp(0, BINS - 1)
        index = place.floor().clamp(max=BINS - 2).long()
        steps = self.curve[1:] - self.curve[:-1]
        inside = self.curve[:-1][index] + (place - index) * steps[index]
        return self.background + share * (inside - self.background)


def fit_regression(fixed: torch.Tensor, moving: torch.Tensor, weight: torch.Tensor) -> Regression:
    """Estimate the curve from the values of two images at the same places.

    Parameters
    ----------
    fixed, weight : torch.Tensor
        Shape (1, 1, *S); ``weight`` says how much each place counts.
    moving : torch.Tensor
        Shape (1, 2, *S): tissue values times the share of tissue, and that share.

    References
    ----------
    Roche et al., The Correlation Ratio as a New Similarity Measure for Multimodal Image Registration,
    MICCAI 1998.
    """
    values, share = tissue_values(moving)
    low, high = float(values.min()), float(values.max())
    high = high if high > low else low + 1.0
    place = ((values - low) * ((BINS - 1) / (high - low))).flatten()
    index = place.floor().clamp(0, BINS - 2).long()
    mass = (weight * share).flatten().double()
    upper = (place - index) * mass
    target = fixed.flatten().double()
    count = _binned(mass - upper, index) + _binned(upper, index + 1)
    total = _binned((mass - upper) * target, index) + _binned(upper * target, index + 1)
    mean = float(total.sum() / count.sum().clamp(min=1e-12))
    curve = ((total + 1e-3 * mean) / (count + 1e-3)).to(fixed.dtype)
    empty = (weight * (1 - share)).double()
    background = float((empty * fixed).sum() / empty.sum()) if float(empty.sum()) > 0 else mean
    return Regression(low, high, curve, background)


def tissue_values(moving: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Split (1, 2, *S) into the tissue's own values, free of background, and the share of tissue."""
    share = moving[:, 1:]
    return moving[:, :1] / share.clamp(min=1e-3), share


def explained(fixed: torch.Tensor, expected: torch.Tensor, weight: torch.Tensor) -> float:
    """Return the share of the fixed values' variance that the expected ones explain, 0 to 1."""
    mass = float(weight.sum())
    if mass <= 0:
        return 0.0
    mean = float((weight * fixed).sum()) / mass
    spread = float((weight * (fixed - mean) ** 2).sum())
    rest = float((weight * (fixed - expected) ** 2).sum())
    return min(max(1 - rest / spread, 0.0), 1.0) if spread > 0 else 0.0


def squared_correlation(one: torch.Tensor, two: torch.Tensor) -> float:
    """Return the share of one image's variance that a straight line through the other explains."""
    a, b = one - one.mean(), two - two.mean()
    spread = float(a.pow(2).mean()) * float(b.pow(2).mean())
    return float((a * b).mean()) ** 2 / spread if spread > 0 else 0.0


def _binned(values: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    import torch

    return torch.bincount(index, weights=values, minlength=BINS)
