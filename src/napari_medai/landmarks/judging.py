"""A landmark model judged on images that readers have marked."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medai.core.errors import ArgumentError
from napari_medai.core.landmarks import Landmarks
from napari_medai.core.progress import Progress, silent, track
from napari_medai.landmarks.evaluate import LandmarkErrors, evaluate_landmarks
from napari_medai.models.model import Model
from napari_medai.models.points.find import find_points
from napari_medai.models.store import as_model
from napari_medai.models.task import require_task

if TYPE_CHECKING:
    from pandas import DataFrame

    from napari_medai.io.point_folder import MarkedImage


@dataclass(frozen=True, eq=False)
class JudgedModel:
    """How far a model's points are from the readers'.

    Parameters
    ----------
    errors : LandmarkErrors
        By point, over all, and of cephalometric angles.
    cases : pandas.DataFrame
        One row a point of an image: ``image``, ``point``, ``x``, ``y`` (``z``), ``confidence``, ``absent`` as
        found, ``error`` from the mean of the readers, and ``seconds`` that the image took.
    """

    errors: LandmarkErrors
    cases: DataFrame


def judge_landmark_model(
    model: str | Path | Model,
    marked: Sequence[MarkedImage],
    *,
    device: str = "cpu",
    views: int = 4,
    progress: Progress = silent,
) -> JudgedModel:
    """Find a model's points in marked images and measure how far they are off.

    Parameters
    ----------
    model : str, path or Model
        A landmark model.
    marked : sequence of MarkedImage
        Images with one reader each, or two: the truth is the mean of both then, and their own distance
        stands beside.
    device : str
        Where the network runs.
    views : int
        How often each point is looked at.
    progress : Progress
        Hears each image.

    Raises
    ------
    ArgumentError
        If the images have different numbers of readers, or more than two.
    ModelError
        If the model finds no landmarks, or an image does not fit it.
    """
    loaded = as_model(model)
    require_task(loaded.spec, "landmarks")
    counts = sorted({len(one.readers) for one in marked})
    if len(counts) != 1 or counts[0] > 2:
        raise ArgumentError(
            f"Found images with {' and '.join(map(str, counts))} readers; needed one or two for all.",
            hint="Keep the points of one reader, or of the same two, in the table.",
        )
    found, seconds = [], []
    for one in track(marked, progress, "Finding points"):
        began = time.perf_counter()
        found.append(find_points(loaded, one.image, device=device, views=views))
        seconds.append(time.perf_counter() - began)
    names = loaded.spec.outputs.points
    readers = [[_known(one.readers[k], names) for one in marked] for k in range(counts[0])]
    errors = evaluate_landmarks(found, readers[0], readers[1] if counts[0] == 2 else None)
    rows = [row for k, one in enumerate(marked) for row in _rows(one, found[k], seconds[k])]
    import pandas as pd

    return JudgedModel(errors, pd.DataFrame(rows))


def _known(points: Landmarks, names: Sequence[str]) -> Landmarks:
    """Leave out what the model was never taught."""
    return points.selected([n for n in points.names if n in names])


def _rows(marked: MarkedImage, found: Landmarks, seconds: float) -> list[dict[str, Any]]:
    readers = [points.present for points in marked.readers]
    rows = []
    for k, name in enumerate(found.names):
        places = [points[name] for points in readers if name in points.names]
        error = float(np.linalg.norm(found[name] - np.mean(places, axis=0))) if places else np.nan
        where = dict(zip("xyz", found[name].tolist(), strict=False))
        sure = np.nan if found.confidence is None else float(found.confidence[k])
        gone = found.absent is not None and bool(found.absent[k])
        rows.append({"image": marked.name, "point": name, **where, "confidence": sure, "absent": gone,
                     "error": error, "seconds": seconds})  # fmt: skip
    return rows
