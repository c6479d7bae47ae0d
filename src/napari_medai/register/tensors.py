"""The few array operations registration is made of, on torch tensors of shape (1, C, *S), 2-D or 3-D."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

_LINEAR = {2: "bilinear", 3: "trilinear"}


def box_sum(values: torch.Tensor, radius: int) -> torch.Tensor:
    """Sum over a box of ``2 * radius + 1`` voxels along every axis, zero outside the image.

    Windows are doubled step by step, so that the cost grows with the logarithm of the radius. Numbers of
    16 bits are added up in float32.
    """
    values = values.float() if values.element_size() < 4 else values
    width = 2 * radius + 1
    for axis in range(2, values.ndim):
        length = values.shape[axis]
        padded = _padded(values, axis, radius, "constant")
        total, sums, start = None, padded, 0
        for bit in range(width.bit_length()):
            span = 1 << bit
            if width & span:
                piece = sums.narrow(axis, start, length)
                total = piece if total is None else total + piece
                start += span
            if width >> (bit + 1):
                shorter = sums.shape[axis] - span
                sums = sums.narrow(axis, 0, shorter) + sums.narrow(axis, span, shorter)
        values = padded if total is None else total
    return values


def box_mean(values: torch.Tensor, radius: int) -> torch.Tensor:
    """Mean over a box of ``2 * radius + 1`` voxels along every axis, zero outside the image."""
    return box_sum(values, radius) / float((2 * radius + 1) ** (values.ndim - 2))


def gaussian(values: torch.Tensor, sigma: Sequence[float] | float) -> torch.Tensor:
    """Smooth by a Gaussian of ``sigma`` voxels (one number or one an axis), edges extended."""
    ndim = values.ndim - 2
    sigmas = [float(sigma)] * ndim if isinstance(sigma, int | float) else list(sigma)
    for axis, width in enumerate(sigmas, start=2):
        radius = min(int(3 * width + 0.5), values.shape[axis] - 1)
        if radius < 1:
            continue
        weights = [math.exp(-0.5 * (k / width) ** 2) for k in range(radius + 1)]
        scale = 1.0 / (weights[0] + 2 * sum(weights[1:]))
        length = values.shape[axis]
        padded = _padded(values, axis, radius, "replicate")
        smoothed = padded.narrow(axis, radius, length) * (weights[0] * scale)
        for k in range(1, radius + 1):
            pair = padded.narrow(axis, radius - k, length) + padded.narrow(axis, radius + k, length)
            smoothed.add_(pair, alpha=weights[k] * scale)
        values = smoothed
    return values


def gradient(values: torch.Tensor) -> torch.Tensor:
    """Central differences of a one-channel image: (1, 1, *S) -> (1, D, *S), per voxel."""
    import torch

    parts = []
    for axis in range(2, values.ndim):
        length = values.shape[axis]
        padded = _padded(values, axis, 1, "replicate")
        parts.append((padded.narrow(axis, 2, length) - padded.narrow(axis, 0, length)) * 0.5)
    return torch.cat(parts, dim=1)


def identity_grid(shape: Sequence[int], like: torch.Tensor) -> torch.Tensor:
    """Return the index of every voxel, shape (1, D, *S)."""
    import torch

    lines = [torch.arange(n, dtype=like.dtype, device=like.device) for n in shape]
    return torch.stack(torch.meshgrid(*lines, indexing="ij"))[None]


def sample(
    values: torch.Tensor, positions: torch.Tensor, mode: str = "bilinear", beyond: str = "border"
) -> torch.Tensor:
    """Look values up at fractional indices (1, D, *S).

    ``mode`` is ``"bilinear"`` (in any dimension) or ``"nearest"``; ``beyond`` the image there is what its
    ``"border"`` has, or ``"zeros"``.
    """
    import torch

    sizes = values.shape[2:]
    # grid_sample counts its coordinates from the last axis, and from -1 to 1
    lines = [
        positions[0, axis] * (2.0 / max(sizes[axis] - 1, 1)) - 1.0 for axis in reversed(range(len(sizes)))
    ]
    grid = torch.stack(lines, dim=-1)[None]
    return torch.nn.functional.grid_sample(values, grid, mode=mode, padding_mode=beyond, align_corners=True)


def resize(values: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
    """Interpolate linearly to another size over the same field of view."""
    import torch

    if tuple(shape) == tuple(values.shape[2:]):
        return values
    return torch.nn.functional.interpolate(
        values, size=tuple(shape), mode=_LINEAR[len(shape)], align_corners=False
    )


def resize_displacement(field: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
    """Bring a displacement in voxels (1, D, *S) to another grid over the same field of view."""
    import torch

    scale = torch.tensor([n / m for n, m in zip(shape, field.shape[2:], strict=True)], device=field.device)
    return resize(field, shape) * scale.to(field.dtype).reshape(1, -1, *[1] * len(shape))


def _padded(values: torch.Tensor, axis: int, width: int, mode: str) -> torch.Tensor:
    import torch

    margins = [0] * (2 * (values.ndim - 2))
    place = 2 * (values.ndim - 1 - axis)
    margins[place] = margins[place + 1] = width
    return torch.nn.functional.pad(values, margins, mode=mode)
