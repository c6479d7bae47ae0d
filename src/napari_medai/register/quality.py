"""Numbers that say how well two images lie on each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.geometry import FloatArray
from napari_medai.core.image import MedicalImage

if TYPE_CHECKING:
    import torch

POOR = 1 / 3
"""Below this share of explained variance a registration is said to be poor; MR and ultrasound of one organ,
which grey values bring together badly, stay below it."""

BINS = 64


def likeness(
    fixed: NDArray[Any], warped: NDArray[Any], inside: NDArray[np.bool_] | None = None
) -> dict[str, float]:
    """Compare two images voxel by voxel.

    Parameters
    ----------
    fixed, warped : numpy.ndarray
        On one grid.
    inside : numpy.ndarray of bool, optional
        Which voxels count; all by default.

    Returns
    -------
    dict
        ``explained`` (correlation ratio: the share of the fixed variance that the other's values
        explain, in any modality), ``correlation`` (Pearson), ``information`` (normalised mutual
        information, 1 to 2) and ``difference`` (root mean square). NaN where fewer than two voxels
        count.
    """
    one, two = (np.asarray(a, dtype=np.float64) for a in (fixed, warped))
    one, two = (one.ravel(), two.ravel()) if inside is None else (one[inside], two[inside])
    names = ("explained", "correlation", "information", "difference")
    if len(one) < 2 or np.ptp(one) == 0 or np.ptp(two) == 0:
        return dict.fromkeys(names, float("nan"))
    counts, _, _ = np.histogram2d(one, two, bins=BINS)
    correlation = float(np.corrcoef(one, two)[0, 1])
    difference = float(np.sqrt(((one - two) ** 2).mean()))
    return dict(zip(names, (_ratio(one, two), correlation, _information(counts), difference), strict=True))


def folding(determinant: torch.Tensor, weight: torch.Tensor | None = None) -> float:
    """Return the share of voxels, in percent, where space is turned inside out."""
    folded = (determinant <= 0).float()
    if weight is None:
        return float(100 * folded.mean())
    return float(100 * (folded * weight).sum() / weight.sum().clamp(min=1e-12))


def look_up(image: MedicalImage, where: FloatArray) -> NDArray[np.float32]:
    """Return an image's values at voxel indices (D, N), the edge extended."""
    from scipy import ndimage

    values = np.asarray(image.array, dtype=np.float32)
    return np.asarray(ndimage.map_coordinates(values, where, order=1, mode="nearest"), dtype=np.float32)


def _ratio(one: NDArray[np.float64], two: NDArray[np.float64]) -> float:
    low, high = two.min(), two.max()
    index = np.minimum((two - low) / (high - low) * BINS, BINS - 1).astype(int)
    count = np.bincount(index, minlength=BINS).clip(min=1)
    means = np.bincount(index, weights=one, minlength=BINS) / count
    return float(1 - ((one - means[index]) ** 2).mean() / one.var())


def _information(counts: NDArray[np.float64]) -> float:
    shares = counts / counts.sum()

    def entropy(p: NDArray[np.float64]) -> float:
        p = p[p > 0]
        return float(-(p * np.log(p)).sum())

    joint = entropy(shares.ravel())
    return (entropy(shares.sum(axis=0)) + entropy(shares.sum(axis=1))) / joint if joint > 0 else float("nan")
