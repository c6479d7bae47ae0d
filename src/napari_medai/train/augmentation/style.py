"""A patch given the look of another case: its content kept, its statistics another's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

LOW_SHARE = 0.05
"""Share of the frequencies, along each axis, that count as a case's look."""


def with_amplitude(rng: np.random.Generator, patch: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Mix the amplitudes of a patch's lowest frequencies with another's, its phases kept.

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws how much of the other's, up to all.
    patch, other : torch.Tensor
        Of one shape (channels, ...).

    References
    ----------
    Yang and Soatto 2020, FDA: Fourier domain adaptation, arXiv 2004.05498.
    """
    import torch

    axes = tuple(range(1, patch.ndim))
    mine, theirs = torch.fft.fftn(patch, dim=axes), torch.fft.fftn(other, dim=axes)
    weight = torch.full((), float(rng.uniform(0, 1)), device=patch.device)
    for axis in axes:
        low = torch.fft.fftfreq(patch.shape[axis], device=patch.device).abs() <= LOW_SHARE / 2
        weight = weight[..., None] * low if weight.ndim else weight * low
    amplitude = torch.lerp(mine.abs(), theirs.abs(), weight.expand_as(mine.abs()))
    mixed: torch.Tensor = torch.fft.ifftn(torch.polar(amplitude, mine.angle()), dim=axes).real
    return mixed


def with_moments(rng: np.random.Generator, patch: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Shift and stretch each channel towards another patch's mean and standard deviation.

    References
    ----------
    Huang and Belongie 2017, arbitrary style transfer by adaptive instance normalisation, arXiv 1703.06868.
    """
    axes = tuple(range(1, patch.ndim))
    mean, deviation = patch.mean(axes, keepdim=True), patch.std(axes, keepdim=True).clamp_min(1e-3)
    goal_mean, goal_deviation = other.mean(axes, keepdim=True), other.std(axes, keepdim=True)
    styled = (patch - mean) / deviation * goal_deviation + goal_mean
    return patch.lerp(styled, float(rng.uniform(0, 1)))


STYLES = {"fourier": with_amplitude, "moments": with_moments}
"""Every way by the name a plan calls it."""
