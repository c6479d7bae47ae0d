"""What graph cuts and their convex cousins minimise: how unlikely a label is at each voxel."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medai.preprocess.arrays import FloatVolume

_BINS = 64
_CERTAIN = 1e3


def stroke_costs(volume: FloatVolume, painted: NDArray[np.integer[Any]]) -> FloatVolume:
    """Return the cost (K, z, y, x) of each painted label at each voxel.

    The cost is minus the logarithm of the label's share among the intensities like the voxel's, from
    smoothed histograms under the strokes; under a stroke any other label costs too much.
    """
    from scipy import ndimage

    numbers = [n for n in np.unique(painted) if n != 0]
    low, high = float(volume.min()), float(volume.max())
    bins = np.clip(((volume - low) / (high - low) * _BINS).astype(np.intp), 0, _BINS - 1)
    shares = []
    for number in numbers:
        counts = np.bincount(bins[painted == number], minlength=_BINS).astype(float)
        smooth = ndimage.gaussian_filter1d(counts, 2.0, mode="constant")
        shares.append(smooth / smooth.sum() + 1e-3)
    total = np.sum(shares, axis=0)
    costs = np.stack([-np.log(share / total)[bins] for share in shares]).astype(np.float32)
    for k, number in enumerate(numbers):
        costs[:, painted == number] = _CERTAIN
        costs[k][painted == number] = 0
    return np.asarray(costs, dtype=np.float32)


def edge_weights(volume: FloatVolume) -> FloatVolume:
    """Return how dear a border is at each voxel, 0 to 1: cheap where intensities change."""
    square = np.zeros(volume.shape, dtype=np.float32)
    for axis in range(volume.ndim):
        if volume.shape[axis] > 1:
            square += np.gradient(volume, axis=axis) ** 2
    scale = float(np.mean(square)) or 1.0
    return np.asarray(np.exp(-square / (2 * scale)), dtype=np.float32)
