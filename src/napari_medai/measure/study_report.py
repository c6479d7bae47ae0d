"""A study's tables as one HTML page: distributions, outliers, two methods side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_medai.core.errors import ArgumentError
from napari_medai.core.files import write_text
from napari_medai.measure.agreement import bland_altman
from napari_medai.measure.plots import bland_altman_plot, strip_plot
from napari_medai.measure.study import compare_paired, find_outliers, require_columns, summarise

if TYPE_CHECKING:
    from pandas import DataFrame

_STYLE = (
    "body{font:14px sans-serif;max-width:70em;margin:2em auto;padding:0 1em}"
    "table{border-collapse:collapse}td,th{padding:.2em .7em;text-align:right;border-bottom:1px solid #ddd}"
)


def write_study_report(
    methods: Mapping[str, DataFrame],
    path: str | Path,
    *,
    columns: Sequence[str],
    case: str = "case",
    by: str = "name",
    seed: int = 0,
) -> Path:
    """Write a report of one method's table, or of two methods' tables of the same cases.

    Parameters
    ----------
    methods : mapping
        From a method's name to its table, one row a case and region: one method, or two to compare.
    path : str or Path
        The HTML file; one file without any others.
    columns : sequence of str
        The measurements to report: ``["dice", "hd95_mm"]``.
    case, by : str
        The columns that name the case and the region.
    seed : int
        Of the bootstrap.

    Returns
    -------
    Path
        Where it was written.

    Raises
    ------
    ArgumentError
        If there are no methods or more than two, a column is missing, or a case and region stands twice.
    WriteError
        If the folder does not exist.
    """
    path = Path(path)
    if len(methods) not in (1, 2):
        raise ArgumentError(f"Found {len(methods)} methods; needed one, or two to compare.")
    for table in methods.values():
        require_columns(table, [case, by, *columns])
        if table.duplicated([case, by]).any():
            raise ArgumentError(f"A {case} and {by} stands twice in a table.", hint="Give each one row.")
    parts = [_one_method(name, table, columns, case, by) for name, table in methods.items()]
    if len(methods) == 2:
        parts.append(_two_methods(methods, columns, case, by, seed))
    body = "".join(parts)
    page = f"<!doctype html><meta charset='utf-8'><title>Study</title><style>{_STYLE}</style>{body}"
    write_text(path, page)
    return path


def _one_method(name: str, table: DataFrame, columns: Sequence[str], case: str, by: str) -> str:
    parts = [f"<h1>{escape(name)}</h1>", _html(summarise(table, columns, by))]
    for column in columns:
        groups = {str(g): part[column].to_numpy(dtype=float) for g, part in table.groupby(by, sort=False)}
        parts.append(strip_plot(groups, f"{column} of each {case}"))
    flagged = []
    for column in columns:
        marks = table.groupby(by, sort=False)[column].transform(
            lambda v: find_outliers(v.to_numpy(dtype=float))
        )
        found = table.loc[marks.astype(bool), [case, by, column]]
        flagged.append(found.rename(columns={column: "value"}).assign(measurement=column))
    from pandas import concat

    listed = concat(flagged, ignore_index=True)
    parts.append("<h2>Outliers</h2>")
    parts.append(_html(listed) if len(listed) else "<p>None.</p>")
    return "".join(parts)


def _two_methods(
    methods: Mapping[str, DataFrame], columns: Sequence[str], case: str, by: str, seed: int
) -> str:
    from pandas import DataFrame

    (name_a, table_a), (name_b, table_b) = methods.items()
    both = table_a.merge(table_b, on=[case, by], suffixes=("_a", "_b"))
    alone = len(table_a) + len(table_b) - 2 * len(both)
    parts = [f"<h1>{escape(name_b)} beside {escape(name_a)}</h1>"]
    parts.append(f"<p>{len(both)} pairs; {alone} rows have no partner and are left out.</p>")
    rows, pictures = [], []
    for group, part in both.groupby(by, sort=False):
        for column in columns:
            a, b = (part[f"{column}_{side}"].to_numpy(dtype=float) for side in "ab")
            rows.append({by: group, "measurement": column, **compare_paired(a, b, seed=seed)})
            agreed = bland_altman(a, b)
            limits = [agreed[k] for k in ("lower_limit", "bias", "upper_limit")]
            pictures.append(bland_altman_plot(a, b, limits, f"{group}: {column}, difference"))
    note = "Difference is the second method less the first; the interval is drawn anew from the cases."
    return "".join([*parts, _html(DataFrame(rows)), f"<p>{note}</p>", *pictures])


def _html(table: DataFrame) -> str:
    shown = table.copy()
    for column in shown.select_dtypes(np.floating):
        shown[column] = shown[column].map(lambda v: f"{v:.4g}")
    return str(shown.to_html(index=False, border=0))
