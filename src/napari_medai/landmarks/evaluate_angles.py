"""How well cephalometric measures and their classes agree with a reader's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medai.core.errors import ArgumentError
from napari_medai.core.landmarks import Landmarks
from napari_medai.landmarks.cephalometry import INDETERMINATE, analyze_cephalogram

if TYPE_CHECKING:
    from pandas import DataFrame

COLUMNS = (
    "measure",
    "cases",
    "mean_error",
    "class_agreement",
    "kappa",
    "indeterminate",
    "readers_mean_error",
)


def angle_table(
    found: Sequence[Landmarks],
    goal: Sequence[Landmarks],
    second: Sequence[Landmarks] | None,
    first: Sequence[Landmarks],
) -> DataFrame:
    """Compare the measures of found points with those of the truth, and two readers with each other.

    Parameters
    ----------
    found, goal : sequences of Landmarks
        One set a case.
    second, first : sequences of Landmarks
        The two readers, if there are two.
    """
    import pandas as pd

    here, there = _tables(found), _tables(goal)
    if here is None or there is None:
        return pd.DataFrame(columns=list(COLUMNS))
    pairs = None if second is None else (_tables(first), _tables(second))
    rows = []
    for name in there[0].index:
        values = np.array(
            [[h.loc[name, "value"], t.loc[name, "value"]] for h, t in zip(here, there, strict=True)]
        )
        known = np.isfinite(values).all(axis=1)
        if not known.any():
            continue
        kinds = [(h.loc[name, "class"], t.loc[name, "class"]) for h, t in zip(here, there, strict=True)]
        row: dict[str, Any] = {"measure": name, "cases": int(known.sum())}
        row["mean_error"] = float(np.abs(values[known, 0] - values[known, 1]).mean())
        row |= _agreement([k for k, keep in zip(kinds, known, strict=True) if keep])
        row["readers_mean_error"] = _readers(pairs, name)
        rows.append(row)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _tables(cases: Sequence[Landmarks]) -> list[DataFrame] | None:
    """The analysis of each case; nothing where these are no points of a cephalogram."""
    try:
        return [analyze_cephalogram(case).table.set_index("measure") for case in cases]
    except ArgumentError:
        return None


def _agreement(kinds: Sequence[tuple[str, str]]) -> dict[str, float]:
    """Share of equal classes and Cohen's kappa, indeterminate answers left out and counted."""
    sure = [(a, b) for a, b in kinds if a and b and INDETERMINATE not in (a, b)]
    unsure = sum(a == INDETERMINATE for a, _ in kinds) / len(kinds)
    if not sure:
        return {"class_agreement": np.nan, "kappa": np.nan, "indeterminate": unsure}
    agreed = float(np.mean([a == b for a, b in sure]))
    words = {w for pair in sure for w in pair}
    chance = sum(np.mean([a == w for a, _ in sure]) * np.mean([b == w for _, b in sure]) for w in words)
    kappa = (agreed - chance) / (1 - chance) if chance < 1 else np.nan
    return {"class_agreement": agreed, "kappa": float(kappa), "indeterminate": unsure}


def _readers(pairs: tuple[Any, Any] | None, name: str) -> float:
    if pairs is None or pairs[0] is None or pairs[1] is None:
        return float("nan")
    gaps = [abs(a.loc[name, "value"] - b.loc[name, "value"]) for a, b in zip(*pairs, strict=True)]
    return float(np.nanmean(gaps)) if np.isfinite(gaps).any() else float("nan")
