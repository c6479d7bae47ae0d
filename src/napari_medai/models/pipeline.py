"""A model applied to an image: prepared, predicted in windows, brought back as labels."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.boxes import Boxes
from napari_medai.core.image import MedicalImage
from napari_medai.core.progress import Progress, Step, part, silent
from napari_medai.models.choose import require_segmentation
from napari_medai.models.engine import How, predict
from napari_medai.models.estimate import estimate
from napari_medai.models.kept import prepared_once
from napari_medai.models.model import Model
from napari_medai.models.pace import keep_pace
from napari_medai.models.prepare import Prepared, check_fit, time_points
from napari_medai.models.region import Bounds, bounds_of, mask_of_boxes
from napari_medai.models.restore import RestoredLabels
from napari_medai.models.sinks import LabelSink, RestoringSink

__all__ = ["How", "segment_image"]


def segment_image(
    model: Model,
    image: MedicalImage,
    *,
    device: str = "cpu",
    overlap: float | None = None,
    how: How | None = None,
    region: MedicalImage | None = None,
    boxes: Boxes | None = None,
    finder: Model | None = None,
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
    overlap : float, optional
        The share of a window that the next one covers again; none: the model's own.
    how : How, optional
        How carefully; exactly by default.
    region : MedicalImage, optional
        Labels on the image's grid: only voxels above 0 are labelled.
    boxes : Boxes, optional
        World boxes: only voxels in one of them are labelled.
    finder : Model, optional
        A coarser model; the first one looks only where this one finds something.
    progress : Progress
        Hears every step and every batch of windows.

    Returns
    -------
    MedicalImage
        Labels on the image's own grid, their names under ``meta["labels"]``. Under
        ``meta["engine"]`` stands how the network was run; what had to be given up for want of memory
        is among ``meta["notices"]``.

    Raises
    ------
    ModelError
        If the image does not fit the model.
    """
    require_segmentation(model.spec.task, model.spec.name)
    check_fit(model.spec, image)
    wanted = overlap if overlap is not None else model.spec.windows.overlap
    how = how or How(device=device, overlap=wanted)
    expected, begun = estimate(model.spec, image, how), time.monotonic()
    progress(Step(0, 1, f"{expected}: preparing"))
    frames = time_points(image)
    mask = _mask_of(image, region, boxes)
    said: list[str] = []
    results = [
        _segment_frame(
            model, frame, mask, finder, how, said, part(progress, k / len(frames), (k + 1) / len(frames))
        )
        for k, frame in enumerate(frames)
    ]
    if mask is None and finder is None:
        keep_pace(model.spec, how.quality, expected.windows, (time.monotonic() - begun) / len(frames))
    timed = image.axes.startswith("t")
    axes = ("t" if timed else "") + "zyx"[-image.spatial_ndim :]
    array = np.stack(results) if timed else results[0]
    return image.with_array(array, axes=axes, kind="labels", meta=label_meta(model, image, said))


def label_meta(model: Model, image: MedicalImage, said: list[str]) -> dict[str, Any]:
    """Return what labels carry: names of the labels, how the engine ran, what it gave up."""
    kept = {key: value for key, value in image.meta.items() if key not in ("window", "colormap", "notices")}
    given_up = [s for s in dict.fromkeys(said) if s.startswith("Memory")]
    other = [s for s in dict.fromkeys(said) if not s.startswith("Memory")]
    notices = {"notices": given_up} if given_up else {}
    engine = {"engine": " ".join(other)} if other else {}
    return {**kept, "labels": model.spec.label_names, **engine, **notices}


def _mask_of(
    image: MedicalImage, region: MedicalImage | None, boxes: Boxes | None
) -> NDArray[np.bool_] | None:
    """Return the voxels that shall be labelled; none: all."""
    mask = None if boxes is None else mask_of_boxes(boxes, image.geometry)
    if region is None:
        return mask
    image.require_same_grid(region, "region")
    painted = np.asarray(region.array) > 0
    return painted if mask is None else painted & mask


def _segment_frame(
    model: Model,
    image: MedicalImage,
    mask: NDArray[np.bool_] | None,
    finder: Model | None,
    how: How,
    said: list[str],
    progress: Progress,
) -> NDArray[Any]:
    seen = prepared_for(model, image, how, part(progress, 0, 0.15, "Preparing"))
    begin = 0.15 if finder is None else 0.35
    bounds = _bounds(model, seen, image, mask, finder, how, part(progress, 0.15, begin))
    labels = labels_of(model, seen, bounds, how, said, part(progress, begin, 1))
    labels = np.ascontiguousarray(seen.undo(labels))
    if mask is not None:
        labels[~mask] = 0
    return labels


def prepared_for(model: Model, image: MedicalImage, how: How, progress: Progress) -> Prepared:
    """Bring one time point of an image to what a model sees.

    Parameters
    ----------
    model : Model
        In a cascade, the masks of the labels that its first stage finds follow the image's channels.
    image : MedicalImage
        One volume.
    how : How
        How carefully the first stage is run.
    progress : Progress
        Hears the preparation, and the first stage.
    """
    if model.previous is None:
        return prepared_once(model.spec, image, progress)
    seen = prepared_once(model.spec, image, part(progress, 0, 0.3), first_stage=True)
    first = segment_image(model.previous, image, how=how, progress=part(progress, 0.3, 1, "First stage"))
    labels = seen.bring_labels(np.asarray(first.array))
    masks = np.stack([labels == k + 1 for k in range(len(model.spec.previous))])
    volume = np.concatenate([seen.volume, masks.astype(np.float32)])
    return replace(seen, volume=volume)


def _bounds(
    model: Model,
    seen: Prepared,
    image: MedicalImage,
    mask: NDArray[np.bool_] | None,
    finder: Model | None,
    how: How,
    progress: Progress,
) -> Bounds | None:
    """Return where windows are wanted on the network's grid; none: everywhere."""
    if finder is not None:
        once = replace(how, quality="balanced", overlap=how.step_back) if how.quality == "fast" else how
        coarse = segment_image(finder, image, how=once, progress=progress)  # is a first look already
        found = np.asarray(coarse.array) > 0
        mask = found if mask is None else found & mask
    if mask is not None:
        return bounds_of(seen.bring(mask), model.spec.tile, how.step_back)
    return None


def labels_of(
    model: Model,
    seen: Prepared,
    bounds: Bounds | None,
    how: How,
    said: list[str],
    progress: Progress,
) -> NDArray[Any]:
    """Return the labels of a prepared image on its own upright grid."""
    outputs = model.spec.outputs
    classes, regions = len(outputs.labels), outputs.regions
    lookups = seen.lookups()
    if lookups is None:
        plain = predict(
            model,
            seen.volume,
            lambda _: LabelSink(classes, seen.grid.shape, regions),
            bounds,
            how,
            said,
            progress,
        )
        return plain.labels

    def restoring(slab_voxels: int) -> RestoringSink:
        restored = RestoredLabels(
            classes, seen.own.shape, lookups, probabilities=seen.as_probabilities, regions=regions
        )
        restored.slab_voxels = slab_voxels
        return RestoringSink(restored, outputs.channels, seen.grid.shape)

    return predict(model, seen.volume, restoring, bounds, how, said, progress).finished()
