"""Probabilities of a model's classes, and how unsure it is, as images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.errors import ArgumentError
from napari_medai.core.image import MedicalImage
from napari_medai.core.progress import Progress, part
from napari_medai.models.choose import require_segmentation
from napari_medai.models.engine import How, predict
from napari_medai.models.lookup import interpolate
from napari_medai.models.model import Model
from napari_medai.models.pipeline import prepared_for
from napari_medai.models.prepare import Prepared
from napari_medai.models.sinks import MapSink

if TYPE_CHECKING:
    import torch

Measure = Literal["entropy", "disagreement"]
Maps = Callable[["torch.Tensor"], "torch.Tensor"]


def class_numbers(model: Model, target: str) -> list[int]:
    """Return the numbers of the classes that are named, separated by commas; empty: all but the background.

    Raises
    ------
    ArgumentError
        If the model has no such label.
    """
    labels = model.spec.outputs.labels
    if not target.strip():
        return sorted(model.spec.outputs.regions) or list(range(1, len(labels)))
    numbers = []
    for name in (text.strip() for text in target.split(",")):
        if name in labels:
            numbers.append(labels.index(name))
        elif name.isdecimal() and int(name) < len(labels):
            numbers.append(int(name))
        else:
            raise ArgumentError(f"Model {model.spec.name} has no label {name!r}; it has {', '.join(labels)}.")
    regions = model.spec.outputs.regions
    if regions and not set(numbers) <= set(regions):
        raise ArgumentError(f"Model {model.spec.name} finds regions; it has no probability of the rest.")
    return numbers


def probability_maps(
    model: Model, image: MedicalImage, numbers: Sequence[int], how: How, progress: Progress
) -> MedicalImage:
    """Return the probability of some classes on the image's grid, one channel each if there are several.

    Parameters
    ----------
    model : Model
        A segmentation model.
    image : MedicalImage
        One volume.
    numbers : sequence of int
        The classes.
    how : How
        How carefully.
    progress : Progress
        Hears every batch of windows.
    """
    outputs = model.spec.outputs
    channels = [outputs.regions.index(k) if outputs.regions else k for k in numbers]
    outside = [float(k == 0) for k in numbers]

    def chosen(brick: torch.Tensor) -> torch.Tensor:
        return _likely(model, brick, 0)[channels]

    maps, said = _maps(model, image, chosen, outside, how, progress, None)
    names = [outputs.labels[k] for k in numbers]
    spatial = "zyx"[-image.spatial_ndim :]
    meta = {**_kept(image), "channels": names, "engine": " ".join(said)}
    if len(names) == 1:
        return image.with_array(maps[0], axes=spatial, meta=meta)
    return image.with_array(maps, axes="c" + spatial, meta=meta)


def uncertainty_map(
    model: Model, image: MedicalImage, measure: Measure, how: How, progress: Progress
) -> MedicalImage:
    """Return how unsure a model is at every voxel of the image's grid, 0 to 1.

    Parameters
    ----------
    model : Model
        A segmentation model.
    image : MedicalImage
        One volume.
    measure : {"entropy", "disagreement"}
        The entropy of the blended probabilities; or that of the average prediction less the average
        entropy of each: what windows, mirrored copies and members of an ensemble do not agree on. Both
        are shares of the logarithm of the number of classes.
    how : How
        How carefully.
    progress : Progress
        Hears every batch of windows.

    References
    ----------
    Houlsby et al. 2011, Bayesian active learning by disagreement, arXiv 1112.5745.
    """

    def entropy(brick: torch.Tensor) -> torch.Tensor:
        return _doubt(model, _likely(model, brick, 0), 0)[None]

    def disagreement(brick: torch.Tensor) -> torch.Tensor:
        return (_doubt(model, brick[:-1], 0) - brick[-1]).clamp(min=0)[None]

    def with_doubt(scores: torch.Tensor) -> torch.Tensor:
        import torch

        likely = _likely(model, scores, 1)
        return torch.cat([likely, _doubt(model, likely, 1).unsqueeze(1)], dim=1)

    make: Maps = entropy if measure == "entropy" else disagreement
    each = None if measure == "entropy" else with_doubt
    maps, said = _maps(model, image, make, [0.0], how, progress, each)
    meta = {**_kept(image), "colormap": "inferno", "engine": " ".join(said)}
    return image.with_array(maps[0], axes="zyx"[-image.spatial_ndim :], meta=meta)


def _likely(model: Model, scores: torch.Tensor, axis: int) -> torch.Tensor:
    """Turn scores into probabilities: of classes that exclude each other, or of each region by itself."""
    return scores.sigmoid() if model.spec.outputs.regions else scores.softmax(dim=axis)


def _doubt(model: Model, likely: torch.Tensor, axis: int) -> torch.Tensor:
    """Return the entropy of probabilities as a share of the most there can be; of regions the mean."""
    if model.spec.outputs.regions:
        return (_surprise(likely) + _surprise(1 - likely)).mean(dim=axis).div(float(np.log(2)))
    return _surprise(likely).sum(dim=axis).div(float(np.log(len(model.spec.outputs.labels))))


def _surprise(likely: torch.Tensor) -> torch.Tensor:
    return -(likely * likely.clamp(min=1e-12).log())


def _maps(
    model: Model,
    image: MedicalImage,
    make: Maps,
    outside: Sequence[float],
    how: How,
    progress: Progress,
    each: Maps | None,
) -> tuple[NDArray[np.float32], list[str]]:
    require_segmentation(model.spec.task, model.spec.name)
    if image.axes.startswith("t"):
        raise ArgumentError("Found a time series; needed one volume.", hint="Take one time point first.")
    seen = prepared_for(model, image, how, part(progress, 0, 0.15, "Preparing"))
    said: list[str] = []
    sink = predict(
        model,
        seen.volume,
        lambda _: MapSink(len(outside), seen.grid.shape, make, outside),
        None,
        how,
        said,
        part(progress, 0.15, 1),
        each=each,
    )
    return np.stack([_restored(one, seen) for one in sink.maps]), said


def _restored(one: NDArray[np.float32], seen: Prepared) -> NDArray[np.float32]:
    lookups = seen.lookups()
    fine = one if lookups is None else interpolate(one, lookups)
    back: NDArray[np.float32] = np.ascontiguousarray(seen.undo(fine))
    return back


def _kept(image: MedicalImage) -> dict[str, Any]:
    return {k: v for k, v in image.meta.items() if k in ("modality", "source")}
