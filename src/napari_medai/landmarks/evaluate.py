"""How good landmarks are: distances, success, absence, error bars, angles, and the readers beside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medai.core.errors import ArgumentError
from napari_medai.core.geometry import FloatArray
from napari_medai.core.landmarks import Landmarks
from napari_medai.core.operation import operation
from napari_medai.core.progress import Progress, silent, track

if TYPE_CHECKING:
    from pandas import DataFrame

THRESHOLDS = {2: (2.0, 2.5, 3.0, 4.0), 3: (1.0, 2.0, 3.0, 5.0)}
LEVELS = (0.5, 0.9, 0.95)


@dataclass(frozen=True, eq=False)
class LandmarkErrors:
    """How far points are from the truth.

    Parameters
    ----------
    points : pandas.DataFrame
        One row a point: ``point``, ``cases``, ``mean``, ``median``, ``sd``, ``p95`` (radial error, in the
        points' unit), success rates ``within_2`` and so on, and ``readers_mean`` with two readers.
    summary : pandas.DataFrame
        ``figure`` and ``value``: the same over all points, precision, recall and F1 of absence, the share
        of truths in the 50, 90 and 95 % ellipse.
    angles : pandas.DataFrame
        One row a cephalometric measure: mean absolute error, agreement of the class (share and kappa),
        and the share called indeterminate; empty for other points.
    """

    points: DataFrame
    summary: DataFrame
    angles: DataFrame


@operation(group="landmarks", title="Evaluate landmarks")
def evaluate_landmarks(
    found: list[Landmarks],
    truth: list[Landmarks],
    second_reader: list[Landmarks] | None = None,
    *,
    progress: Progress = silent,
) -> LandmarkErrors:
    """Compare points with a reader's, or with the mean of two readers.

    Parameters
    ----------
    found : list of Landmarks
        One set a case. Points flagged as absent count as not found.
    truth : list of Landmarks
        The first reader's, in the same order. Points flagged as absent, or left out, are not there.
    second_reader : list of Landmarks, optional
        The second reader's. The truth is then the mean of both, and the distance between them stands beside.
    progress : Progress
        Hears each case.

    Returns
    -------
    LandmarkErrors
        Per point, over all, and for cephalometric measures.

    Raises
    ------
    ArgumentError
        If the numbers of cases, dimensions or units differ, or no point has a partner.

    References
    ----------
    Wang et al. 2016, A benchmark for comparison of dental radiography analysis algorithms (ISBI 2015),
    doi 10.1016/j.media.2016.02.004.

    Examples
    --------
    >>> truth = Landmarks(("S", "N"), [[0, 0], [70, 0]])
    >>> result = evaluate_landmarks([truth.replace(positions=[[3, 0], [70, 1]])], [truth])
    >>> result.points["mean"].tolist()
    [3.0, 1.0]
    """
    import pandas as pd

    from napari_medai.landmarks.evaluate_angles import angle_table

    _check(found, truth, second_reader)
    goal = (
        list(truth)
        if second_reader is None
        else [_mean(a, b) for a, b in zip(truth, second_reader, strict=True)]
    )
    names = list(dict.fromkeys(n for case in goal for n in case.names))
    errors, squares = _measured(found, goal, names, progress)
    if not np.isfinite(errors).any():
        raise ArgumentError(
            f"No point has a partner: found {', '.join(found[0].names)}; the truth has {', '.join(names)}.",
            hint="Use the same names in both.",
        )
    readers = None
    if second_reader is not None:
        readers, _ = _measured(list(second_reader), list(truth), names)
    ndim = goal[0].positions.shape[1]
    rows = [
        _point_row(name, errors[:, k], None if readers is None else readers[:, k], ndim)
        for k, name in enumerate(names)
    ]
    summary = {**_spread(errors, ndim), **_absence(found, goal, names), **_calibration(squares, ndim)}
    if readers is not None:
        summary["readers_mean"] = float(np.nanmean(readers))
        summary["mean_over_readers"] = summary["mean"] / (summary["readers_mean"] or np.nan)
    table = pd.DataFrame({"figure": list(summary), "value": list(summary.values())})
    return LandmarkErrors(pd.DataFrame(rows), table, angle_table(found, goal, second_reader, truth))


def _mean(one: Landmarks, two: Landmarks) -> Landmarks:
    """The middle of two readers' points, where both have placed one; one reader's word where only he has."""
    a, b = one.present, two.present
    names = [n for n in a.names if n in b.names]
    alone = [n for n in (*a.names, *b.names) if n not in names]
    places = [(a[n] + b[n]) / 2 for n in names] + [a[n] if n in a.names else b[n] for n in alone]
    gone = [n for n in (*one.names, *two.names) if n not in names and n not in alone]
    gone = list(dict.fromkeys(gone))
    ndim = one.positions.shape[1]
    positions = np.array([*places, *[np.zeros(ndim)] * len(gone)]).reshape(-1, ndim)
    absent = np.array([False] * len(places) + [True] * len(gone), dtype=bool)
    return Landmarks((*names, *alone, *gone), positions, unit=one.unit, absent=absent)


def _measured(
    found: Sequence[Landmarks],
    goal: Sequence[Landmarks],
    names: Sequence[str],
    progress: Progress = silent,
) -> tuple[FloatArray, FloatArray]:
    """Radial errors and squared Mahalanobis distances (cases, points); NaN where either lacks the point."""
    errors = np.full((len(found), len(names)), np.nan)
    squares = errors.copy()
    for row, (one, true) in enumerate(track(list(zip(found, goal, strict=True)), progress, "Comparing")):
        here, there = one.present, true.present
        for column, name in enumerate(names):
            if name in here.names and name in there.names:
                offset = here[name] - there[name]
                errors[row, column] = np.linalg.norm(offset)
                if here.covariance is not None:
                    spread = here.covariance[here.names.index(name)]
                    squares[row, column] = float(offset @ np.linalg.pinv(spread) @ offset)
    return errors, squares


def _point_row(name: str, errors: FloatArray, readers: FloatArray | None, ndim: int) -> dict[str, Any]:
    row: dict[str, Any] = {"point": name, **_spread(errors, ndim)}
    if readers is not None:
        row["readers_mean"] = float(np.nanmean(readers)) if np.isfinite(readers).any() else np.nan
    return row


def _spread(errors: FloatArray, ndim: int) -> dict[str, float]:
    values = errors[np.isfinite(errors)]
    if not len(values):
        return {"cases": 0, "mean": np.nan, "median": np.nan, "sd": np.nan, "p95": np.nan} | {
            f"within_{t:g}": np.nan for t in THRESHOLDS[ndim]
        }
    figures = {
        "cases": len(values),
        "mean": float(values.mean()),
        "median": float(np.median(values)),
        "sd": float(values.std()),
        "p95": float(np.percentile(values, 95)),
    }
    return figures | {f"within_{t:g}": float(np.mean(values <= t)) for t in THRESHOLDS[ndim]}


def _absence(found: Sequence[Landmarks], goal: Sequence[Landmarks], names: Sequence[str]) -> dict[str, float]:
    """Precision, recall and F1 of calling points absent; NaN where nobody does."""
    said = np.array([[n not in one.present.names for n in names] for one in found])
    gone = np.array([[n not in one.present.names for n in names] for one in goal])
    hits, called, true = float((said & gone).sum()), float(said.sum()), float(gone.sum())
    return {
        "absent_precision": hits / called if called else np.nan,
        "absent_recall": hits / true if true else np.nan,
        "absent_f1": 2 * hits / (called + true) if called + true else np.nan,
    }


def _calibration(squares: FloatArray, ndim: int) -> dict[str, float]:
    """Share of the truths inside the ellipse of each level."""
    from scipy.stats import chi2

    values = squares[np.isfinite(squares)]
    return {
        f"in_{round(100 * level)}_percent_ellipse": float(np.mean(values <= chi2.ppf(level, ndim)))
        if len(values)
        else np.nan
        for level in LEVELS
    }


def _check(
    found: Sequence[Landmarks], truth: Sequence[Landmarks], second: Sequence[Landmarks] | None
) -> None:
    counts = [len(found), len(truth), *([len(second)] if second is not None else [])]
    if len(set(counts)) > 1 or counts[0] == 0:
        raise ArgumentError(
            f"Found {' and '.join(map(str, counts))} sets of points; "
            "needed one a case in each list, in one order."
        )
    kinds = {(p.positions.shape[1], p.unit) for p in (*found, *truth, *(second or ()))}
    if len(kinds) > 1:
        said = " and ".join(f"{n}-D in {unit}" for n, unit in sorted(kinds))
        raise ArgumentError(
            f"Found points {said}; needed one kind.", hint="Calibrate what is in pixels first."
        )
