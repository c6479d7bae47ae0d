"""Many maps of one image in one picture: a row a name, a column a layer, for a report."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from annotated_types import Interval
from numpy.typing import NDArray

from napari_medai.core.errors import ArgumentError
from napari_medai.core.geometry import Geometry
from napari_medai.core.image import MedicalImage
from napari_medai.core.operation import IntensityImage, operation
from napari_medai.core.progress import Progress, silent
from napari_medai.core.progress import part as share
from napari_medai.explain.layers import Layer
from napari_medai.explain.methods import INPUT_METHODS, Method
from napari_medai.explain.prediction import explain_prediction
from napari_medai.explain.subject import chosen_layers, model_layers
from napari_medai.models.model import Model
from napari_medai.models.store import ModelArgument, as_model

Picture = NDArray[np.uint8]
SIDE, CAPTION, LEFT = 160, 18, 110
MOST = 60
HEAT_SHARE = 0.6
"""How much of the heat's colour covers the image where the map is 1."""


@operation(group="explain", title="Picture many maps", new_grid=True)
def picture_maps(
    image: IntensityImage,
    model: ModelArgument = "lesion-2d",
    *,
    targets: str = "",
    layers: str = "",
    method: Method = "grad_cam",
    columns: Annotated[int, Interval(ge=1, le=8)] = 3,
    device: str = "auto",
    progress: Progress = silent,
) -> MedicalImage:
    """Draw maps of several labels or classes at several layers into one picture for a report.

    Parameters
    ----------
    image : MedicalImage
        Any size and spacing; no time axis. Of a volume the slice with the strongest heat is drawn.
    model : str or path or Model
        A model of any task.
    targets : str
        Names separated by commas, one row each; empty: all that the model can find.
    layers : str
        Layers separated by commas, one column each; empty: the last layer of as many grids as there
        are columns, the coarsest first.
    method : str
        How the maps are made; one that looks at the input has one column.
    columns : int
        How many layers are taken where none is named.
    device : str
        Where the network runs: "auto", "cpu", "cuda" or "mps".
    progress : Progress
        Hears each map.

    Returns
    -------
    MedicalImage
        A colour picture, axes "yxs", in pixels: write it as PNG. A cell says "not found" where the
        model does not find the label in this image.

    Raises
    ------
    ArgumentError
        If a name or layer is unknown, or more than 60 maps would be drawn.
    """
    loaded = as_model(model)
    names = _split(targets) or list(loaded.spec.results)
    across = [str(x) for x in _columns(loaded, layers, method, columns)]
    if len(names) * len(across) > MOST:
        raise ArgumentError(f"{len(names) * len(across)} maps were asked for; at most {MOST} are drawn.")
    rows = []
    for r, name in enumerate(names):
        row = [_caption(name, LEFT, SIDE)]
        for c, layer in enumerate(across):
            begin = (r * len(across) + c) / (len(names) * len(across))
            inner = share(progress, begin, begin + 1 / (len(names) * len(across)))
            row.append(_tile(image, loaded, name, layer, method, device, inner))
        rows.append(np.concatenate(row, axis=1))
    head = [_caption(method, LEFT, CAPTION), *(_caption(x or "input", SIDE, CAPTION) for x in across)]
    picture = np.concatenate([np.concatenate(head, axis=1), *rows])
    facts = {"modality": image.meta["modality"]} if "modality" in image.meta else {}
    grid = Geometry.from_spacing(picture.shape[:2])
    return MedicalImage(picture, "yxs", grid, name=f"maps of {image.name}", meta=facts, history=image.history)


def _split(names: str) -> list[str]:
    return [name.strip() for name in names.split(",") if name.strip()]


def _columns(model: Model, layers: str, method: str, count: int) -> list[str]:
    if method in INPUT_METHODS or layers:
        return [layer.name for layer in chosen_layers(model, layers, method)] or [""]
    last: dict[tuple[int, ...], Layer] = {}
    for layer in model_layers(model):
        if min(layer.cells) > 1:
            last[layer.cells] = layer
    coarse_first = sorted(last.values(), key=lambda layer: int(np.prod(layer.cells)))
    return [layer.name for layer in coarse_first[:count]]


def _tile(
    image: MedicalImage, model: Model, name: str, layer: str, method: Method, device: str, progress: Progress
) -> Picture:
    """Draw one map over its image, or say that there is none."""
    try:
        heat = explain_prediction(
            image, model, target=name, layer=layer, method=method, device=device, progress=progress
        )
    except ArgumentError as error:
        if "finds no" not in error.message:
            raise
        return _caption("not found", SIDE, SIDE)
    values, warm = np.asarray(image.array, np.float32), np.asarray(heat.array)
    if image.is_rgb:
        values = values.mean(axis=-1)
    if values.ndim > warm.ndim:
        values = values[0]
    if warm.ndim == 3:
        k = int(warm.sum(axis=(1, 2)).argmax())
        values, warm = values[k], warm[k]
    return _fitted(_overlaid(values, warm), heat.geometry.spacing[-2:])


def _overlaid(values: NDArray[np.float32], warm: NDArray[np.float32]) -> Picture:
    low, high = np.percentile(values, (1, 99.5))
    grey = np.clip((values - low) / max(float(high - low), 1e-6), 0, 1)[..., None] * 255
    colour = np.stack([np.clip(2 * warm, 0, 1), np.clip(2 * warm - 0.7, 0, 1), 0.4 * (1 - warm)], -1) * 255
    cover = HEAT_SHARE * warm[..., None]
    return np.asarray((1 - cover) * grey + cover * colour, np.uint8)


def _fitted(picture: Picture, spacing: Any) -> Picture:
    """Bring a picture into a square, in its true proportions."""
    from PIL import Image

    size = np.array(picture.shape[:2]) * np.asarray(spacing)
    height, width = (max(1, round(float(x))) for x in size * SIDE / size.max())
    scaled = Image.fromarray(picture).resize((width, height), Image.Resampling.BILINEAR)
    canvas = Image.new("RGB", (SIDE, SIDE))
    canvas.paste(scaled, ((SIDE - width) // 2, (SIDE - height) // 2))
    return np.asarray(canvas)


def _caption(text: str, width: int, height: int) -> Picture:
    from PIL import Image, ImageDraw

    canvas = Image.new("RGB", (width, height), (24, 24, 24))
    draw = ImageDraw.Draw(canvas)
    shown = text if len(text) <= width // 6 else "…" + text[-(width // 6 - 1) :]
    draw.text((width / 2, height / 2), shown.replace("…", ".."), fill=(230, 230, 230), anchor="mm")
    return np.asarray(canvas)
