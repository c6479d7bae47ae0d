"""Where a network looked: for a label, a class, a point or a value."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from annotated_types import Interval
from numpy.typing import NDArray

from napari_medai.core.boxes import Boxes
from napari_medai.core.geometry import Geometry
from napari_medai.core.image import MedicalImage
from napari_medai.core.landmarks import Landmarks
from napari_medai.core.operation import Advanced, IntensityImage, LabelsImage, operation
from napari_medai.core.progress import Progress, Step, silent
from napari_medai.core.progress import part as share
from napari_medai.core.sampling import sample_volume
from napari_medai.explain.asking import Part, Wish, ask
from napari_medai.explain.methods import INPUT_METHODS, Method, fused
from napari_medai.explain.question import EXPLAINED, Question
from napari_medai.explain.subject import cell_grid, cell_steps, chosen_layers, seen_by
from napari_medai.explain.way import Way
from napari_medai.models.model import Model
from napari_medai.models.prepare import Prepared
from napari_medai.models.store import ModelArgument, as_model
from napari_medai.models.task import require_task

NOT_CHECKED = "This map has not been checked: it shows where the network may have looked, not why."


@operation(group="explain", title="Explain a prediction by a class-activation map")
def explain_prediction(
    image: IntensityImage,
    model: ModelArgument = "phantom-3d",
    region: LabelsImage | None = None,
    place: Landmarks | None = None,
    box: Boxes | None = None,
    *,
    target: str = "",
    part: Part = "whole",
    method: Method = "grad_cam",
    layer: Annotated[str, Advanced()] = "",
    device: str = "auto",
    overlap: Annotated[float, Interval(ge=0, le=0.9), Advanced()] = 0.5,
    progress: Progress = silent,
) -> MedicalImage:
    """Show where a network looked when it gave a label, a class, a point or a value.

    For a model that gives a map (segmentation, landmarks) the explained value is the sum of one
    channel's scores over a region of the whole image; for a classifier or regressor it is the score
    of the class or the value. The map is as coarse as the layer's cells, whose size is said in
    ``meta["explain"]["cell_size"]``: finer detail in the picture comes from interpolation alone.

    Parameters
    ----------
    image : MedicalImage
        Any size, spacing and orientation; no time axis.
    model : str or path or Model
        A model of any task.
    region : MedicalImage, optional
        Where the score is summed: every voxel above 0. By default the voxels that the model itself
        gives to the label, or around the peak of the point's heat map.
    place : Landmarks, optional
        The first point says which component, or which voxel, is explained: see ``part``.
    box : Boxes, optional
        The score is summed over the first box.
    target : str
        The name or number of the label, class, point or value. Empty: the label to which the model
        gives most voxels, the likeliest class, or the only point or value.
    part : {"whole", "component", "voxel"}
        Models that give a map: all voxels of the label; the connected part of it at ``place`` (without
        a place the largest); or the voxel at ``place`` alone.
    method : str
        How the map is made. Those that end in cam look at a layer; occlusion, integrated gradients,
        SmoothGrad and guided backpropagation look at the input. The last is known to draw the
        image's edges whatever the network has learnt, and is there to be compared with.
    layer : str
        The layer to look at, from the table of the model's layers; several, separated by commas, are
        averaged, each with its maximum at 1. Empty: the last one of the coarsest grid for a model that
        gives a map, the last one with a grid for others.
    device : str
        Where the network runs: "auto", "cpu", "cuda" or "mps".
    overlap : float
        The share of a window that the next one covers again.
    progress : Progress
        Hears every window.

    Returns
    -------
    MedicalImage
        Heat map on the grid of ``image``, float32, 0 to 1.

    Raises
    ------
    ArgumentError
        If the name or layer is unknown, the region is empty, a place is given to a model that gives no
        map, or the method does not apply.
    ModelError
        If the image does not fit the model.

    References
    ----------
    Selvaraju et al., Grad-CAM, ICCV 2017; Vinogradova et al., Seg-Grad-CAM, AAAI 2020.
    """
    loaded = as_model(model)
    require_task(loaded.spec, *EXPLAINED)
    way = Way(method, tuple(chosen_layers(loaded, layer, method)), overlap, device)
    seen = seen_by(loaded, image, share(progress, 0, 0.1, "Preparing"))
    wish = Wish(target, part, region, place, box)
    question = ask(loaded, seen, image, wish, way, share(progress, 0.1, 0.4))
    heat = _heat(loaded, seen, question, way, share(progress, 0.4, 0.95))
    progress(Step(0.95, 1.0, "Bringing the map to the image"))
    return _as_image(heat, seen, image, _facts(loaded, question, way, seen.grid, heat))


def _heat(
    model: Model, seen: Prepared, question: Question, way: Way, progress: Progress
) -> NDArray[np.float32]:
    """Make the map on the network's grid; the maps of several layers are averaged."""
    from napari_medai.explain.windows import input_region_map, region_map

    what = model.network, seen.volume, question, model.spec.tile
    if way.method in INPUT_METHODS:
        return input_region_map(
            *what, method=way.method, overlap=way.overlap, device=way.device, progress=progress
        )
    maps, count = [], len(way.layers)
    for k, layer in enumerate(way.layers):
        inner = share(progress, k / count, (k + 1) / count)
        maps.append(
            region_map(
                *what, layer, method=way.method, overlap=way.overlap, device=way.device, progress=inner
            )
        )
    return fused(maps)


def _facts(
    model: Model, question: Question, way: Way, grid: Geometry, heat: NDArray[np.float32]
) -> dict[str, Any]:
    cells = cell_grid(model, way.layers, grid) if way.layers else grid
    return {
        "target": model.spec.outputs.names[question.index],
        "method": way.method,
        "layer": ", ".join(layer.name for layer in way.layers) or "input",
        "cell_size": cell_steps(model, way.layers, grid.spacing),
        "cells": {"shape": list(cells.shape), "affine": cells.affine.tolist(), "unit": cells.unit},
        "maximum": float(heat.max()),
        "checked": False,
    }


def _as_image(
    heat: NDArray[np.float32], seen: Prepared, image: MedicalImage, facts: dict[str, Any]
) -> MedicalImage:
    """Bring a map from the network's grid to the image's, its maximum at 1."""
    top = float(heat.max())
    scaled = heat / top if top > 0 else heat
    upright = sample_volume(scaled, seen.grid, seen.upright)
    array = np.ascontiguousarray(seen.reorientation.undo(np.clip(upright, 0, 1)))
    notices = [NOT_CHECKED] if top > 0 else ["The map is empty: the layer does not speak for this label."]
    kept = {k: v for k, v in image.meta.items() if k in ("modality", "source")}
    meta = {**kept, "explain": facts, "colormap": "inferno", "notices": notices}
    return image.with_array(array, axes="zyx"[-image.spatial_ndim :], meta=meta)
