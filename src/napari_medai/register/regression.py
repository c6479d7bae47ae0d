"""How well one image's grey values tell the other's: the mean fixed value for each moving value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

BINS = 48


@dataclass(frozen=True)
class Regression:
    """A piecewise linear curve through the mean fixed value of each bin of moving values.

    Parameters
    ----------
    low, high : float
        The range of moving values.
    curve : torch.Tensor
        Fixed values at equal steps from ``low`` to ``high``, shape (BINS,).
    explained : float
        The correlation ratio: the share of the fixed values' variance that the curve explains, 0 to 1.
    """

    low: float
    high: float
    curve: torch.Tensor
    explained: float

    def __call__(self, values: torch.Tensor) -> torch.Tensor:
        """Turn moving values into the fixed values to expect there."""
        place = ((values - self.low) * ((BINS - 1) / (self.high - self.low))).clamp(0, BINS - 1)
        index = place.floor().clamp(max=BINS - 2).long()
        steps = self.curve[1:] - self.curve[:-1]
        return self.curve[:-1][index] + (place - index) * steps[index]


def fit_regression(fixed: torch.Tensor, moving: torch.Tensor, weight: torch.Tensor) -> Regression:
    """Estimate the curve from the values of two images at the same places.

    Parameters
    ----------
    fixed, moving, weight : torch.Tensor
        Shape (N,); ``weight`` says how much each place counts.

    References
    ----------
    Roche et al., The Correlation Ratio as a New Similarity Measure for Multimodal Image Registration,
    MICCAI 1998.
    """
    import torch

    low, high = float(moving.min()), float(moving.max())
    high = high if high > low else low + 1.0
    place = (moving - low) * ((BINS - 1) / (high - low))
    below = place.floor().clamp(0, BINS - 2)
    upper = (place - below).double() * weight.double()
    index = below.long()
    count = _binned(weight.double() - upper, index) + _binned(upper, index + 1)
    value = fixed.double()
    total = _binned((weight.double() - upper) * value, index) + _binned(upper * value, index + 1)
    mass = float(count.sum())
    if mass <= 0:
        return Regression(low, high, torch.zeros(BINS), 0.0)
    mean = float(total.sum()) / mass
    variance = float((weight.double() * (value - mean) ** 2).sum()) / mass
    between = float((total**2 / count.clamp(min=1e-12)).sum()) / mass - mean**2
    curve = ((total + 1e-3 * mean) / (count + 1e-3)).to(fixed.dtype)
    return Regression(low, high, curve, min(max(between / variance, 0.0), 1.0) if variance > 0 else 0.0)


def _binned(values: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    import torch

    return torch.bincount(index, weights=values, minlength=BINS)
