"""What becomes of a score when what a map marks is taken away, or alone is left."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.progress import Progress, silent, track

Floats = NDArray[np.float32]
FIRST_SHARE, LAST_SHARE = 0.01, 0.4
"""Where a curve begins and ends, as a share of the input. It begins at the size of a small finding: where
more is taken away at once, a Gaussian in the middle takes what is near the middle as well as a good map."""


def shares_of_curve(points: int) -> tuple[float, ...]:
    """Return the shares of the input at which a curve is taken, evenly on a logarithmic axis."""
    return tuple(float(x) for x in np.geomspace(FIRST_SHARE, LAST_SHARE, points))


def deletion_curve(
    heat: Floats,
    volume: Floats,
    score: Callable[[Floats], float],
    shares: Sequence[float],
    progress: Progress = silent,
) -> list[float]:
    """Score after the strongest voxels of a map have been set to the input's mean.

    Parameters
    ----------
    heat : numpy.ndarray
        Shape (*S).
    volume : numpy.ndarray
        Shape (C, *S).
    score : callable
        From a volume to a number.
    shares : sequence of float
        Which share of the voxels is taken away.
    progress : Progress
        Hears each share.

    References
    ----------
    Petsiuk et al., RISE: Randomized Input Sampling for Explanation of Black-box Models, BMVC 2018.
    """
    blank = np.broadcast_to(volume.mean(axis=tuple(range(1, volume.ndim)), keepdims=True), volume.shape)
    return [
        score(np.where(strongest(heat, share), blank, volume))
        for share in track(shares, progress, "Taking away")
    ]


def insertion_curve(
    heat: Floats,
    volume: Floats,
    score: Callable[[Floats], float],
    shares: Sequence[float],
    progress: Progress = silent,
) -> list[float]:
    """Score of a blurred input in which the strongest voxels of a map are sharp; see `deletion_curve`."""
    blank = blurred(volume)
    return [
        score(np.where(strongest(heat, share), volume, blank))
        for share in track(shares, progress, "Putting in")
    ]


def strongest(heat: Floats, share: float) -> NDArray[np.bool_]:
    """Mark the strongest share of a map, exactly that many voxels; equal ones in array order."""
    count = round(share * heat.size)
    marked = np.zeros(heat.size, bool)
    marked[np.argsort(-heat, axis=None, kind="stable")[:count]] = True
    return marked.reshape(heat.shape)


def blurred(volume: Floats) -> Floats:
    """Blur each channel of (C, *S) by an eighth of its sides."""
    from scipy.ndimage import gaussian_filter

    return np.stack([gaussian_filter(c, [n / 8 for n in c.shape]) for c in volume])


def area(scores: Sequence[float], shares: Sequence[float]) -> float:
    """Mean height of a curve over its shares on a logarithmic axis."""
    x = np.log2(np.asarray(shares))
    return float(np.trapezoid(np.asarray(scores), x) / (x[-1] - x[0]))
