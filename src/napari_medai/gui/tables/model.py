"""A pandas table for Qt: shown sorted and filtered, never changed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt

if TYPE_CHECKING:
    from pandas import DataFrame, Series

_DIGITS = 6
_SCIENTIFIC = 1e12
_CONDITION = re.compile(r"^\s*(.+?)\s*(<=|>=|<|>|=)\s*([-+\d.eE]+)\s*$")
_COMPARE = {"<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal, "=": np.equal}


class TableModel(QAbstractTableModel):
    """The rows of a table that a person asked for, in the order they asked for.

    Parameters
    ----------
    table : pandas.DataFrame
        Shown as it is, numbers with six digits.
    """

    def __init__(self, table: DataFrame, parent: Any = None) -> None:
        super().__init__(parent)
        self.table = table
        self.rows: NDArray[np.int64] = np.arange(len(table))
        self._wanted = ""
        self._column, self._descending = -1, False

    @property
    def shown(self) -> DataFrame:
        """The rows shown, in the order shown."""
        return self.table.iloc[self.rows]

    def filter(self, text: str) -> None:
        """Show only the rows that match; see :func:`matching`."""
        self._wanted = text
        self._refresh()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column, by value; a negative column brings the table's own order back."""
        self._column, self._descending = column, order == Qt.SortOrder.DescendingOrder
        self._refresh()

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802 - Qt's name
        """Number of rows shown."""
        return 0 if parent is not None and parent.isValid() else len(self.rows)

    def columnCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802 - Qt's name
        """Number of columns."""
        return 0 if parent is not None and parent.isValid() else len(self.table.columns)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the text or alignment of one cell."""
        value = self.table.iat[int(self.rows[index.row()]), index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return as_text(value)
        if role == Qt.ItemDataRole.TextAlignmentRole and not isinstance(value, str):
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None

    def headerData(  # noqa: N802 - Qt's name
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Return the name of a column or row."""
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        horizontal = orientation == Qt.Orientation.Horizontal
        return str(self.table.columns[section] if horizontal else self.table.index[self.rows[section]])

    def _refresh(self) -> None:
        self.beginResetModel()
        rows = np.flatnonzero(matching(self.table, self._wanted))
        if self._column >= 0:
            rows = rows[sorting(self.table.iloc[rows, self._column], self._descending)]
        self.rows = rows
        self.endResetModel()


def matching(table: DataFrame, text: str) -> NDArray[np.bool_]:
    """Tell which rows a filter keeps.

    Parameters
    ----------
    table : pandas.DataFrame
        The table.
    text : str
        Words that must all stand somewhere in the row as it is shown, whatever their case, or a
        condition on a column of numbers: ``dice < 0.8``.

    Returns
    -------
    (N,) bool array
    """
    condition = _CONDITION.match(text)
    if condition:
        column, sign, limit = condition.groups()
        numbers = numbers_in(table[column]) if column in table else None
        if numbers is not None and _is_number(limit):
            return np.asarray(_COMPARE[sign](numbers, float(limit)))
    words = text.lower().split()
    if not words:
        return np.ones(len(table), dtype=bool)
    lines = (" ".join(as_text(value) for value in row).lower() for row in table.itertuples(index=False))
    return np.array([all(word in line for word in words) for line in lines], dtype=bool)


def sorting(values: Series[Any], descending: bool) -> NDArray[np.int64]:
    """Return the order that sorts a column; what is missing comes last either way.

    Parameters
    ----------
    values : pandas.Series
        Numbers are sorted as such, all else as text without regard to case.
    descending : bool
        The largest first.
    """
    numbers = numbers_in(values)
    if numbers is None:
        missing = np.asarray(values.isna())
        keys = np.array([str(value).lower() for value in values])
        _, ranks = np.unique(keys, return_inverse=True)
        numbers = np.where(missing, np.nan, ranks.astype(float))
    return np.argsort(-numbers if descending else numbers, kind="stable")


def numbers_in(values: Series[Any]) -> NDArray[np.float64] | None:
    """Return a column as numbers, NaN where one is missing, or nothing where it holds something else."""
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    if is_numeric_dtype(values) or is_bool_dtype(values):
        return values.to_numpy(dtype=float, na_value=np.nan)
    return None


def as_text(value: Any) -> str:
    """Write one cell: numbers with six digits at least, nothing for what is missing."""
    if isinstance(value, float) or (hasattr(value, "dtype") and value.dtype.kind == "f"):
        whole = 10 ** (_DIGITS - 1) <= abs(value) < _SCIENTIFIC
        return "" if value != value else f"{value:.0f}" if whole else f"{value:.{_DIGITS}g}"
    return "" if value is None or type(value).__name__ == "NAType" else str(value)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
