"""Statistics of a study's tables: distributions, outliers, two methods compared on the same cases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_medai.core.errors import ArgumentError

if TYPE_CHECKING:
    from pandas import DataFrame


def summarise(table: DataFrame, columns: Sequence[str], by: str = "name") -> DataFrame:
    """Describe the distribution of measurements, group by group.

    Parameters
    ----------
    table : pandas.DataFrame
        One row a case and region.
    columns : sequence of str
        The measurements.
    by : str
        The column that names the group (the label).

    Returns
    -------
    pandas.DataFrame
        One row a group and measurement: ``cases`` with a finite value, ``not_finite`` (which are left
        out of the rest, and must be looked at: a missed region has an infinite distance), ``mean``,
        ``sd``, ``median``, ``q1``, ``q3``, ``min``, ``max``, ``outliers``.

    Raises
    ------
    ArgumentError
        If a column is not in the table.
    """
    from pandas import DataFrame

    require_columns(table, [by, *columns])
    rows: list[dict[str, Any]] = []
    for group, part in table.groupby(by, sort=False):
        for column in columns:
            values = part[column].to_numpy(dtype=float)
            finite = values[np.isfinite(values)]
            row: dict[str, Any] = {by: group, "measurement": column, "cases": len(finite)}
            rows.append({**row, "not_finite": len(values) - len(finite), **_distribution(finite)})
    return DataFrame(rows)


def find_outliers(values: ArrayLike) -> NDArray[np.bool_]:
    """Mark values beyond 1.5 times the interquartile range from the quartiles (Tukey), and the infinite.

    Parameters
    ----------
    values : (N,) array_like
        Measurements; NaN is no outlier.
    """
    numbers = np.asarray(values, dtype=float)
    finite = numbers[np.isfinite(numbers)]
    if len(finite) < 4:
        return np.asarray(np.isinf(numbers))
    low, high = np.percentile(finite, [25, 75])
    reach = 1.5 * (high - low)
    return np.asarray((numbers < low - reach) | (numbers > high + reach))


def compare_paired(
    a: ArrayLike, b: ArrayLike, *, resamples: int = 10_000, confidence: float = 0.95, seed: int = 0
) -> dict[str, float]:
    """Compare two methods on the same cases.

    Parameters
    ----------
    a, b : (N,) array_like
        The measurement of each case by each method; pairs with NaN or infinity are left out and counted.
    resamples : int
        How often the cases are drawn anew for the interval.
    confidence : float
        Of the interval.
    seed : int
        Of the draws.

    Returns
    -------
    dict
        ``pairs``, ``left_out``, ``mean_a``, ``mean_b``, ``difference`` (mean of b - a) with ``low`` and
        ``high`` (bootstrap over cases, percentiles), ``wilcoxon_p`` (signed ranks, two-sided), and
        ``larger_in_b``, the share of cases with b above a. NaN where there are too few pairs.

    References
    ----------
    Efron and Tibshirani, "An introduction to the bootstrap", 1993. Wilcoxon, Biometrics 1:80-83, 1945.
    """
    from scipy import stats

    first, second = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if first.shape != second.shape or first.ndim != 1:
        raise ArgumentError(f"Found {first.shape} and {second.shape} values; needed as many of each.")
    known = np.isfinite(first) & np.isfinite(second)
    gaps = second[known] - first[known]
    result = {"pairs": len(gaps), "left_out": int((~known).sum())}
    if len(gaps) < 2:
        names = ("mean_a", "mean_b", "difference", "low", "high", "wilcoxon_p", "larger_in_b")
        return {**result, **dict.fromkeys(names, float("nan"))}
    drawn = np.random.default_rng(seed).integers(0, len(gaps), (resamples, len(gaps)))
    low, high = np.percentile(gaps[drawn].mean(axis=1), [50 * (1 - confidence), 50 * (1 + confidence)])
    return {
        **result,
        "mean_a": float(first[known].mean()),
        "mean_b": float(second[known].mean()),
        "difference": float(gaps.mean()),
        "low": float(low),
        "high": float(high),
        "wilcoxon_p": float(stats.wilcoxon(gaps).pvalue) if gaps.any() else 1.0,
        "larger_in_b": float((gaps > 0).mean()),
    }


def require_columns(table: DataFrame, wanted: Sequence[str]) -> None:
    """Check that a table has some columns.

    Raises
    ------
    ArgumentError
        Naming those that are missing and those there are.
    """
    missing = [name for name in wanted if name not in table]
    if missing:
        raise ArgumentError(
            f"The table has no column {', '.join(missing)}.",
            hint=f"Its columns are: {', '.join(map(str, table.columns))}.",
        )


def _distribution(values: NDArray[np.float64]) -> dict[str, float]:
    names = ("mean", "sd", "median", "q1", "q3", "min", "max")
    if len(values) == 0:
        return {**dict.fromkeys(names, float("nan")), "outliers": 0}
    q1, median, q3 = np.percentile(values, [25, 50, 75])
    sd = values.std(ddof=1) if len(values) > 1 else np.nan
    numbers = (values.mean(), sd, median, q1, q3, values.min(), values.max())
    described = {name: float(number) for name, number in zip(names, numbers, strict=True)}
    return {**described, "outliers": int(find_outliers(values).sum())}
