"""Where a segmentation network looked for a label."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from annotated_types import Interval
from numpy.typing import NDArray

from napari_medai.core.errors import ArgumentError
from napari_medai.core.geometry import Geometry
from napari_medai.core.image import MedicalImage
from napari_medai.core.operation import Advanced, IntensityImage, LabelsImage, operation
from napari_medai.core.progress import Progress, Step, part, silent
from napari_medai.core.sampling import sample_volume
from napari_medai.models.infer import tiled_scores
from napari_medai.models.model import Model
from napari_medai.models.prepare import Prepared, prepare
from napari_medai.models.store import ModelArgument, as_model

Method = Literal[
    "grad_cam",
    "hires_cam",
    "layer_cam",
    "grad_cam_plus_plus",
    "xgrad_cam",
    "eigen_cam",
    "score_cam",
    "ablation_cam",
    "cam",
]
NOT_CHECKED = "This map has not been checked: it shows where the network may have looked, not why."


@operation(group="explain", title="Explain a label by a class-activation map")
def explain_prediction(
    image: IntensityImage,
    model: ModelArgument = "phantom-3d",
    region: LabelsImage | None = None,
    *,
    target: str = "",
    method: Method = "grad_cam",
    layer: Annotated[str, Advanced()] = "",
    device: str = "auto",
    overlap: Annotated[float, Interval(ge=0, le=0.9), Advanced()] = 0.5,
    progress: Progress = silent,
) -> MedicalImage:
    """Show where a segmentation network looked when it gave a label.

    The explained value is the sum of the label's scores over a region of the whole image. The map is
    as coarse as the layer's cells, whose size is said in ``meta["explain"]["cell_size"]``: finer
    detail in the picture comes from interpolation alone.

    Parameters
    ----------
    image : MedicalImage
        Any size, spacing and orientation; no time axis.
    model : str or path or Model
        A segmentation model.
    region : MedicalImage, optional
        Where the score is summed: every voxel above 0. By default the voxels that the model itself
        gives to the label.
    target : str
        The label's name or number. Empty: the label to which the model gives most voxels.
    method : str
        How activations and gradients become a map.
    layer : str
        The layer to look at, as in the network's list of modules. Empty: the last one of the
        coarsest grid.
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
        If the label or layer is unknown, the region is empty, or the method does not apply.
    ModelError
        If the image does not fit the model.

    References
    ----------
    Selvaraju et al., Grad-CAM, ICCV 2017; Vinogradova et al., Seg-Grad-CAM, AAAI 2020.
    """
    from napari_medai.explain.layers import default_layer, find_layer, list_layers
    from napari_medai.explain.windows import region_map

    if image.axes.startswith("t"):
        raise ArgumentError("Found a time series; needed one volume.", hint="Take one time point first.")
    loaded = as_model(model)
    seen = prepare(loaded.spec, image, part(progress, 0, 0.1, "Preparing"))
    index, where = _region(loaded, seen, image, region, target, device, overlap, part(progress, 0.1, 0.4))
    layers = list_layers(loaded.network, _blank_window(loaded))
    place = find_layer(layers, layer) if layer else default_layer(layers, dense=True)
    heat = region_map(
        loaded.network,
        seen.volume,
        where,
        loaded.spec.tile,
        place,
        target=index,
        method=method,
        overlap=overlap,
        device=device,
        progress=part(progress, 0.4, 0.95),
    )
    progress(Step(0.95, 1.0, "Bringing the map to the image"))
    return _as_image(heat, seen, image, _facts(loaded, index, method, place, seen.grid, heat))


def _region(
    model: Model,
    seen: Prepared,
    image: MedicalImage,
    region: MedicalImage | None,
    target: str,
    device: str,
    overlap: float,
    progress: Progress,
) -> tuple[int, NDArray[np.bool_]]:
    """Return the class to explain and the voxels of the network's grid over which it is summed."""
    index = _class_index(model, target) if target else None
    if region is not None and index is not None:
        progress(Step(0, 1, "Taking the region"))
        image.require_same_grid(region, "region")
        painted = seen.reorientation.apply(np.array(region.array))
        return index, sample_volume(painted, seen.upright, seen.grid, interpolation="nearest") > 0
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


def _class_index(model: Model, target: str) -> int:
    labels = model.spec.outputs.labels
    if target in labels:
        return labels.index(target)
    if target.isdigit() and int(target) < len(labels):
        return int(target)
    raise ArgumentError(f"Model {model.spec.name} has no label {target!r}; it has {', '.join(labels)}.")


def _blank_window(model: Model) -> Any:
    import torch

    return torch.zeros(1, len(model.spec.channels), *model.spec.tile)


def _facts(
    model: Model, index: int, method: str, layer: Any, grid: Geometry, heat: NDArray[np.float32]
) -> dict[str, Any]:
    steps = [float(s * t / c) for s, t, c in zip(grid.spacing, model.spec.tile, layer.cells, strict=True)]
    return {
        "target": model.spec.outputs.labels[index],
        "method": method,
        "layer": layer.name,
        "cell_size": [round(s, 4) for s in steps],
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
