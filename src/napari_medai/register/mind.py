"""A description of each voxel's surroundings that is alike in different modalities."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from napari_medai.register.tensors import box_mean

if TYPE_CHECKING:
    import torch


def mind_descriptors(image: torch.Tensor, radius: int = 1, distance: int = 2) -> torch.Tensor:
    """Compute MIND-SSC: how alike the patches around each voxel are to each other.

    Parameters
    ----------
    image : torch.Tensor
        Shape (1, 1, *S).
    radius : int
        Half the edge of a patch, in voxels.
    distance : int
        How far the patches' centres lie from the voxel.

    Returns
    -------
    torch.Tensor
        Shape (1, C, *S) with C = 12 in 3-D and 4 in 2-D, values 0 to 1.

    References
    ----------
    Heinrich et al., Towards Realtime Multimodal Fusion for Image-Guided Interventions Using
    Self-similarities, MICCAI 2013.
    """
    import torch

    pairs = _pairs(image.ndim - 2, distance)
    ends = {end: _shifted(image, end) for pair in pairs for end in pair}
    distances = box_mean(torch.cat([ends[a] - ends[b] for a, b in pairs], dim=1) ** 2, radius)
    distances = distances - distances.amin(dim=1, keepdim=True)
    noise = distances.mean(dim=1, keepdim=True)
    typical = float(noise.mean())
    noise = noise.clamp(min=1e-3 * typical + 1e-12, max=1e3 * typical + 1e-12)
    return torch.exp(-distances / noise)


def _pairs(ndim: int, distance: int) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Neighbours of a voxel that are neighbours of each other across a corner, not through the voxel."""
    ends = [
        tuple(sign * distance if k == axis else 0 for k in range(ndim))
        for axis in range(ndim)
        for sign in (-1, 1)
    ]
    return [(a, b) for a, b in combinations(ends, 2) if any(x + y for x, y in zip(a, b, strict=True))]


def _shifted(image: torch.Tensor, offset: tuple[int, ...]) -> torch.Tensor:
    import torch

    margins = [m for o in reversed(offset) for m in (max(-o, 0), max(o, 0))]
    padded = torch.nn.functional.pad(image, margins, mode="replicate")
    where = tuple(slice(max(o, 0), max(o, 0) + n) for o, n in zip(offset, image.shape[2:], strict=True))
    return padded[(slice(None), slice(None), *where)]
