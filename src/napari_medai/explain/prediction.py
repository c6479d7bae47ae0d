"""Where a segmentation network looked for a label."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from annotated_types import Interval
from numpy.typing import NDArray

from napari_medai.core.geometry import Geometry
from napari_medai.core.image import MedicalImage
from napari_medai.core.operation import Advanced, IntensityImage, LabelsImage, operation
from napari_medai.core.progress import Progress, Step, part, silent
from napari_medai.core.sampling import sample_volume
from napari_medai.explain.layers import Layer
from napari_medai.explain.methods import INPUT_METHODS, Method, fused
from napari_medai.explain.subject import cell_steps, chosen_layers, one_volume, region_to_explain
from napari_medai.models.model import Model
from napari_medai.models.prepare import Prepared, prepare
from napari_medai.models.store import ModelArgument, as_model

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
        How the map is made. Those that end in cam look at a layer; occlusion, integrated gradients,
        SmoothGrad and guided backpropagation look at the input. The last is known to draw the
        image's edges whatever the network has learnt, and is there to be compared with.
    layer : str
        The layer to look at, from the table of the model's layers; several, separated by commas, are
        averaged, each with its maximum at 1. Empty: the last one of the coarsest grid.
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
    loaded = as_model(model)
    layers = chosen_layers(loaded, layer, method)
    seen = prepare(loaded.spec, one_volume(image), part(progress, 0, 0.1, "Preparing"))
    index, where = region_to_explain(
        loaded, seen, image, region, target, device, overlap, part(progress, 0.1, 0.4)
    )
    inner = part(progress, 0.4, 0.95)
    heat = _heat(loaded, seen, where, layers, index, method, overlap, device, inner)
    progress(Step(0.95, 1.0, "Bringing the map to the image"))
    return _as_image(heat, seen, image, _facts(loaded, index, method, layers, seen.grid, heat))


def _heat(
    model: Model,
    seen: Prepared,
    where: NDArray[np.bool_],
    layers: list[Layer],
    index: int,
    method: str,
    overlap: float,
    device: str,
    progress: Progress,
) -> NDArray[np.float32]:
    """Make the map on the network's grid; the maps of several layers are averaged."""
    from napari_medai.explain.windows import input_region_map, region_map

    network, tile = model.network, model.spec.tile
    if method in INPUT_METHODS:
        return input_region_map(
            network,
            seen.volume,
            where,
            tile,
            target=index,
            method=method,
            overlap=overlap,
            device=device,
            progress=progress,
        )
    maps = []
    for k, layer in enumerate(layers):
        inner = part(progress, k / len(layers), (k + 1) / len(layers))
        maps.append(
            region_map(
                network,
                seen.volume,
                where,
                tile,
                layer,
                target=index,
                method=method,
                overlap=overlap,
                device=device,
                progress=inner,
            )
        )
    return fused(maps)


def _facts(
    model: Model, index: int, method: str, layers: list[Layer], grid: Geometry, heat: NDArray[np.float32]
) -> dict[str, Any]:
    return {
        "target": model.spec.outputs.labels[index],
        "method": method,
        "layer": ", ".join(layer.name for layer in layers) or "input",
        "cell_size": cell_steps(model, layers, grid.spacing),
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
