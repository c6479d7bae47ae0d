"""How alike two maps are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
SMALLEST_SIDE = 3
SAYS_NOTHING = 0.05
"""A map's value, as a share of its largest, up to which a voxel is not marked."""


def spearman(one: Floats, other: Floats) -> float:
    """Rank correlation of two maps of one shape, -1 to 1; 0 where one of them is flat."""
    from scipy.stats import rankdata

    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return 0.0
    return float(np.corrcoef(rankdata(one), rankdata(other))[0, 1])


def structural_similarity(one: Floats, other: Floats) -> float:
    """SSIM of two maps, each scaled to 0..1, over the voxels of which one of them says something.

    Where both are nearly 0 they are alike whatever they say elsewhere: two maps that each mark one
    small place would count as like each other. Those voxels are left out; 1 for equal maps.

    References
    ----------
    Wang et al., Image Quality Assessment: From Error Visibility to Structural Similarity, IEEE TIP 2004.
    """
    from skimage.metrics import structural_similarity as ssim

    side = min(7, min(one.shape))
    window = side if side % 2 else side - 1
    if window < SMALLEST_SIDE:
        raise ValueError(f"a map of shape {one.shape} is too small for SSIM")
    a, b = scaled(one), scaled(other)
    _, local = ssim(a, b, win_size=window, data_range=1.0, full=True)
    told = (a > SAYS_NOTHING) | (b > SAYS_NOTHING)
    return float(local[told].mean()) if told.any() else 1.0


def scaled(values: Floats) -> Floats:
    """Bring a map to 0..1; a flat one becomes 0."""
    low, high = float(values.min()), float(values.max())
    return ((values - low) / (high - low) if high > low else np.zeros_like(values)).astype(np.float32)
