"""The check of the radiomics against the standard's own reference, as a table a person can read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_medai.core.operation import operation
from napari_medai.core.progress import Progress, part, silent
from napari_medai.measure.radiomics.families import Reference, catalogue
from napari_medai.measure.radiomics.features import measure_radiomics
from napari_medai.measure.radiomics.phantom import digital_phantom

if TYPE_CHECKING:
    from pandas import DataFrame


@operation(group="measure", title="Check radiomics against the standard (IBSI)")
def check_ibsi(*, details: bool = False, progress: Progress = silent) -> DataFrame:
    """Compute the digital phantom of the image biomarker standard and compare with its reference values.

    A value passes when, rounded to the three digits the reference is given in, it lies within the
    standard's tolerance. Features without an agreed value are counted under ``not_standardised``.

    Parameters
    ----------
    details : bool
        Give one row a feature, not one a family and way of aggregation.
    progress : Progress
        Hears one report a family.

    Returns
    -------
    pandas.DataFrame
        ``family``, ``aggregation``, ``passed``, ``total``, ``not_standardised``, and a last row for all;
        or with ``details``: ``tag``, ``family``, ``feature``, ``aggregation``, ``value``, ``reference``,
        ``tolerance``, ``passed`` (empty where there is no agreed value).

    References
    ----------
    Zwanenburg et al., Radiology 295(2):328-338, 2020; reference manual arXiv:1612.07003.

    Examples
    --------
    >>> table = check_ibsi()
    >>> bool((table.passed == table.total).all())
    True
    """
    from pandas import DataFrame

    values = phantom_features(progress)
    rows = [_compared(entry, values[entry.tag]) for entry in catalogue().values()]
    table = DataFrame(rows)
    table["passed"] = table["passed"].astype("boolean")
    return table if details else _summary(table)


def phantom_features(progress: Progress = silent) -> dict[str, float]:
    """Return every feature of the digital phantom by tag."""
    image, labels = digital_phantom()
    values: dict[str, float] = {}
    for number, by_slice in enumerate((False, True)):
        table = measure_radiomics(
            image,
            labels,
            discretisation="none",
            by_slice=by_slice,
            progress=part(progress, number / 2, (number + 1) / 2),
        )
        values |= dict(zip(table["tag"], table["value"], strict=True))
    return values


def _compared(entry: Reference, value: float) -> dict[str, object]:
    passed = None if entry.value is None else agrees(value, entry.value, entry.tolerance)
    return {
        "tag": entry.tag,
        "family": entry.family,
        "feature": entry.feature,
        "aggregation": entry.aggregation,
        "value": value,
        "reference": entry.value,
        "tolerance": entry.tolerance,
        "passed": passed,
    }


def agrees(value: float, reference: float, tolerance: float) -> bool:
    """Tell whether a value, rounded to three digits, is within the tolerance of its reference."""
    rounded = float(f"{value:.3g}")
    return abs(rounded - reference) <= tolerance + 1e-9 * abs(reference)


def _summary(table: DataFrame) -> DataFrame:
    from pandas import DataFrame, concat

    groups = table.groupby(["family", "aggregation"], sort=False)["passed"]
    summary = DataFrame(
        {
            "passed": groups.apply(lambda p: int(p.sum())),
            "total": groups.apply(lambda p: int(p.notna().sum())),
            "not_standardised": groups.apply(lambda p: int(p.isna().sum())),
        }
    ).reset_index()
    whole = summary[["passed", "total", "not_standardised"]].sum()
    last = DataFrame([{"family": "all", "aggregation": "", **whole.to_dict()}])
    return concat([summary, last], ignore_index=True)
