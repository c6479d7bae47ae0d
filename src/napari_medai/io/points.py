"""Landmarks in CSV tables and in the marker files of 3D Slicer."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

from napari_medai.core.errors import ArgumentError, ReadError, WriteError
from napari_medai.core.files import written_beside
from napari_medai.core.geometry import FloatArray, Unit
from napari_medai.core.landmarks import Landmarks
from napari_medai.io.files import stem
from napari_medai.io.frame_csv import frame_csv_text, stated_unit

Frame: TypeAlias = Literal["LPS", "RAS"]
Table: TypeAlias = tuple[list[str], FloatArray, Unit, list[float] | None]
"""Names, positions, their unit and the confidence, where the file states one."""
_SCHEMA = (
    "https://raw.githubusercontent.com/slicer/slicer/master/Modules/Loadable/Markups/Resources/Schema/"
    "markups-schema-v1.0.3.json#"
)
_FCSV_COLUMNS = "id,x,y,z,ow,ox,oy,oz,vis,sel,lock,label,desc,associatedNodeID"
_LARGEST = 50_000_000


def read_points(path: str | Path, *, frame: Frame = "LPS") -> Landmarks:
    """Read landmarks.

    Parameters
    ----------
    path : path
        A ``.csv`` table, or ``.fcsv`` or ``.mrk.json`` of 3D Slicer.
    frame : {"LPS", "RAS"}
        The frame of a CSV table whose columns are just called x, y, z; Slicer's files and the tables of
        this package state theirs.

    Returns
    -------
    Landmarks
        LPS, mm (pixels where the table says so).

    Raises
    ------
    ReadError
        If the file is none of these, or a position is missing or no number.
    """
    file = Path(path)
    try:
        if file.stat().st_size > _LARGEST:
            raise ReadError(f"{file.name} is too large for a list of points.", hint="Check the path.")
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ReadError(
            f"{file.name} could not be read: {error.strerror}.", hint="Check the path."
        ) from error
    except UnicodeDecodeError as error:
        raise ReadError(
            f"{file.name} holds no text.", hint="Choose a .csv, .fcsv or .mrk.json file."
        ) from error
    reader = _by_suffix(file, _READERS, ReadError)
    try:
        names, positions, unit, confidence = reader(text, frame)
        sure = None if confidence is None else np.array(confidence)
        return Landmarks(tuple(_distinct(names)), positions, None, sure, unit, stem(file))
    except (ValueError, KeyError, TypeError, IndexError, ArgumentError) as error:
        raise ReadError(
            f"{file.name} is no readable list of points: {error}.",
            hint="Each point needs a name and its numbers.",
        ) from error


def write_points(points: Landmarks, path: str | Path) -> Path:
    """Write landmarks as ``.csv``, ``.fcsv`` or ``.mrk.json``.

    Parameters
    ----------
    points : Landmarks
        In 3-D for Slicer's formats.
    path : path
        Its suffix chooses the format.

    Raises
    ------
    WriteError
        If the suffix is none of these, or the format cannot hold the points.
    """
    file = Path(path)
    writer = _by_suffix(file, _WRITERS, WriteError)
    if writer is not landmarks_text and (points.positions.shape[1] != 3 or points.unit != "mm"):
        raise WriteError(
            f"{file.name}: Slicer's formats hold points in space, in mm.", hint="Write .csv instead."
        )
    with written_beside(file) as partial:
        partial.write_text(writer(points), encoding="utf-8")
    return file


def _by_suffix(file: Path, table: dict[str, Any], error: type[ReadError] | type[WriteError]) -> Any:
    for suffix, function in table.items():
        if file.name.lower().endswith(suffix):
            return function
    raise error(
        f"Found {file.name!r}; points are kept in {', '.join(table)} files.", hint="Use one of these."
    )


def _distinct(names: list[str]) -> list[str]:
    """Number names that are empty or stand twice."""
    seen: set[str] = set()
    result = []
    for index, name in enumerate(names, start=1):
        chosen, count = name or f"point {index}", 2
        while chosen in seen:
            chosen, count = f"{name or f'point {index}'} ({count})", count + 1
        seen.add(chosen)
        result.append(chosen)
    return result


def _to_lps(positions: list[list[float]], frame: str) -> FloatArray:
    array = np.array(positions, dtype=np.float64).reshape(len(positions), -1)
    if frame == "RAS" and array.size:
        array[:, :2] *= -1
    return array if array.size else np.zeros((0, 3))


def _read_csv(text: str, frame: str) -> Table:
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
            return names, _to_lps(positions, system), unit, sure
    raise ValueError(f"found the columns {columns}; needed x, y, z, with or without _lps_mm")


def landmarks_text(points: Landmarks) -> str:
    """Return landmarks as CSV: ``name,x,y,z`` and the confidence, if known."""
    sure = points.confidence
    columns = ["name", *"xyz"[: points.positions.shape[1]], *(["confidence"] if sure is not None else [])]
    rows = [
        [name, *place, *([sure[k]] if sure is not None else [])]
        for k, (name, place) in enumerate(zip(points.names, points.positions, strict=True))
    ]
    return frame_csv_text(points.unit, columns, rows)


def _read_fcsv(text: str, frame: str) -> Table:
    stated, columns, names, positions = frame, _FCSV_COLUMNS.split(","), [], []
    for row in csv.reader(io.StringIO(text)):
        line = ",".join(row)
        if line.startswith("# CoordinateSystem"):
            value = line.partition("=")[2].strip().upper()
            stated = {"0": "RAS", "RAS": "RAS", "1": "LPS", "LPS": "LPS"}[value]
        elif line.startswith("# columns"):
            columns = [c.strip() for c in line.partition("=")[2].split(",")]
        elif row and not line.startswith("#"):
            positions.append([float(row[columns.index(letter)]) for letter in "xyz"])
            names.append(row[columns.index("label")] if len(row) > columns.index("label") else "")
    return names, _to_lps(positions, stated), "mm", None


def _fcsv_text(points: Landmarks) -> str:
    lines = [
        "# Markups fiducial file version = 4.11",
        "# CoordinateSystem = LPS",
        f"# columns = {_FCSV_COLUMNS}",
    ]
    stream = io.StringIO(newline="")
    table = csv.writer(stream, lineterminator="\n")
    for index, (name, place) in enumerate(zip(points.names, points.positions, strict=True), start=1):
        table.writerow([index, *(repr(float(v)) for v in place), 0, 0, 0, 1, 1, 1, 0, name, "", ""])
    return "\n".join(lines) + "\n" + stream.getvalue()


def _read_markups(text: str, frame: str) -> Table:
    names, positions = [], []
    for markup in json.loads(text)["markups"]:
        if markup.get("coordinateUnits", "mm") != "mm":
            raise ValueError(f"found positions in {markup['coordinateUnits']}; needed mm")
        flip = np.array([-1, -1, 1]) if markup.get("coordinateSystem", frame) in ("RAS", "0") else np.ones(3)
        for point in markup["controlPoints"]:
            if point.get("positionStatus", "defined") == "defined":
                names.append(str(point.get("label", "")))
                positions.append((np.array(point["position"], dtype=float) * flip).tolist())
    return names, _to_lps(positions, "LPS"), "mm", None


def _markups_text(points: Landmarks) -> str:
    controls = [
        {"id": str(index), "label": name, "position": [float(v) for v in place], "positionStatus": "defined"}
        for index, (name, place) in enumerate(zip(points.names, points.positions, strict=True), start=1)
    ]
    markup = {
        "type": "Fiducial",
        "coordinateSystem": "LPS",
        "coordinateUnits": "mm",
        "locked": False,
        "labelFormat": "%N-%d",
        "controlPoints": controls,
    }
    return json.dumps({"@schema": _SCHEMA, "markups": [markup]}, indent=1)


_READERS: dict[str, Callable[[str, str], Table]] = {
    ".csv": _read_csv,
    ".fcsv": _read_fcsv,
    ".mrk.json": _read_markups,
}
_WRITERS: dict[str, Callable[[Landmarks], str]] = {
    ".csv": landmarks_text,
    ".fcsv": _fcsv_text,
    ".mrk.json": _markups_text,
}
