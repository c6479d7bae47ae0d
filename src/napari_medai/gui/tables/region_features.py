"""Measures kept with the Labels layer they were taken from, as napari's features."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medai.core.errors import ArgumentError
from napari_medai.gui.tables.model import numbers_in
from napari_medai.gui.tables.regions import rows_by_label

if TYPE_CHECKING:
    from pandas import DataFrame

INDEX = "index"
"""The column by which napari finds the row of a label."""


def keep_features(layer: Any, table: DataFrame) -> bool:
    """Add the columns of a table to a layer's features; columns and rows that are there stay.

    Parameters
    ----------
    layer : napari.layers.Labels
        Its features get the rows by the column ``index``; a column of the same name is brought up to date.
    table : pandas.DataFrame
        With a column ``label``.

    Returns
    -------
    bool
        Whether the table has one row a label, as features need.
    """
    try:
        rows = rows_by_label(table)
    except ArgumentError:
        return False
    rows = rows.drop(columns="label").rename(columns=str)
    rows = rows.assign(**{name: _plain(rows[name]) for name in rows.columns})
    layer.features = merged(layer.features, rows)
    return True


def merged(features: DataFrame, rows: DataFrame) -> DataFrame:
    """Return features with the columns of ``rows``, which are indexed by label.

    Parameters
    ----------
    features : pandas.DataFrame
        By the column ``index``, or by position where there is none.
    rows : pandas.DataFrame
        Wins where both have a value.
    """
    old = features.set_index(features[INDEX].to_numpy() if INDEX in features else np.arange(len(features)))
    old = old.drop(columns=INDEX, errors="ignore")
    numbers = sorted(set(old.index) | set(rows.index))
    joined = old.reindex(numbers)
    for name in rows.columns:
        fresh = rows[name].reindex(numbers)
        joined[name] = fresh.where(fresh.notna(), joined[name]) if name in joined else fresh
    joined.insert(0, INDEX, numbers)
    return joined.reset_index(drop=True)


def _plain(column: Any) -> Any:
    """Return numbers as float64, which napari can print where one is missing; all else as it is."""
    numbers = numbers_in(column)
    return column.astype(object) if numbers is None else numbers
