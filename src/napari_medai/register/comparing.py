"""What "alike" means to the linear part: one way of comparing two images for each measure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from napari_medai.register.curves import fit_curve
from napari_medai.register.forces import Measure
from napari_medai.register.information import compare_values, value_ends
from napari_medai.register.mind import mind_descriptors
from napari_medai.register.regression import explained, fit_regression
from napari_medai.register.tensors import box_mean, gradient

if TYPE_CHECKING:
    import torch

RADIUS = 3
"""Half the side of the box over which local correlation is taken, in voxels of a level."""


@dataclass(frozen=True)
class Comparison:
    """How alike two images are under one transform, and what is left to be done.

    Parameters
    ----------
    score : float
        1 where they tell each other fully, 0 or less where they do not.
    rest : torch.Tensor
        Shape (1, C, *S): by how much the values looked up should change.
    expected : torch.Tensor
        Shape (1, C, *S): the values whose slopes say how they change with a motion.
    weight : torch.Tensor
        Shape (1, 1, *S): how much the square of each place's rest counts.
    spread : float, optional
        The weighted sum of squares that a change of one in ``score`` stands for; without it, that of the
        fixed values about their mean.
    slopes : tuple of torch.Tensor
        The slopes (1, D, *S) of what ``expected`` comes to be, one a channel, where they are known.
    """

    score: float
    rest: torch.Tensor
    expected: torch.Tensor
    weight: torch.Tensor
    spread: float | None = None
    slopes: tuple[torch.Tensor, ...] = ()

    def channels(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield the slope (1, D, *S) and the rest (1, 1, *S) of each channel."""
        for channel in range(self.rest.shape[1]):
            one = slice(channel, channel + 1)
            slope = gradient(self.expected[:, one])
            # the mean of both slopes reaches the goal in fewer steps
            both = (self.slopes[channel] + slope) * 0.5 if self.slopes else slope
            yield both, self.rest[:, one]


Compare: TypeAlias = "Callable[[torch.Tensor, torch.Tensor], Comparison]"
"""From moving values (1, 2, *S), as tissue and its share, and the weight of each place."""


def make_compare(measure: Measure, fixed: torch.Tensor, moving: torch.Tensor, ground: float) -> Compare:
    """Prepare the comparison with one fixed image.

    Parameters
    ----------
    measure : str
        See :func:`napari_medai.register.images.register_images`; ``"intensity"`` means the correlation
        ratio here.
    fixed : torch.Tensor
        Shape (1, 1, *S).
    moving : torch.Tensor
        Shape (1, C, *T): tissue values times the share of tissue, that share, and whatever else.
    ground : float
        The moving value where there is no tissue.
    """
    if measure in ("intensity", "correlation_ratio"):
        return partial(_by_curve, fixed, (gradient(fixed),))
    if measure == "mind":
        there = mind_descriptors(fixed)
        slopes = tuple(gradient(there[:, c : c + 1]) for c in range(there.shape[1]))
        return lambda layers, weight: _by_surroundings(there, slopes, _plain(layers, ground), weight)
    if measure in ("mutual_information", "normalised_mutual_information"):
        ends = value_ends(fixed), value_ends(_plain(moving, ground))
        normalised = measure == "normalised_mutual_information"
        return lambda layers, weight: _by_information(fixed, ends, normalised, _plain(layers, ground), weight)
    compare = {"ssd": _by_difference, "ncc": _by_line, "lncc": _by_local_lines}[measure]
    slopes = (gradient(fixed),)
    return lambda layers, weight: compare(fixed, slopes, _plain(layers, ground), weight)


def _plain(layers: torch.Tensor, ground: float) -> torch.Tensor:
    """Return moving values with their background in its place, shape (1, 1, *S)."""
    return layers[:, :1] + ground * (1 - layers[:, 1:2])


