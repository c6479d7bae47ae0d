"""The verdict on a map as one page that opens anywhere: what was tried, what was needed, the curves."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_medai.core.files import write_text
from napari_medai.explain.drawing import curves_svg

if TYPE_CHECKING:
    from pandas import DataFrame

STYLE = (
    "body{font:14px sans-serif;margin:1.5em;max-width:75em}table{border-collapse:collapse}"
    "td,th{padding:.2em .7em;border-bottom:1px solid #ccc;text-align:left}"
    ".yes{color:#17803d}.no{color:#b3261e}.curves{display:flex;flex-wrap:wrap;gap:1em}"
)
ABOUT = (
    "A passed check says that the map depends on the network and marks what the answer depends on. "
    "It does not say that the network is right."
)


def verdict_page(table: DataFrame, curves: DataFrame, title: str = "Check of a map") -> str:
    """Write the outcome of ``check_explanation`` as one HTML page.

    Parameters
    ----------
    table, curves : pandas.DataFrame
        Of an ``ExplanationCheck``.
    title : str
        What was checked.
    """
    plots = "".join(f"<div>{svg}</div>" for svg in curve_plots(curves).values())
    return (
        f"<!doctype html><html><head><meta charset='utf-8'><title>{escape(title)}</title>"
        f"<style>{STYLE}</style></head><body><h1>{escape(title)}</h1>{verdict_table(table)}"
        f"<div class='curves'>{plots}</div><p>{ABOUT}</p></body></html>"
    )


def verdict_table(table: DataFrame, notes: bool = True) -> str:
    """Write the verdict and one row a test as HTML; the notes may be left out where there is little room."""
    verdict = table.iloc[-1]
    passed = bool(verdict["passed"])
    head = "Passed every test" if passed else f"Failed {int(verdict['value'])} of {len(table) - 1} tests"
    rows = "".join(_row(table.iloc[k], notes) for k in range(len(table) - 1))
    last = "<th>note</th>" if notes else ""
    return (
        f"<h2 class='{'yes' if passed else 'no'}'>{head}</h2>"
        f"<table><tr><th></th><th>test</th><th>value</th><th>needed</th>{last}</tr>{rows}</table>"
    )


def curve_plots(curves: DataFrame) -> dict[str, str]:
    """Draw the curves of each test as SVG."""
    plots = {}
    for test, part in curves.groupby("test", sort=False):
        lines = {
            str(m): (p["at"].to_numpy(), p["value"].to_numpy()) for m, p in part.groupby("map", sort=False)
        }
        across = "share of the layers" if "layers" in str(test) else "share of the voxels"
        plots[str(test)] = curves_svg(lines, str(test), across)
    return plots


def write_verdict(
    table: DataFrame, curves: DataFrame, path: str | Path, title: str = "Check of a map"
) -> None:
    """Save :func:`verdict_page` as a file."""
    write_text(Path(path), verdict_page(table, curves, title))


def _row(row: object, notes: bool) -> str:
    entry = dict(row)  # type: ignore[call-overload]
    passed = bool(entry["passed"])
    mark = f"<td class='{'yes' if passed else 'no'}'>{'passed' if passed else 'FAILED'}</td>"
    value = f"{entry['value']:.3g}" if np.isfinite(entry["value"]) else "none"
    cells = "".join(f"<td>{escape(str(x))}</td>" for x in (entry["test"], value, entry["needed"]))
    note = f"<td>{escape(str(entry['note']))}</td>" if notes else ""
    return f"<tr>{mark}{cells}{note}</tr>"
