"""Where an image shows something: what stands out from the empty surroundings at its border."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

NOISE_WIDTHS = 6.0
"""How many median absolute deviations (about four standard deviations of noise) are still background."""

SMALLEST, LARGEST = 0.02, 0.25
"""The background's half width, as a share of the range of values; wider than that there is none."""


def tissue_mask(image: torch.Tensor) -> torch.Tensor:
    """Return 1 where an image shows something and 0 where it shows its background.

    Parameters
    ----------
    image : torch.Tensor
        Shape (1, 1, *S).

    Returns
    -------
    torch.Tensor
        Shape of ``image``; 1 everywhere if the border has no common value.
    """
    import torch

    border = border_values(image)
    level = border.median()
    width = NOISE_WIDTHS * float((border - level).abs().median())
    ends = torch.quantile(_some(image), torch.tensor([0.005, 0.995]).to(image))
    extent = float(ends[1] - ends[0])
    if extent <= 0 or width > LARGEST * extent:
        return torch.ones_like(image)
    return ((image - level).abs() > max(width, SMALLEST * extent)).to(image.dtype)


def border_values(image: torch.Tensor) -> torch.Tensor:
    """Return the values of the outermost voxels, shape (N,)."""
    import torch

    faces = [image.select(axis, end).flatten() for axis in range(2, image.ndim) for end in (0, -1)]
    return torch.cat(faces)


def _some(image: torch.Tensor, count: int = 200_000) -> torch.Tensor:
    flat = image.flatten()
    return flat[:: max(1, len(flat) // count)]
