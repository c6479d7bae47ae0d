"""What a model and an image bring to an explanation: its view, its layers, its channels by name."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.errors import ArgumentError
from napari_medai.core.geometry import Geometry
from napari_medai.core.image import MedicalImage
from napari_medai.core.progress import Progress, silent
from napari_medai.core.sampling import sample_volume
from napari_medai.explain.layers import Layer, default_layer, find_layer, list_layers
from napari_medai.explain.methods import INPUT_METHODS
from napari_medai.explain.question import DENSE
from napari_medai.models.model import Model
from napari_medai.models.prepare import Prepared, prepare
from napari_medai.models.spec import OUTPUTS_OF
from napari_medai.models.whole import prepare_whole


def one_volume(image: MedicalImage) -> MedicalImage:
    """Return the image, unless it is a time series: that is refused."""
    if image.axes.startswith("t"):
        raise ArgumentError("Found a time series; needed one volume.", hint="Take one time point first.")
    return image


def seen_by(model: Model, image: MedicalImage, progress: Progress = silent) -> Prepared:
    """Bring an image to what a model sees: a map's grid, or the whole for one answer an image."""
    if model.spec.task in DENSE:
        return prepare(model.spec, one_volume(image), progress)
    return prepare_whole(model.spec, one_volume(image), progress)


def model_layers(model: Model) -> list[Layer]:
    """List the layers of a model with their grids for one window."""
    import torch

    return list_layers(model.network, torch.zeros(1, model.spec.inputs, *model.spec.tile))


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
        return [default_layer(known, dense=model.spec.task in DENSE)]
    return [find_layer(known, name.strip()) for name in names.split(",")]


def cell_steps(model: Model, layers: Sequence[Layer], spacing: NDArray[np.float64]) -> list[float]:
    """Return the edge of a cell along each axis, of the coarsest layer; without layers that of a voxel."""
    counts = [min(layer.cells[k] for layer in layers) if layers else n for k, n in enumerate(model.spec.tile)]
    return [round(float(s * t / c), 4) for s, t, c in zip(spacing, model.spec.tile, counts, strict=True)]


def cell_grid(model: Model, layers: Sequence[Layer], grid: Geometry) -> Geometry:
    """Return the grid of the coarsest layer's cells over the whole of what the network sees.

    The first cell begins where the first window does, which is before the image's edge where the image
    is smaller than the window.
    """
    tile = np.array(model.spec.tile)
    counts = np.array([min(layer.cells[k] for layer in layers) for k in range(len(tile))])
    step = tile / counts
    before = np.maximum(tile - np.array(grid.shape), 0) // 2
    affine = np.array(grid.affine)
    affine[:-1, -1] = grid.index_to_world((step / 2 - 0.5 - before)[None])[0]
    affine[:-1, :-1] = affine[:-1, :-1] * step
    shape = np.ceil((np.array(grid.shape) + before) / step).astype(int)
    return Geometry(tuple(int(n) for n in shape), affine, grid.unit)


def on_seen_grid(labels: MedicalImage, name: str, seen: Prepared, image: MedicalImage) -> NDArray[np.bool_]:
    """Bring every voxel above 0 of labels on the image's grid to the network's grid."""
    image.require_same_grid(labels, name)
    painted = seen.reorientation.apply(np.array(labels.array))
    return sample_volume(painted, seen.upright, seen.grid, interpolation="nearest") > 0


def channel_index(model: Model, target: str) -> int:
    """Return the number of a label, class, point or value given by name or number.

    Raises
    ------
    ArgumentError
        If there is none; those that exist are named.
    """
    names = model.spec.outputs.names
    if target in names:
        return names.index(target)
    if target.isdigit() and int(target) < len(names):
        return int(target)
    what = {"labels": "label", "classes": "class", "points": "point", "values": "value"}
    what |= {"displacement": "axis"}
    kind = what[OUTPUTS_OF[model.spec.task]]
    raise ArgumentError(f"Model {model.spec.name} has no {kind} {target!r}; it has {', '.join(names)}.")
