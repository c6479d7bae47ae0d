"""Statistics of the intensities, and of the grey levels and their histogram."""

from __future__ import annotations

import numpy as np

from napari_medai.core.geometry import FloatArray
from napari_medai.measure.radiomics.glcm import entropy
from napari_medai.measure.radiomics.roi import IntArray


def intensity_statistics(values: FloatArray) -> dict[str, float]:
    """Compute the 18 statistics of intensities."""
    energy = float((values**2).sum())
    return {
        **_common("stat", values),
        "stat_energy": energy,
        "stat_rms": float(np.sqrt(energy / len(values))),
    }


def histogram_features(levels: IntArray, count: int) -> dict[str, float]:
    """Compute the 23 features of the histogram of grey levels.

    Parameters
    ----------
    levels : (N,) int array
        Levels from 1.
    count : int
        The number of levels.
    """
    histogram = np.bincount(levels - 1, minlength=count).astype(np.float64)
    share = histogram / len(levels)
    return {
        **_common("ih", levels.astype(np.float64)),
        "ih_mode": _mode(histogram, levels),
        "ih_entropy": float(entropy(share)),
        "ih_uniformity": float((share**2).sum()),
        **_gradients(histogram),
    }


def _common(prefix: str, values: FloatArray) -> dict[str, float]:
    least, p10, p25, median, p75, p90, most = np.percentile(values, [0, 10, 25, 50, 75, 90, 100])
    mean, variance = values.mean(), values.var()
    offset = values - mean
    middle = values[(values >= p10) & (values <= p90)]
    # a spread that rounding alone makes is none
    flat = variance <= 1e-20 * max(mean**2, 1e-300)
    entries = {
        "mean": mean,
        "var": variance,
        "skew": 0.0 if flat else (offset**3).mean() / variance**1.5,
        "kurt": 0.0 if flat else (offset**4).mean() / variance**2 - 3,
        "median": median,
        "min": least,
        "p10": p10,
        "p90": p90,
        "max": most,
        "iqr": p75 - p25,
        "range": most - least,
        "mad": np.abs(offset).mean(),
        "rmad": np.abs(middle - middle.mean()).mean(),
        "medad": np.abs(values - median).mean(),
        "cov": np.sqrt(variance) / mean if mean else np.nan,
        "qcod": (p75 - p25) / (p75 + p25) if p75 + p25 else np.nan,
    }
    return {f"{prefix}_{name}": float(value) for name, value in entries.items()}


def _mode(histogram: FloatArray, levels: IntArray) -> float:
    """Return the most frequent level; of several, the one nearest to the mean."""
    most = np.flatnonzero(histogram == histogram.max()) + 1
    return float(most[np.abs(most - levels.mean()).argmin()])


def _gradients(histogram: FloatArray) -> dict[str, float]:
    slope = np.gradient(histogram) if len(histogram) > 1 else np.zeros(1)
    return {
        "ih_max_grad": float(slope.max()),
        "ih_max_grad_g": float(slope.argmax() + 1),
        "ih_min_grad": float(slope.min()),
        "ih_min_grad_g": float(slope.argmin() + 1),
    }
