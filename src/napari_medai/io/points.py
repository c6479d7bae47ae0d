"""Landmarks in CSV and JSON files, in the marker files of 3D Slicer, and in the text files of ISBI 2015."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

from napari_medai.core.errors import ArgumentError, ReadError, WriteError
from napari_medai.core.files import written_beside
from napari_medai.core.landmarks import Landmarks
from napari_medai.io.files import stem
from napari_medai.io.point_table import (
    PointTable,
    json_text,
    read_csv_text,
    read_json_text,
    to_lps,
)
from napari_medai.io.point_table import landmarks_text as landmarks_text
from napari_medai.io.points_isbi import isbi_text, read_isbi_text

Frame: TypeAlias = Literal["LPS", "RAS"]
_SCHEMA = (
    "https://raw.githubusercontent.com/slicer/slicer/master/Modules/Loadable/Markups/Resources/Schema/"
    "markups-schema-v1.0.3.json#"
)
_FCSV_COLUMNS = "id,x,y,z,ow,ox,oy,oz,vis,sel,lock,label,desc,associatedNodeID"
_LARGEST = 50_000_000
_FROM_LPS: dict[str, tuple[int, int, int]] = {"LPS": (1, 1, 1), "RAS": (-1, -1, 1)}


def read_points(path: str | Path, *, frame: Frame = "LPS") -> Landmarks:
    """Read landmarks.

    Parameters
    ----------
    path : path
        A ``.csv`` table, ``.json``, ``.fcsv`` or ``.mrk.json`` of 3D Slicer, or an ISBI 2015 ``.txt``.
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
            f"{file.name} holds no text.", hint="Choose a .csv, .json, .fcsv, .mrk.json or .txt file."
        ) from error
    reader = _by_suffix(file, _READERS, ReadError)
    try:
        table: PointTable = reader(text, frame)
        return table.replace(names=_distinct(table.names)).landmarks(stem(file))
    except (ValueError, KeyError, TypeError, IndexError, ArgumentError) as error:
        raise ReadError(
            f"{file.name} is no readable list of points: {error}.",
            hint="Each point needs a name and its numbers.",
        ) from error


def write_points(points: Landmarks, path: str | Path, *, frame: Frame = "LPS") -> Path:
    """Write landmarks as ``.csv``, ``.json``, ``.fcsv``, ``.mrk.json`` or ISBI 2015 ``.txt``.

    CSV, JSON and the Slicer files state their frame and mm; the ISBI text holds pixels. Error bars are
    kept in CSV and JSON; a point that is absent is kept there too, is "missing" in ``.mrk.json``, and is
    left out of ``.fcsv``.

    Parameters
    ----------
    points : Landmarks
        In 3-D and mm for Slicer's formats; in 2-D and pixels for the ISBI text.
    path : path
        Its suffix chooses the format.
    frame : {"LPS", "RAS"}
        Of the positions in a file of Slicer's, which says it; the others are always in LPS.

    Raises
    ------
    WriteError
        If the suffix is none of these, or the format cannot hold the points.
    """
    file = Path(path)
    writer = _by_suffix(file, _WRITERS, WriteError)
    for_slicer = writer in (_fcsv_text, _markups_text)
    if for_slicer and (points.positions.shape[1] != 3 or points.unit != "mm"):
        raise WriteError(
            f"{file.name}: Slicer's formats hold points in space, in mm.", hint="Write .csv instead."
        )
    if frame == "RAS" and not for_slicer:
        raise WriteError(
            f"{file.name}: only Slicer's formats are written in RAS.", hint="Write .fcsv or .mrk.json."
        )
    text = writer(points, frame) if for_slicer else writer(points)
    with written_beside(file) as partial:
        partial.write_text(text, encoding="utf-8")
    return file


def _by_suffix(file: Path, table: dict[str, Any], error: type[ReadError] | type[WriteError]) -> Any:
    for suffix, function in table.items():
        if file.name.lower().endswith(suffix):
            return function
    raise error(
        f"Found {file.name!r}; points are kept in {', '.join(table)} files.", hint="Use one of these."
    )


def _distinct(names: Sequence[str]) -> list[str]:
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


def _read_fcsv(text: str, frame: str) -> PointTable:
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
    return PointTable(names, to_lps(positions, stated), "mm")


def _fcsv_text(points: Landmarks, frame: Frame) -> str:
    lines = [
        "# Markups fiducial file version = 4.11",
        f"# CoordinateSystem = {frame}",
        f"# columns = {_FCSV_COLUMNS}",
    ]
    stream = io.StringIO(newline="")
    table = csv.writer(stream, lineterminator="\n")
    places = points.present.positions * _FROM_LPS[frame]
    for index, (name, place) in enumerate(zip(points.present.names, places, strict=True), start=1):
        table.writerow([index, *(repr(float(v)) for v in place), 0, 0, 0, 1, 1, 1, 0, name, "", ""])
    return "\n".join(lines) + "\n" + stream.getvalue()


def _read_markups(text: str, frame: str) -> PointTable:
    names, positions, absent = [], [], []
    for markup in json.loads(text)["markups"]:
        if markup.get("coordinateUnits", "mm") != "mm":
            raise ValueError(f"found positions in {markup['coordinateUnits']}; needed mm")
        flip = np.array([-1, -1, 1]) if markup.get("coordinateSystem", frame) in ("RAS", "0") else np.ones(3)
        for point in markup["controlPoints"]:
            status = point.get("positionStatus", "defined")
            if status == "defined" or (status == "missing" and "position" in point):
                absent.append(status == "missing")
                names.append(str(point.get("label", "")))
                positions.append((np.array(point["position"], dtype=float) * flip).tolist())
    return PointTable(names, to_lps(positions, "LPS"), "mm", absent=absent if any(absent) else None)


def _markups_text(points: Landmarks, frame: Frame) -> str:
    gone = np.zeros(len(points), dtype=bool) if points.absent is None else points.absent
    places = points.positions * _FROM_LPS[frame]
    controls = [
        {
            "id": str(index),
            "label": name,
            "position": [float(v) for v in place],
            "positionStatus": "missing" if gone[index - 1] else "defined",
        }
        for index, (name, place) in enumerate(zip(points.names, places, strict=True), start=1)
    ]
    markup = {
        "type": "Fiducial",
        "coordinateSystem": frame,
        "coordinateUnits": "mm",
        "locked": False,
        "labelFormat": "%N-%d",
        "controlPoints": controls,
    }
    return json.dumps({"@schema": _SCHEMA, "markups": [markup]}, indent=1)


_READERS: dict[str, Callable[[str, str], PointTable]] = {
    ".csv": read_csv_text,
    ".fcsv": _read_fcsv,
    ".mrk.json": _read_markups,
    ".json": read_json_text,
    ".txt": read_isbi_text,
}
_WRITERS: dict[str, Callable[..., str]] = {
    ".csv": landmarks_text,
    ".fcsv": _fcsv_text,
    ".mrk.json": _markups_text,
    ".json": json_text,
    ".txt": isbi_text,
}
