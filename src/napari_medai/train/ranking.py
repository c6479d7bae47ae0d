"""Which images to label next: those a model is least sure of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from napari_medai.core.errors import ModelError
from napari_medai.core.image import MedicalImage
from napari_medai.core.progress import Progress, part, silent
from napari_medai.models.model import Model
from napari_medai.models.prepare import check_fit, prepare, time_points
from napari_medai.models.store import as_model
from napari_medai.train.judge import class_scores


def rank_by_uncertainty(
    images: Sequence[MedicalImage],
    model: str | Path | Model,
    *,
    device: str = "cpu",
    progress: Progress = silent,
) -> list[tuple[int, float]]:
    """Order images by how unsure a segmentation model is of them.

    Parameters
    ----------
    images : sequence of MedicalImage
        Images that fit the model.
    model : str, path or Model
        A segmentation model.
    device : str
        Where the network runs.
    progress : Progress
        Hears of every batch of windows.

    Returns
    -------
    list of (int, float)
        Place in ``images`` and uncertainty, the least sure first: the mean entropy of the class
        probabilities, as a share of the largest possible (0 to 1), over the hundredth of the voxels
        with the most of it, so that a large background does not hide a small doubtful object.

    Raises
    ------
    ModelError
        If the model does not segment, or an image does not fit it.

    References
    ----------
    Settles 2009, Active learning literature survey, section 3.1 (uncertainty sampling by entropy).
    """
    loaded = as_model(model)
    if loaded.spec.task != "segmentation":
        raise ModelError(f"Model {loaded.reference} does {loaded.spec.task}; needed one that segments.")
    found = []
    for k, image in enumerate(images):
        check_fit(loaded.spec, image)
        share = part(progress, k / len(images), (k + 1) / len(images), f"Asking about {image.name or k + 1}")
        found.append((k, _doubt(loaded, time_points(image)[0], device, share)))
    return sorted(found, key=lambda entry: -entry[1])


def _doubt(model: Model, image: MedicalImage, device: str, progress: Progress) -> float:
    seen = prepare(model.spec, image, part(progress, 0, 0.1))
    scores = class_scores(model.network, model.spec, seen.volume, device, progress=part(progress, 0.1, 1))
    scores = scores - scores.max(axis=0)
    odds = np.exp(scores)
    total = odds.sum(axis=0)
    entropy = np.log(total) - (odds * scores).sum(axis=0) / total
    top = np.partition(entropy.ravel(), -max(1, entropy.size // 100))[-max(1, entropy.size // 100) :]
    return float(top.mean() / np.log(len(scores)))