def _by_curve(
    fixed: torch.Tensor, slopes: tuple[torch.Tensor, ...], layers: torch.Tensor, weight: torch.Tensor
) -> Comparison:
    """Fixed values against the best curve through the moving ones: the correlation ratio."""
    expected = fit_regression(fixed, layers, weight)(layers)
    score = explained(fixed, expected, weight)
    return Comparison(score, fixed - expected, expected, weight, slopes=slopes)


def _by_difference(
    fixed: torch.Tensor, slopes: tuple[torch.Tensor, ...], moving: torch.Tensor, weight: torch.Tensor
) -> Comparison:
    """Grey values as they are: the sum of squares."""
    rest, spread = fixed - moving, spread_of(fixed, weight)
    left = float((weight * rest * rest).sum())
    score = 1 / (1 + left / spread) if spread > 0 else 0.0
    return Comparison(score, rest, moving, weight, spread, slopes)


def _by_line(
    fixed: torch.Tensor, slopes: tuple[torch.Tensor, ...], moving: torch.Tensor, weight: torch.Tensor
) -> Comparison:
    """Fixed values against the best straight line: normalised cross-correlation, squared."""
    expected = fit_curve("ncc", fixed, moving, None, weight)(moving)
    score = explained(fixed, expected, weight)
    return Comparison(score, fixed - expected, expected, weight, slopes=slopes)


def _by_local_lines(
    fixed: torch.Tensor, slopes: tuple[torch.Tensor, ...], moving: torch.Tensor, weight: torch.Tensor
) -> Comparison:
    """Fixed values against the best line within each box: local correlation, squared."""
    mean_f, mean_m = box_mean(fixed, RADIUS), box_mean(moving, RADIUS)
    spread_f = (box_mean(fixed * fixed, RADIUS) - mean_f * mean_f).clamp(min=0)
    spread_m = (box_mean(moving * moving, RADIUS) - mean_m * mean_m).clamp(min=0)
    together = box_mean(fixed * moving, RADIUS) - mean_f * mean_m
    floor = 1e-4 * float(fixed.var()) + 1e-12
    slope = together / (spread_m + floor)
    alike = together * slope / (spread_f + floor)
    mass = float(weight.sum())
    score = float((weight * alike).sum()) / mass if mass > 0 else 0.0
    expected = mean_f + slope * (moving - mean_m)
    return Comparison(score, fixed - expected, expected, weight / (spread_f + floor), mass, slopes)


def _by_surroundings(
    fixed: torch.Tensor, slopes: tuple[torch.Tensor, ...], moving: torch.Tensor, weight: torch.Tensor
) -> Comparison:
    """Descriptors of each place's surroundings: MIND-SSC."""
    there = mind_descriptors(moving)
    rest = fixed - there
    left = float((weight * rest * rest).sum())
    spread = sum(spread_of(values, weight) for values in (fixed, there))
    score = 1 - left / spread if spread > 0 else 0.0
    return Comparison(score, rest, there, weight, spread, slopes)


def _by_information(
    fixed: torch.Tensor,
    ends: tuple[tuple[float, float], tuple[float, float]],
    normalised: bool,
    moving: torch.Tensor,
    weight: torch.Tensor,
) -> Comparison:
    """Mutual information; each value's pull, over its mean square, is a step of Fisher scoring."""
    found = compare_values(fixed, moving, weight, ends, normalised)
    mass = float(weight.sum())
    curvature = float((weight * found.pull**2).sum()) / mass if mass > 0 else 0.0
    rest = found.pull / max(curvature, 1e-12)
    return Comparison(found.share, rest, moving, weight * curvature, 2 * mass * found.entropy)


def spread_of(values: torch.Tensor, weight: torch.Tensor) -> float:
    """Return the weighted sum of squares about the weighted mean of each channel."""
    mass = weight.sum().clamp(min=1e-12)
    dims = tuple(range(2, values.ndim))
    mean = (weight * values).sum(dims, keepdim=True) / mass
    return float((weight * (values - mean) ** 2).sum())
