"""What of a segmentation is explained: a label, and the voxels over which its score is summed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.errors import ArgumentError
from napari_medai.core.image import MedicalImage
from napari_medai.core.progress import Progress, Step
from napari_medai.core.sampling import sample_volume
from napari_medai.explain.layers import Layer, default_layer, find_layer, list_layers
from napari_medai.explain.methods import INPUT_METHODS
from napari_medai.models.infer import tiled_scores
from napari_medai.models.model import Model
from napari_medai.models.prepare import Prepared


def one_volume(image: MedicalImage) -> MedicalImage:
    """Return the image, unless it is a time series: that is refused."""
    if image.axes.startswith("t"):
        raise ArgumentError("Found a time series; needed one volume.", hint="Take one time point first.")
    return image


def model_layers(model: Model) -> list[Layer]:
    """List the layers of a model with their grids for one window."""
    import torch

    return list_layers(model.network, torch.zeros(1, len(model.spec.channels), *model.spec.tile))


def chosen_layers(model: Model, names: str, method: str) -> list[Layer]:
    """Return the layers of a comma-separated list, the default one for an empty list.

    Raises
    ------
    ArgumentError
        If one does not exist, or the method looks at no layer.
    """
    if method in INPUT_METHODS:
        if names:
            raise ArgumentError(
                f"The method {method} looks at the input, not at the layer {names!r}.",
                hint="Leave the layer empty, or choose a method that ends in cam.",
            )
        return []
    known = model_layers(model)
    if not names.strip():
        return [default_layer(known, dense=True)]
    return [find_layer(known, name.strip()) for name in names.split(",")]


def cell_steps(model: Model, layers: Sequence[Layer], spacing: NDArray[np.float64]) -> list[float]:
    """Return the edge of a cell along each axis, of the coarsest layer; without layers that of a voxel."""
    counts = [min(layer.cells[k] for layer in layers) if layers else n for k, n in enumerate(model.spec.tile)]
    return [round(float(s * t / c), 4) for s, t, c in zip(spacing, model.spec.tile, counts, strict=True)]


def region_to_explain(
    model: Model,
    seen: Prepared,
    image: MedicalImage,
    region: MedicalImage | None,
    target: str,
    device: str,
    overlap: float,
    progress: Progress,
) -> tuple[int, NDArray[np.bool_]]:
    """Return the class to explain and the voxels of the network's grid over which it is summed.

    Parameters
    ----------
    model : Model
        A segmentation model.
    seen : Prepared
        The image as the network sees it.
    image : MedicalImage
        As it was given.
    region : MedicalImage, optional
        Painted on the image's grid; otherwise the voxels that the model gives to the label.
    target : str
        The label's name or number; empty: the label to which the model gives most voxels.
    device, overlap, progress
        As in prediction.

    Raises
    ------
    ArgumentError
        If the label is unknown, is missing beside a region, or is not found by the model.
    """
    index = class_index(model, target) if target else None
    if region is not None and index is not None:
        progress(Step(0, 1, "Taking the region"))
        return index, on_seen_grid(region, "region", seen, image)
    scores = tiled_scores(
        model.network, seen.volume, model.spec.tile, overlap=overlap, device=device, progress=progress
    )
    predicted = scores.argmax(axis=0)
    if region is not None:
        raise ArgumentError(
            "A region was given, but no label.", hint="Say which label's score to explain: target."
        )
    if index is None:
        counts = np.bincount(predicted.ravel(), minlength=len(scores))[1:]
        index = int(counts.argmax()) + 1
    found = predicted == index
    if not found.any():
        raise ArgumentError(
            f"The model finds no {model.spec.outputs.labels[index]!r} in this image.",
            hint="Choose a label that it finds, or paint a region.",
        )
    return index, found


def on_seen_grid(labels: MedicalImage, name: str, seen: Prepared, image: MedicalImage) -> NDArray[np.bool_]:
    """Bring every voxel above 0 of labels on the image's grid to the network's grid."""
    image.require_same_grid(labels, name)
    painted = seen.reorientation.apply(np.array(labels.array))
    return sample_volume(painted, seen.upright, seen.grid, interpolation="nearest") > 0


def class_index(model: Model, target: str) -> int:
    """Return the number of a label given by name or number."""
    labels = model.spec.outputs.labels
    if target in labels:
        return labels.index(target)
    if target.isdigit() and int(target) < len(labels):
        return int(target)
    raise ArgumentError(f"Model {model.spec.name} has no label {target!r}; it has {', '.join(labels)}.")
