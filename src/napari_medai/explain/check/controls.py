"""Maps that know nothing of the network: what an explanation must beat."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def random_map(shape: Sequence[int], cells: Sequence[int], seed: int) -> Floats:
    """Noise as coarse as the explanation: one random value a cell, interpolated linearly."""
    from scipy.ndimage import zoom

    values = np.random.default_rng(seed).random(tuple(cells))
    factors = [n / c for n, c in zip(shape, cells, strict=True)]
    return np.asarray(zoom(values, factors, order=1, grid_mode=True, mode="nearest"), np.float32)


def centre_map(shape: Sequence[int]) -> Floats:
    """A Gaussian around the middle, its sigma a quarter of each side."""
    lines = [np.exp(-0.5 * ((np.arange(n) - (n - 1) / 2) / (n / 4)) ** 2) for n in shape]
    return np.asarray(np.prod(np.meshgrid(*lines, indexing="ij"), axis=0), np.float32)


def edge_map(volume: Floats, sigma: float = 1.0) -> Floats:
    """Gradient magnitude of the input (C, *S) at a scale in voxels, channels summed."""
    from scipy.ndimage import gaussian_gradient_magnitude

    return np.asarray(sum(gaussian_gradient_magnitude(c, sigma) for c in volume), np.float32)
