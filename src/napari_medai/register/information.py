"""Mutual information: how much the grey values of one image tell about the other's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_medai.register.tensors import gaussian, sample

if TYPE_CHECKING:
    import torch

BINS = 48
SMOOTHING = 1.0
"""Width of the Parzen windows, in bins, over which each pair of values is spread."""

UNSEEN = 0.01
"""Share of pairs taken to be spread evenly, so that pairs never seen are unlikely but not impossible."""


@dataclass(frozen=True)
class Information:
    """What a joint histogram says.

    Parameters
    ----------
    share : float
        Mutual information over the fixed image's entropy; or, normalised, the sum of both entropies
        over the joint one, less 1. Both lie between 0 and 1.
    entropy : float
        What a change of one in ``share`` stands for, in nats a voxel.
    pull : torch.Tensor
        Shape of the moving values: how much ``entropy * share`` grows, in nats a voxel, with each value.
    """

    share: float
    entropy: float
    pull: torch.Tensor


def value_ends(values: torch.Tensor) -> tuple[float, float]:
    """Return the ends of a histogram of scaled grey values; the rare ones beyond go to the last bins."""
    low, high = max(float(values.min()), -0.25), min(float(values.max()), 1.25)
    return (low, high) if high > low else (low, low + 1.0)


def compare_values(
    fixed: torch.Tensor,
    moving: torch.Tensor,
    weight: torch.Tensor,
    ends: tuple[tuple[float, float], tuple[float, float]],
    normalised: bool,
    stride: int = 1,
) -> Information:
    """Measure what moving values tell about fixed ones, and how each should change to tell more.

    Parameters
    ----------
    fixed, moving, weight : torch.Tensor
        Of one shape; ``weight`` says how much each place counts.
    ends : pair of (low, high)
        The range of fixed and of moving values, as of :func:`value_ends`.
    normalised : bool
        Divide by the joint entropy (Studholme), so that the size of the overlap matters less.
    stride : int
        The histogram is made of every so-manieth place.

    References
    ----------
    Mattes et al., PET-CT image registration in the chest using free-form deformations, IEEE TMI 2003.
    Studholme et al., An overlap invariant entropy measure of 3D medical image alignment, 1999.
    """
    import torch

    places = [_bins(v.flatten(), *e) for v, e in zip((fixed, moving), ends, strict=True)]
    some = [v[::stride] for v in (*places, weight.flatten())]
    joint = _histogram(some[0], some[1], some[2])
    of_fixed, of_moving = joint.sum(1, keepdim=True), joint.sum(0, keepdim=True)
    entropies = [-float((p * p.log()).sum()) for p in (of_fixed, of_moving, joint)]
    ratio = (entropies[0] + entropies[1]) / entropies[2] if normalised else 1.0
    entropy = entropies[2] if normalised else entropies[0]
    share = ratio - 1 if normalised else (entropies[0] + entropies[1] - entropies[2]) / entropies[0]
    likely = (ratio * joint.log() - of_moving.log())[None, None]
    # each value counts in all the bins over which it is spread
    per_value = torch.gradient(gaussian(likely, SMOOTHING)[0, 0], dim=1)[0] * (
        (BINS - 1) / (ends[1][1] - ends[1][0])
    )
    table = per_value.to(moving.dtype)[None, None]
    pull = sample(table, torch.stack(places)[None, :, None].to(moving.dtype))
    return Information(share, entropy, pull.reshape(moving.shape))


def _bins(values: torch.Tensor, low: float, high: float) -> torch.Tensor:
    return ((values - low) * ((BINS - 1) / (high - low))).clamp(0, BINS - 1)


def _histogram(fixed: torch.Tensor, moving: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Return the share of each pair of bins, shape (BINS, BINS), spread by Parzen windows."""
    import torch

    rows, columns = (v.floor().clamp(max=BINS - 2).long() for v in (fixed, moving))
    down, right, mass = (fixed - rows).double(), (moving - columns).double(), weight.double()
    total = torch.zeros(BINS * BINS, dtype=torch.double, device=fixed.device)
    for row, along in ((0, 1 - down), (1, down)):
        for column, across in ((0, 1 - right), (1, right)):
            index = (rows + row) * BINS + columns + column
            total += torch.bincount(index, mass * along * across, minlength=BINS * BINS)
    spread = gaussian(total.reshape(1, 1, BINS, BINS), SMOOTHING)[0, 0]
    return (1 - UNSEEN) * spread / spread.sum().clamp(min=1e-12) + UNSEEN / BINS**2
