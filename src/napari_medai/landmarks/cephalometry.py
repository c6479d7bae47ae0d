"""Cephalometric analysis: angles and lengths with error bars, classes, and what to draw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from annotated_types import Interval

from napari_medai.core.errors import ArgumentError
from napari_medai.core.geometry import FloatArray
from napari_medai.core.landmarks import Landmarks
from napari_medai.core.operation import Advanced, operation
from napari_medai.core.progress import Progress, silent, track
from napari_medai.landmarks.ceph_measures import MEASURES, PLANES, Measure, standard_error
from napari_medai.landmarks.ceph_names import usual_names
from napari_medai.landmarks.drawing import Drawing

if TYPE_CHECKING:
    from pandas import DataFrame

ANB_RANGES: dict[str, tuple[float, float, str]] = {
    "teaching": (3.7, 5.2, "teaching material, 3.7 to 5.2"),
    "common": (0.0, 4.0, "Steiner 1953, 0 to 4"),
}
NORMAL, INDETERMINATE = "normal", "indeterminate"


@dataclass(frozen=True, eq=False)
class CephalogramAnalysis:
    """What the points of a cephalogram tell.

    Parameters
    ----------
    table : pandas.DataFrame
        One row a measure: ``measure``, ``value``, ``unit``, ``standard_error``, ``low`` and ``high`` (the
        normal range), ``source``, ``class`` and ``note``.
    drawing : Drawing
        The lines, the measures that belong to them written beside.
    """

    table: DataFrame
    drawing: Drawing


@operation(group="landmarks", title="Analyse a cephalogram")
def analyze_cephalogram(
    landmarks: Landmarks,
    *,
    anb_range: Literal["teaching", "common"] = "teaching",
    level: Annotated[float, Interval(gt=0.5, lt=1), Advanced()] = 0.95,
    progress: Progress = silent,
) -> CephalogramAnalysis:
    """Measure a lateral cephalogram.

    SNA, SNB, ANB, Wits, FMA, IMPA, SN-GoGn, facial angle, Y axis, interincisal angle and the lips to the
    E-line. A measure whose points are not all there is listed with the ones it lacks.

    Parameters
    ----------
    landmarks : Landmarks
        2-D points by their usual names ("sella", "S", ...) or the numbers of the ISBI 2015 set ("L1"
        to "L19"); points flagged as absent are not used. The face may look to either side.
    anb_range : {"teaching", "common"}
        The range of ANB that is called class I: 3.7 to 5.2 degrees, or the common 0 to 4.
    level : float
        A value is called indeterminate where its interval of this probability crosses a limit.
    progress : Progress
        Hears each measure.

    Returns
    -------
    CephalogramAnalysis
        A table and the lines. Standard errors come from the points' covariances, taken as independent
        between points, to first order; they are missing where points have none.

    Raises
    ------
    ArgumentError
        If the points are 3-D, two of them mean the same, or too few are known to measure anything.

    References
    ----------
    Steiner 1953, Cephalometrics for you and me. Downs 1948, Variations in facial relationships.
    Tweed 1954, The Frankfort-mandibular incisor angle. Jacobson 1975, The "Wits" appraisal of jaw
    disharmony. Ricketts 1968, Esthetics, environment, and the law of lip relation.

    Examples
    --------
    >>> points = Landmarks(("S", "N", "A", "B"), [[0, 0], [70, 0], [65, 50], [60, 90]])
    >>> table = analyze_cephalogram(points).table.set_index("measure")
    >>> round(float(table.loc["ANB", "value"]), 2)
    0.63
    """
    import pandas as pd

    if landmarks.positions.shape[1] != 2:
        raise ArgumentError(
            "Found points in space; a cephalogram is flat.", hint="Give the points of a lateral radiograph."
        )
    known = landmarks.present
    rows_of = usual_names(known)
    places = {sign: known.positions[row] for sign, row in rows_of.items()}
    spreads = None
    if known.covariance is not None:
        spreads = {sign: known.covariance[row] for sign, row in rows_of.items()}
    rows = [
        _row(m, places, spreads, known.unit, anb_range, level) for m in track(MEASURES, progress, "Measuring")
    ]
    if all(row["class"] == "" for row in rows):
        raise ArgumentError(
            f"None of the measures can be taken from the points {', '.join(known.names) or '(none)'}.",
            hint="Name them as usual: S, N, A, B, Po, Or, Go, Me, Gn, Pog, ... or sella, nasion, ...",
        )
    table = pd.DataFrame(rows)
    return CephalogramAnalysis(table, draw_lines(places, table, known))


def _row(
    measure: Measure,
    places: Mapping[str, FloatArray],
    spreads: Mapping[str, FloatArray] | None,
    unit: str,
    anb_range: str,
    level: float,
) -> dict[str, Any]:
    low, high, source = measure.low, measure.high, measure.source
    if measure.name == "ANB":
        low, high, source = ANB_RANGES[anb_range]
    words = {"unit": "deg" if measure.unit == "deg" else unit, "low": low, "high": high, "source": source}
    lacking = [sign for sign in measure.points if sign not in places]
    if lacking:
        return _line(measure, np.nan, np.nan, words, "", f"needs {', '.join(lacking)}")
    value = measure.formula(places)
    error = np.nan if spreads is None else standard_error(measure, places, spreads)
    if measure.unit == "length" and unit != "mm":
        return _line(measure, value, error, words, "", "in pixels: calibrate the image by a ruler first")
    return _line(measure, value, error, words, classify(measure, value, error, low, high, level), "")


def _line(
    measure: Measure, value: float, error: float, words: Mapping[str, Any], kind: str, note: str
) -> dict[str, Any]:
    return {
        "measure": measure.name,
        "value": value,
        "unit": words["unit"],
        "standard_error": error,
        "low": words["low"],
        "high": words["high"],
        "source": words["source"],
        "class": kind,
        "note": note,
    }


def classify(
    measure: Measure, value: float, error: float, low: float, high: float, level: float = 0.95
) -> str:
    """Name the class of a value, or "indeterminate" where its interval crosses a limit.

    Parameters
    ----------
    measure : Measure
        Names what lies below and above.
    value, error : float
        The value and its standard error; NaN: not known, and nothing is indeterminate.
    low, high : float
        The normal range.
    level : float
        Probability of the interval.
    """
    from scipy.stats import norm

    reach = float(norm.ppf(0.5 + level / 2)) * error if np.isfinite(error) else 0.0
    if any(value - reach < limit < value + reach for limit in (low, high)):
        return INDETERMINATE
    within = "class I" if measure.name in ("ANB", "Wits") else NORMAL
    return measure.below if value < low else measure.above if value > high else within


def draw_lines(places: Mapping[str, FloatArray], table: DataFrame, landmarks: Landmarks) -> Drawing:
    """Draw the lines whose points are there, with the value of the measure of that name."""
    values = {
        row["measure"]: f"{row['measure']} {row['value']:.1f}" for _, row in table.iterrows() if row["class"]
    }
    beside = {"NA": "SNA", "NB": "SNB", "Mandibular plane": "FMA", "Lower incisor": "IMPA",
              "Facial line": "Facial angle", "Upper incisor": "Interincisal", "SN": "ANB"}  # fmt: skip
    lines = [(name, a, b) for name, a, b in PLANES if a in places and b in places]
    return Drawing(
        tuple(name for name, _, _ in lines),
        tuple(np.stack([places[a], places[b]]) for _, a, b in lines),
        tuple(values.get(beside.get(name, name), "") for name, _, _ in lines),
        landmarks.unit,
    )
