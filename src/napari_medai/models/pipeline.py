"""A model applied to an image: prepared, predicted in windows, brought back as labels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.image import MedicalImage
from napari_medai.core.progress import Progress, part, silent
from napari_medai.models.infer import tiled_scores
from napari_medai.models.model import Model
from napari_medai.models.prepare import check_fit, prepare, time_points
from napari_medai.models.restore import labels_on_grid


def segment_image(
    model: Model,
    image: MedicalImage,
    *,
    device: str = "cpu",
    overlap: float = 0.5,
    progress: Progress = silent,
) -> MedicalImage:
    """Label every voxel of an image by a model.

    Parameters
    ----------
    model : Model
        A segmentation model.
    image : MedicalImage
        Any size, spacing and orientation. Time points are labelled one by one; channels or
        colour samples are the model's input channels.
    device : str
        Where the network runs.
    overlap : float
        The share of a window that the next one covers again.
    progress : Progress
        Hears every step and every batch of windows.

    Returns
    -------
    MedicalImage
        Labels on the image's own grid, their names under ``meta["labels"]``.

    Raises
    ------
    ModelError
        If the image does not fit the model.
    """
    check_fit(model.spec, image)
    frames = time_points(image)
    results = [
        _segment_frame(model, frame, device, overlap, part(progress, k / len(frames), (k + 1) / len(frames)))
        for k, frame in enumerate(frames)
    ]
    timed = image.axes.startswith("t")
    axes = ("t" if timed else "") + "zyx"[-image.spatial_ndim :]
    kept = {key: value for key, value in image.meta.items() if key not in ("window", "colormap")}
    meta = {**kept, "labels": model.spec.label_names}
    return image.with_array(np.stack(results) if timed else results[0], axes=axes, kind="labels", meta=meta)


def _segment_frame(
    model: Model, image: MedicalImage, device: str, overlap: float, progress: Progress
) -> NDArray[Any]:
    seen = prepare(model.spec, image, part(progress, 0, 0.15, "Preparing"))
    scores = tiled_scores(
        model.network,
        seen.volume,
        model.spec.tile,
        overlap=overlap,
        device=device,
        progress=part(progress, 0.15, 0.85),
    )
    labels = labels_on_grid(scores, seen.grid, seen.upright, part(progress, 0.85, 1))
    return np.ascontiguousarray(seen.reorientation.undo(labels))
