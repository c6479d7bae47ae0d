"""Small conversions between image values that many operations share."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.image import MedicalImage
from napari_medai.core.progress import Progress, part, silent
from napari_medai.preprocess.background import in_background

FloatVolume = NDArray[np.float32]
Volume = NDArray[Any]

LUMINANCE = (0.2125, 0.7154, 0.0721)
"""Weights of red, green and blue (ITU-R BT.709)."""


def as_float(array: Volume) -> FloatVolume:
    """Return the values as float32, copied only where needed."""
    return np.asarray(array, dtype=np.float32)


def smallest_labels(array: Volume) -> NDArray[np.integer[Any]]:
    """Return whole numbers in the smallest unsigned type that holds them."""
    if array.dtype == np.bool_:
        return array.astype(np.uint8)
    top = int(array.max()) if array.size else 0
    return array.astype(np.min_scalar_type(max(top, 1)))


def like_input(result: Volume, image: MedicalImage) -> Volume:
    """Return colours in the type they came in (they are only shown right so), the rest as float32."""
    if not image.is_rgb:
        return as_float(result)
    kind = np.asarray(image.array).dtype
    if kind.kind in "iu":
        limits = np.iinfo(kind)
        return np.clip(np.rint(result), limits.min, limits.max).astype(kind)
    return result.astype(kind)


def grey(image: MedicalImage) -> MedicalImage:
    """Return a colour image's luminance, float32; any other image as it is."""
    if not image.is_rgb:
        return image
    array = np.asarray(image.array)
    weights = np.array(LUMINANCE, dtype=np.float32)
    return image.with_array(as_float(array[..., :3]) @ weights, axes=image.axes[:-1])


def map_channels(
    image: MedicalImage, function: Callable[[Volume], Volume], progress: Progress = silent, message: str = ""
) -> Volume:
    """Apply a function to each channel as a whole, all its time points together.

    Parameters
    ----------
    image : MedicalImage
        Not a colour image.
    function : callable
        From an array (t, z, y, x) or the like, to one of the same shape.
    progress : Progress
        Hears several reports a channel.
    message : str
        What the reports say.

    Returns
    -------
    numpy.ndarray
        Of the image's shape.
    """
    array = np.asarray(image.array)
    if "c" not in image.axes:
        return in_background(partial(function, array), progress, message)
    axis = image.axes.index("c")
    channels = np.moveaxis(array, axis, 0)
    results = []
    for k, channel in enumerate(channels):
        share = part(progress, k / len(channels), (k + 1) / len(channels), message)
        results.append(in_background(partial(function, channel), share))
    return np.stack(results, axis=axis)


def new_meta(image: MedicalImage, *dropped: str, **entries: Any) -> dict[str, Any]:
    """Return the image's meta without some entries and with others."""
    return {**{k: v for k, v in image.meta.items() if k not in dropped}, **entries}


def labels_image(image: MedicalImage, array: Volume, names: dict[int, str], **entries: Any) -> MedicalImage:
    """Return labels on the grid of ``image``.

    Parameters
    ----------
    image : MedicalImage
        What was segmented; not a colour image.
    array : numpy.ndarray
        Whole numbers or booleans, of the image's shape.
    names : dict of int to str
        What the labels stand for.
    **entries
        Further facts for ``meta``.
    """
    meta = new_meta(image, "window", "colormap", "labels", **entries)
    meta["labels"] = {str(number): name for number, name in names.items()}
    return image.with_array(smallest_labels(array), kind="labels", meta=meta)
