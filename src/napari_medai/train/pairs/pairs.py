"""Pairs of images for a registration network: drawn at random, and judged by how alike they become."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_medai.core.geometry import FloatArray
from napari_medai.models.displacing import follow, warp
from napari_medai.register.tensors import box_mean

if TYPE_CHECKING:
    import torch

    from napari_medai.train.loader import Batch
    from napari_medai.train.stepping import Objective

RADIUS = 4
"""Half the side of the box over which local correlation is taken, in voxels of the window."""

FLAT = 1e-3
"""Variance (of values from 0 to 1) below which a box counts as showing nothing."""

DIFFERENCE = 10.0
"""How much the mean squared difference weighs beside correlation: it pulls where nothing overlaps yet."""

TOGETHER = {"turn": 0.2, "scale": 0.12, "shift": 0.06}
"""How far both images of a pair are moved: radians, share of the size, share of the window."""

APART = {"turn": 0.05, "scale": 0.04, "shift": 0.02}
"""How much further the moving image is: what a linear registration leaves."""


@dataclass(frozen=True, eq=False)
class Pairs:
    """Draws pairs of different images, moved together and a little apart, each as bright as it happens.

    Parameters
    ----------
    volumes : torch.Tensor
        Shape (N, 1, *S): the images, linearly registered to one of them, from 0 to 1.
    batch : int
        Pairs drawn at a time.
    """

    volumes: torch.Tensor
    batch: int

    def __call__(self, rng: np.random.Generator) -> Batch:
        """Return a batch of (batch, 2, *S): fixed, moving."""
        import torch

        pairs = [self._pair(rng) for _ in range(self.batch)]
        return (torch.stack(pairs),)

    def _pair(self, rng: np.random.Generator) -> torch.Tensor:
        import torch

        one, two = rng.choice(len(self.volumes), 2, replace=False)
        ndim = self.volumes.ndim - 2
        both = _move(rng, ndim, TOGETHER)
        sides = []
        for index, matrix in ((one, both), (two, both @ _move(rng, ndim, APART))):
            seen = _looked_up(self.volumes[index : index + 1], matrix)
            sides.append(seen[0, 0] ** float(np.exp(rng.uniform(-0.3, 0.3))))
        return torch.stack(sides)


def unsupervised(smoothness: float) -> Objective:
    """Make an objective that needs no truth: likeness after the move, and a smooth velocity.

    Parameters
    ----------
    smoothness : float
        How much the squared slopes of the velocity weigh.
    """

    def objective(network: torch.nn.Module, batch: Batch) -> torch.Tensor:
        import torch

        velocity = network(batch[0])
        with torch.autocast(batch[0].device.type, enabled=False):
            velocity, pair = velocity.float(), batch[0].float()
            moved = warp(pair[:, 1:], follow(velocity))
            apart = 1 - local_correlation(pair[:, :1], moved).mean()
            apart = apart + DIFFERENCE * (pair[:, :1] - moved).pow(2).mean()
            return apart + smoothness * _roughness(velocity)

    return objective


def local_correlation(one: torch.Tensor, two: torch.Tensor) -> torch.Tensor:
    """Return the squared correlation of two images within each box, shape (B, 1, *S)."""
    mean_a, mean_b = box_mean(one, RADIUS), box_mean(two, RADIUS)
    spread_a = (box_mean(one * one, RADIUS) - mean_a * mean_a).clamp(min=0)
    spread_b = (box_mean(two * two, RADIUS) - mean_b * mean_b).clamp(min=0)
    together = box_mean(one * two, RADIUS) - mean_a * mean_b
    return together**2 / ((spread_a + FLAT) * (spread_b + FLAT))


def _roughness(velocity: torch.Tensor) -> torch.Tensor:
    slopes = [velocity.diff(dim=axis).pow(2).mean() for axis in range(2, velocity.ndim)]
    return sum(slopes[1:], slopes[0]) / len(slopes)


def _move(rng: np.random.Generator, ndim: int, most: dict[str, float]) -> FloatArray:
    """Draw a small affine move in halves of the window, (D+1, D+1)."""
    matrix = np.eye(ndim + 1)
    lean = rng.uniform(-most["turn"], most["turn"], (ndim, ndim))
    matrix[:-1, :-1] += (lean - lean.T) / 2 + np.diag(rng.uniform(-most["scale"], most["scale"], ndim))
    matrix[:-1, -1] = 2 * rng.uniform(-most["shift"], most["shift"], ndim)
    return matrix


def _looked_up(values: torch.Tensor, matrix: FloatArray) -> torch.Tensor:
    """Move an image (1, 1, *S) by a matrix in halves of its longest side."""
    import torch

    halves = np.array(values.shape[2:]) / max(values.shape[2:])
    linear = matrix[:-1, :-1] * halves[None, :] / halves[:, None]
    shift = matrix[:-1, -1] / halves
    # torch counts axes from the last one
    theta = np.concatenate([linear[::-1, ::-1], shift[::-1, None]], axis=1)
    size = list(values.shape)
    places = torch.nn.functional.affine_grid(torch.tensor(theta[None], dtype=values.dtype), size, False)
    return torch.nn.functional.grid_sample(values, places, align_corners=False)
