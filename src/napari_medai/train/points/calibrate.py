"""Error bars and the threshold of absence, set so that they hold on cases kept aside."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.geometry import FloatArray
from napari_medai.core.progress import Progress, silent, track
from napari_medai.models.model import Model
from napari_medai.models.points.find import Findings, examine
from napari_medai.train.points.cases import PointCase

LEVEL = 0.9
PRIOR_CASES = 20
"""How many cases the pooled scale counts for beside a point's own."""
LEAST_FOR_POINTS = 5
DOUBTED = 0.01
"""Share of the points that may be called absent where none is."""
THRESHOLDS = 1 / (1 + np.exp(-np.linspace(-4, 12, 65)))
"""Even in the logarithm of odds: a network may order its doubts rightly, and yet be sure of everything."""


def calibrated(
    model: Model, cases: Sequence[PointCase], device: str = "cpu", progress: Progress = silent
) -> Model:
    """Return a model whose error bars fit the cases.

    Parameters
    ----------
    model : Model
        A landmark model.
    cases : sequence of PointCase
        Not learnt from.
    device : str
        Where the network runs.
    progress : Progress
        Hears every case.
    """
    from dataclasses import replace

    points = model.spec.points
    if not cases or points is None:
        return model
    names = model.spec.outputs.points
    found = [examine(model, c.image, device=device) for c in track(cases, progress, "Calibrating")]
    there = np.array([[n in c.points.present.names for n in names] for c in cases])
    flagged = np.array([[n in c.points.names for n in names] for c in cases])
    present = np.array([f.present for f in found])
    squares = np.stack([_squares(f, c, names) for f, c in zip(found, cases, strict=True)])
    update = {
        "scale": tuple(round(float(s), 4) for s in covariance_scales(squares, model.spec.ndim)),
        "threshold": best_threshold(present[there | flagged], there[there | flagged]),
    }
    spec = model.spec.model_copy(update={"points": points.model_copy(update=update)})
    return replace(model, spec=spec)


def covariance_scales(squares: FloatArray, ndim: int) -> FloatArray:
    """Find by what to multiply covariances so that 90 % of the truths lie in the 90 % ellipse.

    Parameters
    ----------
    squares : (cases, K) ndarray
        Squared Mahalanobis distances; NaN where a point is not there.
    ndim : int
        Dimensions.

    Returns
    -------
    (K,) ndarray
        Each point's own scale, drawn towards that of all points where there are few cases.
    """
    from scipy.stats import chi2

    goal = float(chi2.ppf(LEVEL, ndim))
    pooled = _quantile(squares[np.isfinite(squares)]) / goal
    scales = []
    for column in squares.T:
        own = column[np.isfinite(column)]
        if len(own) < LEAST_FOR_POINTS:
            scales.append(pooled)
            continue
        weight = len(own) / (len(own) + PRIOR_CASES)
        scales.append(float(np.exp(weight * np.log(_quantile(own) / goal) + (1 - weight) * np.log(pooled))))
    scaled = squares / np.array(scales)
    return np.maximum(np.array(scales) * _quantile(scaled[np.isfinite(scaled)]) / goal, 1e-3)


def best_threshold(present: FloatArray, there: NDArray[np.bool_]) -> float:
    """Find the probability below which points are best called absent.

    Parameters
    ----------
    present : (N,) ndarray
        Probabilities that points are there.
    there : (N,) ndarray of bool
        Whether they are. If all are, the threshold is one half or less, so that hardly any is called absent:
        a faint point is no absent one.
    """
    if there.all() and len(there):
        return float(round(min(0.5, float(np.quantile(present, DOUBTED))), 6))
    if not there.any():
        return 0.5
    scores = []
    for threshold in THRESHOLDS:
        said, gone = present < threshold, ~there
        hits = float((said & gone).sum())
        scores.append(2 * hits / max(float(said.sum() + gone.sum()), 1.0))
    best = np.flatnonzero(np.isclose(scores, max(scores)))
    return float(round(float(THRESHOLDS[best[len(best) // 2]]), 6))


def _quantile(values: FloatArray) -> float:
    return max(float(np.quantile(values, LEVEL)), 1e-6) if len(values) else 1.0


def _squares(found: Findings, case: PointCase, names: Sequence[str]) -> FloatArray:
    squares = np.full(len(names), np.nan)
    present = case.points.present
    for k, name in enumerate(names):
        if name in present.names:
            error = found.world[k] - present[name]
            squares[k] = float(error @ np.linalg.solve(found.covariance[k], error))
    return squares
