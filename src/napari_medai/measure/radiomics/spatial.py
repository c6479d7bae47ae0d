"""How alike near voxels are: Moran's I and Geary's C over all pairs of voxels at once."""

from __future__ import annotations

import numpy as np

from napari_medai.core.geometry import FloatArray
from napari_medai.measure.radiomics.roi import Roi, crop_to


def geary_c_moran_i(roi: Roi) -> dict[str, float]:
    """Compute Moran's I and Geary's C with weights 1 / distance.

    The sums run over all pairs of voxels; as correlations on a grid they are taken by Fourier transform,
    which is exact up to rounding and fast for large regions. NaN for one voxel or equal intensities.
    """
    count = len(roi.values)
    offset = roi.values - roi.values.mean()
    spread = float((offset**2).sum())
    if count < 2 or spread == 0:
        return {"morph_moran_i": float("nan"), "morph_geary_c": float("nan")}
    box = crop_to(roi.intensity_mask, (0, 0, 0))
    mask = roi.intensity_mask[box].astype(np.float64)
    values = np.zeros_like(mask)
    values[mask > 0] = offset
    around, around_mask = _weighted_sums(values, mask, roi.spacing)
    weight = float((mask * around_mask).sum())
    products = float((values * around).sum())
    squares = 2 * float((values**2 * around_mask).sum()) - 2 * products
    return {
        "morph_moran_i": count / weight * products / spread,
        "morph_geary_c": (count - 1) / (2 * weight) * squares / spread,
    }


def _weighted_sums(
    values: FloatArray, mask: FloatArray, spacing: tuple[float, float, float]
) -> tuple[FloatArray, FloatArray]:
    """Sum both arrays over all other voxels, each weighted by one over its distance."""
    from scipy import fft

    sizes = [fft.next_fast_len(2 * n - 1, real=True) for n in values.shape]
    steps = [np.minimum(np.arange(n), n - np.arange(n)) * s for n, s in zip(sizes, spacing, strict=True)]
    away = np.sqrt(sum(axis**2 for axis in np.ix_(*steps)))
    kernel = np.divide(1.0, away, out=np.zeros_like(away), where=away > 0)
    spectrum = fft.rfftn(kernel, workers=-1)
    cut = tuple(slice(0, n) for n in values.shape)
    first, second = (
        fft.irfftn(fft.rfftn(array, sizes, workers=-1) * spectrum, sizes, workers=-1)[cut]
        for array in (values, mask)
    )
    return np.asarray(first), np.asarray(second)
