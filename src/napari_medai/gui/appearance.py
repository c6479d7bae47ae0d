"""How a layer looks at first: contrast, colours, label names."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.image import MedicalImage

_SAMPLE = 200_000
_TAILS = (0.2, 99.8)
_OVERLAY_OPACITY = 0.5
_PALETTE = (
    "#00000000", "#4e9af1", "#f2545b", "#f5a623", "#7ed957", "#b07ff0", "#f7e967", "#e84fb0", "#3fd0c9",
    "#ff8f66", "#9bbf3b", "#c9a0ff", "#2f7f6f", "#d98c5f", "#8fb8de", "#c44569", "#ffd3b6",
)  # fmt: skip
"""Nothing for the background, then a colour a label that stands out from grey; they begin again after 16."""


def image_appearance(image: MedicalImage) -> dict[str, Any]:
    """Return napari's arguments for an intensity image.

    Parameters
    ----------
    image : MedicalImage
        Its ``window`` and ``colormap`` are followed; without a window that meets the values, the
        limits leave out one value in five hundred at either end.
    """
    if image.is_rgb:
        return {"rgb": True}
    return {
        "rgb": False,
        "contrast_limits": contrast_limits(image),
        "colormap": str(image.meta.get("colormap", "gray")),
    }


def labels_appearance(image: MedicalImage) -> dict[str, Any]:
    """Return napari's arguments for labels: see-through colours, and their names for the status bar.

    Parameters
    ----------
    image : MedicalImage
        A label number has the same colour in every image; ``meta["labels"]`` gives its name.
    """
    from napari.utils.colormaps import CyclicLabelColormap

    look: dict[str, Any] = {
        "opacity": _OVERLAY_OPACITY,
        "colormap": CyclicLabelColormap(colors=list(_PALETTE), name="organs"),
    }
    names = {int(number): str(name) for number, name in image.meta.get("labels", {}).items()}
    if names:
        import pandas as pd

        rows = {0: "background", **names}
        numbers = sorted(rows)
        look["features"] = pd.DataFrame({"index": numbers, "name": [rows[n] for n in numbers]})
    return look


def contrast_limits(image: MedicalImage) -> tuple[float, float]:
    """Return the values shown black and white; the first always lies below the second."""
    values = _some_values(image.array)
    lowest, highest = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
    window = image.meta.get("window")
    if window and float(window["width"]) > 0:
        centre, half = float(window["center"]), float(window["width"]) / 2
        if centre - half < highest and centre + half > lowest:
            return centre - half, centre + half
    low, high = (float(v) for v in np.percentile(values, _TAILS)) if values.size else (0.0, 1.0)
    if high <= low:
        low, high = lowest, highest
    return (low, high) if high > low else (low, low + 1.0)


def _some_values(array: Any) -> NDArray[Any]:
    """Return about two hundred thousand finite values, evenly spread; never all of a large image."""
    stride = max(1, int(np.ceil((np.prod(array.shape) / _SAMPLE) ** (1 / array.ndim))))
    part = np.asarray(array[(slice(stride // 2 if stride > 1 else 0, None, stride),) * array.ndim])
    if part.size == 0:
        part = np.asarray(array[(slice(None, None, stride),) * array.ndim])
    part = part.astype(np.float32) if part.dtype == bool else part
    return part[np.isfinite(part)] if part.dtype.kind == "f" else part.ravel()
