"""Which images to mark next: those whose points a landmark model is least sure of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from napari_medai.core.image import MedicalImage
from napari_medai.core.landmarks import Landmarks
from napari_medai.core.progress import Progress, part, silent
from napari_medai.models.model import Model
from napari_medai.models.points.find import find_points
from napari_medai.models.prepare import time_points
from napari_medai.models.store import as_model
from napari_medai.models.task import require_task

DOUBTFUL_SHARE = 0.25
"""The share of an image's points, the least sure ones, that speak for it."""


def rank_by_doubtful_points(
    images: Sequence[MedicalImage],
    model: str | Path | Model,
    *,
    device: str = "cpu",
    progress: Progress = silent,
) -> list[tuple[int, float]]:
    """Order images by how unsure a landmark model is of their points.

    Parameters
    ----------
    images : sequence of MedicalImage
        Images that fit the model; of a time series the first time point is asked about.
    model : str, path or Model
        A landmark model.
    device : str
        Where the network runs.
    progress : Progress
        Hears every look.

    Returns
    -------
    list of (int, float)
        Place in ``images`` and uncertainty (0 to 1), the least sure first: see :func:`doubt_of`.

    Raises
    ------
    ModelError
        If the model finds no landmarks, or an image does not fit it.
    """
    loaded = as_model(model)
    require_task(loaded.spec, "landmarks")
    found = []
    for k, image in enumerate(images):
        share = part(progress, k / len(images), (k + 1) / len(images), f"Asking about {image.name or k + 1}")
        points = find_points(loaded, time_points(image)[0], device=device, views=1, progress=share)
        found.append((k, doubt_of(points)))
    return sorted(found, key=lambda entry: -entry[1])


def doubt_of(points: Landmarks) -> float:
    """Return how unsure a model is of its points in one image, 0 to 1.

    Parameters
    ----------
    points : Landmarks
        As found, with a confidence. The doubt about a point is what its confidence lacks of 1, or the
        confidence itself where the point is said to be absent.

    Returns
    -------
    float
        The mean doubt of the quarter of the points with the most of it, so that many sure points do not
        hide a few that are worth a look.
    """
    if points.confidence is None or not len(points):
        return 0.0
    absent = np.zeros(len(points), dtype=bool) if points.absent is None else points.absent
    doubts = np.sort(np.where(absent, points.confidence, 1 - points.confidence))
    return float(doubts[-max(1, round(DOUBTFUL_SHARE * len(doubts))) :].mean())
