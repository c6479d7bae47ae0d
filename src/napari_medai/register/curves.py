"""The curve from one image's grey values to the other's that each measure asks for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from napari_medai.register.forces import Measure
from napari_medai.register.regression import fit_regression
from napari_medai.register.transfer import fit_transfer

if TYPE_CHECKING:
    import torch

Curve: TypeAlias = "Callable[[torch.Tensor], torch.Tensor]"
"""From moving values to the fixed values they stand for."""

CURVES: frozenset[Measure] = frozenset({"intensity", "ncc", "correlation_ratio"})
"""Measures that compare values after a curve."""


def fit_curve(
    measure: Measure,
    fixed: torch.Tensor,
    moving: torch.Tensor,
    backgrounds: tuple[float, float] | None,
    weight: torch.Tensor | None,
) -> Curve:
    """Fit the curve of a measure to the values of two images at the same places.

    Parameters
    ----------
    measure : {"intensity", "ncc", "correlation_ratio"}
        A rising or falling curve, a straight line, or any curve.
    fixed, moving : torch.Tensor
        Shape (1, 1, *S).
    backgrounds : tuple of float, optional
        The moving and the fixed background, for ``"intensity"``.
    weight : torch.Tensor, optional
        How much each place counts.
    """
    if measure == "intensity":
        return fit_transfer(fixed, moving, backgrounds, weight)
    share = fixed.new_ones(fixed.shape) if weight is None else weight
    return _line(fixed, moving, share) if measure == "ncc" else _any_curve(fixed, moving, share)


def _line(fixed: torch.Tensor, moving: torch.Tensor, weight: torch.Tensor) -> Curve:
    """Least squares of the fixed values, rising or falling."""
    mass = weight.sum().clamp(min=1e-12)
    middle_f, middle_m = (weight * fixed).sum() / mass, (weight * moving).sum() / mass
    apart = moving - middle_m
    slope = (weight * apart * (fixed - middle_f)).sum() / (weight * apart * apart).sum().clamp(min=1e-12)
    return lambda values: middle_f + slope * (values - middle_m)


def _any_curve(fixed: torch.Tensor, moving: torch.Tensor, weight: torch.Tensor) -> Curve:
    """The mean fixed value of each bin of moving values."""
    found = fit_regression(fixed, _all_tissue(moving), weight)
    return lambda values: found(_all_tissue(values))


def _all_tissue(values: torch.Tensor) -> torch.Tensor:
    import torch

    return torch.cat([values, torch.ones_like(values)], dim=1)
