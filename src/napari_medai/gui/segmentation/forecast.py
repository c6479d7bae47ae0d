"""What a run of a model will take, said before it starts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from napari_medai.core.errors import MedAIError
from napari_medai.core.image import MedicalImage
from napari_medai.gui.placement import geometry_of, layer_matrix


def forecast(layer: Any, further: Sequence[Any], model: str, quality: Any, overlap: float) -> str:
    """Say how many windows, how much memory and about how long a model will take, or why it cannot run.

    Parameters
    ----------
    layer : napari layer or None
        The image.
    further : sequence of napari layers
        The other channels, where they are layers of their own.
    model : str
        A model's name, or the path of its folder.
    quality : str
        As for ``predict_labels``.
    overlap : float
        Of the windows.

    Returns
    -------
    str
        One line; empty where there is no image or no such model. No voxel and no weight is read.
    """
    from napari_medai.gui.forms.model_card import folder_of
    from napari_medai.models.engine import How
    from napari_medai.models.estimate import estimate
    from napari_medai.models.kept import is_kept
    from napari_medai.models.pace import known_seconds
    from napari_medai.models.prepare import check_fit
    from napari_medai.models.spec import read_spec

    folder = folder_of(model)
    if layer is None or folder is None:
        return ""
    try:
        spec = read_spec(folder / "model.json")
        image = stand_in(layer, 1 + len(further))
        check_fit(spec, image)
    except MedAIError as error:
        return error.message
    found = estimate(spec, image, How(quality=quality, overlap=overlap))
    seconds = known_seconds(spec, quality, found.windows)
    kept = "; the image was prepared in an earlier run" if is_kept(spec, _arrays(layer, further)) else ""
    return f"Will take {found}" + (f", {duration(seconds)} by the last run" if seconds else "") + kept


def stand_in(layer: Any, channels: int = 1) -> MedicalImage:
    """Return an image of a layer's size and place that takes no memory: every voxel is the same one.

    Parameters
    ----------
    layer : napari image layer
        What it stands for.
    channels : int
        How many layers there are like this.
    """
    _, state, _ = layer.as_layer_data_tuple()
    shape = tuple(int(n) for n in (layer.level_shapes[0] if layer.multiscale else layer.data.shape))
    colour = bool(getattr(layer, "rgb", False))
    ndim = len(shape) - colour
    spatial = min(ndim, 3)
    units = list(layer.units)[ndim - spatial :]
    grid = geometry_of(layer_matrix(state, ndim), shape[ndim - spatial : ndim], units)
    axes = "t" * (ndim - spatial) + "zyx"[-spatial:] + "s" * colour
    if channels > 1:
        axes, shape = axes.replace("zyx"[-spatial:], "c" + "zyx"[-spatial:]), (*shape[:-spatial], channels)
        shape = (*shape, *grid.shape)
    return MedicalImage(np.broadcast_to(np.uint8(0), shape), axes, grid)


def _arrays(layer: Any, further: Sequence[Any]) -> list[Any]:
    return [one.data for one in (layer, *further)]


def duration(seconds: float) -> str:
    """Write a rough time as people say it."""
    return f"about {max(1, round(seconds))} s" if seconds < 90 else f"about {round(seconds / 60)} min"
