"""Landmarks as CSV: one point a line, in a frame that the file states."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_medai.core.errors import MedAIError, ReadError, WriteError
from napari_medai.core.landmarks import Landmarks
from napari_medai.io.files import written_beside
from napari_medai.io.frame_csv import frame_csv_text, read_frame_csv


def landmarks_text(landmarks: Landmarks) -> str:
    """Return points as CSV: ``# frame: LPS, unit: mm``, then ``name,x,y,z`` and the confidence, if known."""
    axes = "xyz"[: landmarks.positions.shape[1]]
    sure = landmarks.confidence
    columns = ["name", *axes, *(["confidence"] if sure is not None else [])]
    rows = [
        [name, *landmarks.positions[index], *([sure[index]] if sure is not None else [])]
        for index, name in enumerate(landmarks.names)
    ]
    return frame_csv_text(landmarks.unit, columns, rows)


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
        CSV with the columns ``name``, ``x``, ``y`` and, in space, ``z``; LPS.

    Raises
    ------
    ReadError
        If there is no such file, it does not say frame and unit, or a line is not a point.
    """
    path = Path(path)
    unit, rows = read_frame_csv(path)
    try:
        if not rows:
            raise ValueError("there is no point in it")
        axes = [axis for axis in "xyz" if axis in rows[0]]
        names = tuple(row["name"] for row in rows)
        positions = np.array([[float(row[axis]) for axis in axes] for row in rows])
        sure = np.array([float(row["confidence"]) for row in rows]) if "confidence" in rows[0] else None
        return Landmarks(names, positions, confidence=sure, unit=unit, name=path.stem)
    except (KeyError, TypeError, ValueError, MedAIError) as error:
        raise ReadError(
            f"{path.name} does not hold landmarks: {error}.",
            hint="Needed are columns name,x,y,z with numbers.",
        ) from error
