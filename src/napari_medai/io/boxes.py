"""Boxes as CSV: one a line, its two corners in a frame that the file states."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_medai.core.boxes import Boxes
from napari_medai.core.errors import MedAIError, ReadError, WriteError
from napari_medai.core.files import written_beside
from napari_medai.io.frame_csv import frame_csv_text, read_frame_csv


def boxes_text(boxes: Boxes) -> str:
    """Return boxes as CSV: ``label,x_min,y_min,z_min,x_max,y_max,z_max`` and the score, if known."""
    axes = "xyz"[: boxes.lower.shape[1]]
    columns = ["label", *(f"{a}_min" for a in axes), *(f"{a}_max" for a in axes)]
    scores = boxes.scores
    rows = [
        [label, *boxes.lower[k], *boxes.upper[k], *([scores[k]] if scores is not None else [])]
        for k, label in enumerate(boxes.labels)
    ]
    return frame_csv_text(boxes.unit, [*columns, *(["score"] if scores is not None else [])], rows)


def write_boxes(boxes: Boxes, path: str | Path) -> Path:
    """Write boxes as CSV, all of them or nothing.

    Parameters
    ----------
    boxes : Boxes
        Labels, corners and scores are kept.
    path : path
        Ends in ``.csv``.

    Raises
    ------
    WriteError
        If it ends otherwise, or the disk refuses.
    """
    target = Path(path)
    if target.suffix.lower() != ".csv":
        raise WriteError(f"Found {target.name} for boxes; needed a name that ends in .csv.")
    with written_beside(target) as partial:
        partial.write_text(boxes_text(boxes), encoding="utf-8")
    return target


def read_boxes(path: str | Path) -> Boxes:
    """Read boxes written by :func:`write_boxes`, or by hand in the same form.

    Parameters
    ----------
    path : path
        CSV with the columns ``label``, ``x_min``, ``y_min``, ``x_max``, ``y_max`` and, in space, those of z.

    Raises
    ------
    ReadError
        If there is no such file, it does not say frame and unit, or a line is not a box.
    """
    path = Path(path)
    unit, rows = read_frame_csv(path)
    try:
        if not rows:
            raise ValueError("there is no box in it")
        axes = [axis for axis in "xyz" if f"{axis}_min" in rows[0]]
        lower, upper = (
            np.array([[float(row[f"{axis}_{end}"]) for axis in axes] for row in rows])
            for end in ("min", "max")
        )
        scores = np.array([float(row["score"]) for row in rows]) if "score" in rows[0] else None
        labels = tuple(row["label"] for row in rows)
        return Boxes(lower, upper, labels, scores, unit, path.stem)
    except (KeyError, TypeError, ValueError, MedAIError) as error:
        raise ReadError(
            f"{path.name} does not hold boxes: {error}.",
            hint="Needed are columns label,x_min,y_min,z_min,x_max,y_max,z_max with numbers.",
        ) from error
