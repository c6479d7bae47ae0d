"""Landmarks as CSV: a line that states frame and unit, then one point a line."""

from __future__ import annotations

import csv
import re
from io import StringIO
from pathlib import Path
from typing import get_args

import numpy as np

from napari_medai.core.errors import MedAIError, ReadError, WriteError
from napari_medai.core.geometry import Unit
from napari_medai.core.landmarks import Landmarks
from napari_medai.io.files import written_beside

_MAX_BYTES = 50_000_000
_HEAD = re.compile(r"#\s*frame:\s*(\w+)\s*,\s*unit:\s*(\w+)\s*")


def landmarks_text(landmarks: Landmarks) -> str:
    """Return points as CSV: ``# frame: LPS, unit: mm``, then ``name,x,y,z`` and the confidence, if known."""
    axes = "xyz"[: landmarks.positions.shape[1]]
    sure = landmarks.confidence
    text = StringIO()
    text.write(f"# frame: LPS, unit: {landmarks.unit}\n")
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["name", *axes, *(["confidence"] if sure is not None else [])])
    for index, name in enumerate(landmarks.names):
        place = [repr(float(value)) for value in landmarks.positions[index]]
        rows.writerow([name, *place, *([repr(float(sure[index]))] if sure is not None else [])])
    return text.getvalue()


def write_landmarks(landmarks: Landmarks, path: str | Path) -> Path:
    """Write points as CSV, all of them or nothing.

    Parameters
    ----------
    landmarks : Landmarks
        Names, positions and confidence are kept; covariance is not.
    path : path
        Ends in ``.csv``.

    Raises
    ------
    WriteError
        If it ends otherwise, or the disk refuses.
    """
    target = Path(path)
    if target.suffix.lower() != ".csv":
        raise WriteError(f"Found {target.name} for landmarks; needed a name that ends in .csv.")
    with written_beside(target) as partial:
        partial.write_text(landmarks_text(landmarks), encoding="utf-8")
    return target


def read_landmarks(path: str | Path) -> Landmarks:
    """Read points written by :func:`write_landmarks`, or by hand in the same form.

    Parameters
    ----------
    path : path
        CSV with the columns ``name``, ``x``, ``y`` and, in space, ``z``; LPS. Without the first line that
        states the frame the unit is not known, and the file is refused.

    Raises
    ------
    ReadError
        If there is no such file, it does not say frame and unit, or a line is not a point.
    """
    path = Path(path)
    if not path.is_file():
        raise ReadError(f"Found no file {path.name!r}.", hint="Check the path.")
    if path.stat().st_size > _MAX_BYTES:
        raise ReadError(f"{path.name} is larger than a table of landmarks can be.")
    try:
        head, _, body = path.read_text(encoding="utf-8-sig").partition("\n")
    except UnicodeDecodeError as error:
        raise ReadError(f"{path.name} is not text.", hint="Give landmarks as CSV.") from error
    unit = _unit(head, path.name)
    rows = list(csv.DictReader(StringIO(body)))
    try:
        return _landmarks(rows, unit, path.stem)
    except (KeyError, TypeError, ValueError, MedAIError) as error:
        raise ReadError(
            f"{path.name} does not hold landmarks: {error}.",
            hint="Needed are columns name,x,y,z with numbers.",
        ) from error


def _unit(head: str, name: str) -> Unit:
    match = _HEAD.fullmatch(head.strip())
    units = {str(unit): unit for unit in get_args(Unit)}
    if match is None or match[1] != "LPS" or match[2] not in units:
        raise ReadError(
            f"{name} does not state its frame in the first line.",
            hint="It must begin: # frame: LPS, unit: mm",
        )
    known: Unit = units[match[2]]
    return known


def _landmarks(rows: list[dict[str, str]], unit: Unit, name: str) -> Landmarks:
    if not rows:
        raise ValueError("there is no point in it")
    axes = [axis for axis in "xyz" if axis in rows[0]]
    names = tuple(row["name"] for row in rows)
    positions = np.array([[float(row[axis]) for axis in axes] for row in rows])
    sure = np.array([float(row["confidence"]) for row in rows]) if "confidence" in rows[0] else None
    return Landmarks(names, positions, confidence=sure, unit=unit, name=name)
