"""Landmarks as rows of a table, in CSV and in JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from napari_medai.core.geometry import FloatArray, Unit
from napari_medai.core.landmarks import Landmarks
from napari_medai.io.frame_csv import frame_csv_text, stated_unit

SCHEMA = "napari-medai/landmarks/1"


@dataclass(frozen=True, eq=False)
class PointTable:
    """What a file says of points.

    Parameters
    ----------
    names : list of str
        As written; may be empty or stand twice.
    positions : (N, D) ndarray
        LPS.
    unit : {"mm", "pixel"}
        Of the positions.
    confidence, covariance, absent : lists, optional
        Where the file states them.
    """

    names: Sequence[str]
    positions: FloatArray
    unit: Unit
    confidence: Sequence[float] | None = None
    covariance: Any = None
    absent: Sequence[bool] | None = None

    def replace(self, **changes: Any) -> PointTable:
        """Return a copy with some fields changed."""
        return replace(self, **changes)

    def landmarks(self, name: str) -> Landmarks:
        """Return the points under a name."""
        sure = None if self.confidence is None else np.array(self.confidence)
        absent = None if self.absent is None else np.array(self.absent, dtype=bool)
        return Landmarks(
            tuple(self.names), self.positions, self.covariance, sure, self.unit, name, absent=absent
        )


def to_lps(positions: Sequence[Sequence[float]], frame: str) -> FloatArray:
    """Bring rows of positions from a frame to LPS."""
    array = np.array(positions, dtype=np.float64).reshape(len(positions), -1)
    if frame == "RAS" and array.size:
        array[:, :2] *= -1
    return array if array.size else np.zeros((0, 3))


def read_csv_text(text: str, frame: str) -> PointTable:
    """Read a CSV table.

    Parameters
    ----------
    text : str
        Columns ``name`` or ``label``; ``x``, ``y``, ``z``, with or without ``_lps_mm``, ``_ras_mm`` or
        ``_pixel``; maybe ``confidence``, ``absent`` and covariances ``cov_xx``, ``cov_xy``, ...
    frame : {"LPS", "RAS"}
        What x, y, z mean where nothing says so.
    """
    head, _, body = text.partition("\n")
    stated = stated_unit(head)
    rows = list(csv.DictReader(io.StringIO(text if stated is None else body)))
    columns = list(rows[0]) if rows else []
    kinds: tuple[tuple[str, str, Unit], ...] = (
        ("_lps_mm", "LPS", "mm"), ("_ras_mm", "RAS", "mm"), ("_pixel", "LPS", "pixel"),
        ("", frame if stated is None else "LPS", stated or "mm"),
    )  # fmt: skip
    for suffix, system, unit in kinds:
        axes = [f"{letter}{suffix}" for letter in "xyz" if f"{letter}{suffix}" in columns]
        if len(axes) >= 2:
            positions = [[float(row[axis]) for axis in axes] for row in rows]
            names = [(row.get("name") or row.get("label") or "").strip() for row in rows]
            sure = [float(row["confidence"]) for row in rows] if "confidence" in columns else None
            gone = [_truth(row["absent"]) for row in rows] if "absent" in columns else None
            spread = _covariances(rows, columns, len(axes))
            return PointTable(names, to_lps(positions, system), unit, sure, spread, gone)
    raise ValueError(f"found the columns {columns}; needed x, y, z, with or without _lps_mm")


def landmarks_text(points: Landmarks) -> str:
    """Return landmarks as CSV: ``name,x,y,z``, and what is known of confidence, absence and error."""
    ndim = points.positions.shape[1]
    columns = ["name", *"xyz"[:ndim]]
    table: list[list[Any]] = [
        [name, *place] for name, place in zip(points.names, points.positions, strict=True)
    ]
    if points.confidence is not None:
        columns.append("confidence")
        table = [[*row, value] for row, value in zip(table, points.confidence, strict=True)]
    if points.absent is not None:
        columns.append("absent")
        table = [[*row, "true" if gone else "false"] for row, gone in zip(table, points.absent, strict=True)]
    if points.covariance is not None:
        pairs = _pairs(ndim)
        columns += [f"cov_{'xyz'[a]}{'xyz'[b]}" for a, b in pairs]
        table = [
            [*row, *(m[a, b] for a, b in pairs)] for row, m in zip(table, points.covariance, strict=True)
        ]
    return frame_csv_text(points.unit, columns, table)


def read_json_text(text: str, frame: str) -> PointTable:
    """Read JSON: this package's own, or an object of positions by name."""
    data = json.loads(text)
    if isinstance(data, dict) and "points" in data:
        return _own_table(data, frame)
    if isinstance(data, dict) and data and all(isinstance(v, list) for v in data.values()):
        return PointTable(list(data), to_lps(list(data.values()), frame), "mm")
    raise ValueError("found no points; needed a list under 'points', or positions by name")


def _own_table(data: Mapping[str, Any], frame: str) -> PointTable:
    unit: Unit = "pixel" if data.get("unit") == "pixel" else "mm"
    points = data["points"]
    positions = to_lps([p["position"] for p in points], data.get("frame", frame))

    def column(key: str) -> list[Any] | None:
        return [p[key] for p in points] if points and all(key in p for p in points) else None

    return PointTable(
        [str(p.get("name", "")) for p in points],
        positions,
        unit,
        column("confidence"),
        column("covariance"),
        column("absent"),
    )


def json_text(points: Landmarks) -> str:
    """Return landmarks as JSON that states frame and unit."""
    entries = []
    for k, (name, place) in enumerate(zip(points.names, points.positions, strict=True)):
        entry: dict[str, Any] = {"name": name, "position": place.tolist()}
        if points.confidence is not None:
            entry["confidence"] = float(points.confidence[k])
        if points.absent is not None:
            entry["absent"] = bool(points.absent[k])
        if points.covariance is not None:
            entry["covariance"] = points.covariance[k].tolist()
        entries.append(entry)
    head = {"schema": SCHEMA, "frame": "LPS", "unit": points.unit, "points": entries}
    return json.dumps(head, indent=1) + "\n"


def _truth(word: str) -> bool:
    known = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False, "": False}
    return known[word.strip().lower()]


def _pairs(ndim: int) -> list[tuple[int, int]]:
    return [(a, b) for a in range(ndim) for b in range(a, ndim)]


def _covariances(rows: Sequence[Mapping[str, str]], columns: Sequence[str], ndim: int) -> Any:
    names = {(a, b): f"cov_{'xyz'[a]}{'xyz'[b]}" for a, b in _pairs(ndim)}
    if not all(name in columns for name in names.values()):
        return None
    matrices = np.zeros((len(rows), ndim, ndim))
    for (a, b), name in names.items():
        matrices[:, a, b] = matrices[:, b, a] = [float(row[name]) for row in rows]
    return matrices
