"""How well readers or methods agree in numbers: Bland-Altman, intraclass correlation, kappa."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from napari_medai.core.errors import ArgumentError

Weights: TypeAlias = Literal["none", "linear", "quadratic"]


def bland_altman(a: ArrayLike, b: ArrayLike, confidence: float = 0.95) -> dict[str, float]:
    """Describe the differences of paired measurements.

    Parameters
    ----------
    a, b : (N,) array_like
        The same quantity measured twice; pairs with NaN or infinity are left out.
    confidence : float
        Of the intervals.

    Returns
    -------
    dict
        ``pairs``, ``bias`` (mean of b - a) with ``bias_low`` and ``bias_high``, ``sd`` of the
        differences, limits of agreement ``lower_limit`` and ``upper_limit`` (bias -/+ 1.96 sd) with
        ``limit_error`` (half the width of their interval), ``slope`` of the difference over the mean and
        its ``slope_p``. NaN where there are too few pairs.

    References
    ----------
    Bland and Altman, "Statistical methods for assessing agreement between two methods of clinical
    measurement", Lancet 327:307-310, 1986.
    """
    from scipy import stats

    first, second = _paired(a, b)
    differences, means = second - first, (first + second) / 2
    count = len(differences)
    bias = float(differences.mean()) if count else float("nan")
    sd = float(differences.std(ddof=1)) if count > 1 else float("nan")
    reach = float(stats.t.ppf((1 + confidence) / 2, max(count - 1, 1))) * sd / np.sqrt(max(count, 1))
    slope = p_value = float("nan")
    if count > 2 and np.ptp(means) > 0:
        line = stats.linregress(means, differences)
        slope, p_value = float(line.slope), float(line.pvalue)
    return {
        "pairs": count,
        "bias": bias,
        "bias_low": bias - reach,
        "bias_high": bias + reach,
        "sd": sd,
        "lower_limit": bias - 1.96 * sd,
        "upper_limit": bias + 1.96 * sd,
        "limit_error": reach * np.sqrt(3),
        "slope": slope,
        "slope_p": p_value,
    }


def intraclass_correlation(ratings: ArrayLike, confidence: float = 0.95) -> dict[str, float]:
    """Return the share of variance that is between cases, not between readers.

    Parameters
    ----------
    ratings : (cases, readers) array_like
        Cases with NaN or infinity are left out.
    confidence : float
        Of the interval of ``icc``.

    Returns
    -------
    dict
        ``icc`` (two-way random, single reader, absolute agreement: ICC(2,1)) with ``icc_low`` and
        ``icc_high``, ``icc_one_way`` (ICC(1,1)), ``icc_consistency`` (ICC(3,1)), and ``icc_average``
        (ICC(2,k), of the readers' mean). NaN for fewer than two cases or readers, or no variance.

    References
    ----------
    Shrout and Fleiss, Psychol Bull 86:420-428, 1979; McGraw and Wong, Psychol Methods 1:30-46, 1996.
    """
    table = np.asarray(ratings, dtype=float)
    if table.ndim != 2:
        raise ArgumentError(
            f"Found ratings of shape {table.shape}; needed rows of cases, columns of readers."
        )
    table = table[np.isfinite(table).all(axis=1)]
    n, k = table.shape
    names = ("icc", "icc_low", "icc_high", "icc_one_way", "icc_consistency", "icc_average")
    if n < 2 or k < 2 or np.ptp(table) == 0:
        return dict.fromkeys(names, float("nan"))
    rows, columns, rest, within = _mean_squares(table)
    absolute = _over(rows - rest, rows + (k - 1) * rest + k * (columns - rest) / n)
    low, high = _icc_interval(rows, columns, rest, absolute, n, k, confidence)
    one_way = _over(rows - within, rows + (k - 1) * within)
    consistency = _over(rows - rest, rows + (k - 1) * rest)
    average = _over(rows - rest, rows + (columns - rest) / n)
    values = (absolute, low, high, one_way, consistency, average)
    return {name: float(value) for name, value in zip(names, values, strict=True)}


def cohen_kappa(table: ArrayLike, weights: Weights = "none") -> float:
    """Return the agreement of two readers beyond chance.

    Parameters
    ----------
    table : (classes, classes) array_like
        How often the first reader's class (row) met the second's (column).
    weights : {"none", "linear", "quadratic"}
        How much a disagreement counts that is several classes wide.

    Returns
    -------
    float
        1 for full agreement, 0 for chance; NaN where only one class occurs.
    """
    counts = np.asarray(table, dtype=float)
    classes = np.arange(len(counts))
    gap = np.abs(classes[:, None] - classes)
    cost = {"none": (gap > 0).astype(float), "linear": gap, "quadratic": gap**2}[weights]
    if counts.sum() == 0:
        return float("nan")
    share = counts / counts.sum()
    by_chance = np.outer(share.sum(axis=1), share.sum(axis=0))
    expected = float((cost * by_chance).sum())
    return 1 - float((cost * share).sum()) / expected if expected > 0 else float("nan")


def _paired(a: ArrayLike, b: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    first, second = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if first.shape != second.shape or first.ndim != 1:
        raise ArgumentError(f"Found {first.shape} and {second.shape} values; needed as many of each.")
    known = np.isfinite(first) & np.isfinite(second)
    return first[known], second[known]


def _mean_squares(table: np.ndarray) -> tuple[float, float, float, float]:
    """Return the mean squares between cases, between readers, of the rest, and within cases."""
    n, k = table.shape
    mean = table.mean()
    rows = k * ((table.mean(axis=1) - mean) ** 2).sum()
    columns = n * ((table.mean(axis=0) - mean) ** 2).sum()
    rest = max(((table - mean) ** 2).sum() - rows - columns, 0.0)
    degrees = (n - 1) * (k - 1)
    return rows / (n - 1), columns / (k - 1), rest / degrees, (columns + rest) / (n * (k - 1))


def _icc_interval(
    rows: float, columns: float, rest: float, icc: float, n: int, k: int, confidence: float
) -> tuple[float, float]:
    from scipy import stats

    a = k * icc / (n * (1 - icc)) if icc < 1 else np.inf
    b = 1 + k * icc * (n - 1) / (n * (1 - icc)) if icc < 1 else np.inf
    if not np.isfinite(a) or a * columns + b * rest == 0:
        return icc, icc
    parts = (a * columns) ** 2 / (k - 1) + (b * rest) ** 2 / ((n - 1) * (k - 1))
    degrees = (a * columns + b * rest) ** 2 / parts
    high_f = stats.f.ppf((1 + confidence) / 2, n - 1, degrees)
    low_f = stats.f.ppf((1 + confidence) / 2, degrees, n - 1)
    noise = k * columns + (k * n - k - n) * rest
    low = _over(n * (rows - high_f * rest), high_f * noise + n * rows)
    high = _over(n * (low_f * rows - rest), noise + n * low_f * rows)
    return float(low), float(high)


def _over(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")
