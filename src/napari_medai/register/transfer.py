"""One image's grey values turned into the other's, rising or falling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

LEVELS = 129
BACKGROUND_SHARE = 0.5
TOLERANCE = 0.01

LINE_ROUNDS = 10


@dataclass(frozen=True)
class Transfer:
    """A monotone curve between the tissues of two images; the background goes to the background.

    Parameters
    ----------
    moving, fixed : torch.Tensor
        Values that stand for each other, shape (LEVELS,); ``moving`` rises.
    backgrounds : tuple of float, optional
        The moving and the fixed background, where both images have one.
    tolerance : float
        How far from the background a moving value still belongs to it.
    """

    moving: torch.Tensor
    fixed: torch.Tensor
    backgrounds: tuple[float, float] | None
    tolerance: float

    def __call__(self, values: torch.Tensor) -> torch.Tensor:
        """Turn moving values into the fixed values they stand for."""
        import torch

        upper = torch.searchsorted(self.moving, values.contiguous()).clamp(1, LEVELS - 1)
        low, high = self.moving[upper - 1], self.moving[upper]
        share = ((values - low) / (high - low).clamp(min=1e-12)).clamp(0, 1)
        mapped = torch.lerp(self.fixed[upper - 1], self.fixed[upper], share)
        if self.backgrounds is None:
            return mapped
        nothing, background = self.backgrounds
        return torch.where((values - nothing).abs() <= self.tolerance, background, mapped)


def fit_transfer(
    fixed: torch.Tensor,
    moving: torch.Tensor,
    backgrounds: tuple[float, float] | None,
    weight: torch.Tensor | None = None,
) -> Transfer:
    """Match the distribution of moving values to the fixed ones, over the tissue that both show.

    Parameters
    ----------
    fixed, moving : torch.Tensor
        Values at the same places of two images, roughly aligned.
    backgrounds : tuple of float, optional
        See :func:`background_value`.
    weight : torch.Tensor, optional
        Places where it is 0 are left out.

    Returns
    -------
    Transfer
        Rising where the images correlate, falling where they do so inversely: no change, a straight
        line or the match of all quantiles, whichever leaves the smallest difference. Two people hold
        different shares of each tissue, which quantiles alone would take for a difference of contrast.

    References
    ----------
    Nyul, Udupa and Zhang, New variants of a method of MRI scale standardization, IEEE TMI 2000.
    """
    import torch

    f, m = fixed.flatten(), moving.flatten()
    tolerance = TOLERANCE * float(m.max() - m.min())
    tissue = torch.ones_like(f, dtype=torch.bool) if weight is None else weight.flatten() > 0
    if backgrounds is not None:
        nothing, background = backgrounds
        spread = TOLERANCE * float(f.max() - f.min())
        tissue &= ((m - nothing).abs() > tolerance) & ((f - background).abs() > spread)
    if int(tissue.sum()) < LEVELS:
        tissue = torch.ones_like(tissue)
    f, m = f[tissue], m[tissue]
    levels = torch.linspace(0, 1, LEVELS, dtype=f.dtype, device=f.device)
    ours, theirs = torch.quantile(m, levels), torch.quantile(f, levels)
    if float(((f - f.mean()) * (m - m.mean())).sum()) < 0:
        theirs = theirs.flip(0)
    curves = [Transfer(ours, c, backgrounds, tolerance) for c in (ours, _line(f, m, ours, theirs), theirs)]
    return min(curves, key=lambda curve: float((f - curve(m)).abs().mean()))


def _line(f: torch.Tensor, m: torch.Tensor, ours: torch.Tensor, theirs: torch.Tensor) -> torch.Tensor:
    """Fit a straight line to the pairs of values that most voxels agree on.

    The ratio of the spreads is its slope, which favours neither image; pairs far from the line, where
    different tissues still lie on each other, hardly count.
    """
    import torch

    found = Transfer(ours, theirs, None, 0.0)(m)
    sign = 1.0 if float(theirs[-1] - theirs[0]) >= 0 else -1.0
    slope = shift = torch.zeros(())
    for _ in range(LINE_ROUNDS):
        rest = f - found
        width = 2 * rest.abs().median().clamp(min=1e-6)
        weight = 1 / (1 + (rest / width) ** 2) ** 2
        mass = weight.sum()
        middle_f, middle_m = (weight * f).sum() / mass, (weight * m).sum() / mass
        spread_f, spread_m = (weight * (f - middle_f) ** 2).sum(), (weight * (m - middle_m) ** 2).sum()
        slope = sign * (spread_f / spread_m.clamp(min=1e-12)).sqrt()
        shift = middle_f - slope * middle_m
        found = shift + slope * m
    return torch.as_tensor(shift + slope * ours)


def background_value(image: torch.Tensor) -> float | None:
    """Find the one value that most of an image's border has, or nothing.

    Parameters
    ----------
    image : torch.Tensor
        Shape (1, 1, *S).
    """
    import torch

    faces = [image.select(axis, end).flatten() for axis in range(2, image.ndim) for end in (0, -1)]
    border = torch.cat(faces)
    value = float(border.median())
    near = (border - value).abs() <= TOLERANCE * float(image.max() - image.min())
    return value if float(near.float().mean()) >= BACKGROUND_SHARE else None
