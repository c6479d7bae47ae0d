"""Whether a map points at a thing whose place is known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]


def points_inside(heat: Floats, mask: Mask) -> bool:
    """Pointing game: whether the strongest voxel lies in the mask; a flat map points nowhere.

    References
    ----------
    Zhang et al., Top-down Neural Attention by Excitation Backprop, ECCV 2016.
    """
    return bool(np.ptp(heat) > 0 and mask.flat[int(np.argmax(heat))])


def energy_inside(heat: Floats, mask: Mask) -> float:
    """The share of a map's sum that lies in the mask, 0 to 1; 0 for an empty map.

    References
    ----------
    Wang et al., Score-CAM, CVPR Workshops 2020 (energy-based pointing game).
    """
    total = float(heat.sum(dtype=np.float64))
    return float(heat[mask].sum(dtype=np.float64)) / total if total > 0 else 0.0


def energy_needed(mask: Mask) -> float:
    """Three times the mask's share of the image, at most halfway from that share to all."""
    share = float(mask.mean())
    return min(3 * share, (1 + share) / 2)
