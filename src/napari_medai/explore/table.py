"""What operations of this group share: how images are told apart in tables, which voxels are looked at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.errors import ArgumentError
from napari_medai.core.image import MedicalImage

Values = NDArray[Any]


def channels(image: MedicalImage) -> Iterator[tuple[str, Values]]:
    """Yield each channel or colour with its name, all time points together, shape (t, z, y, x) or less."""
    array = np.asarray(image.array)
    if image.is_rgb:
        for k, name in enumerate(("red", "green", "blue")):
            yield name, array[..., k]
    elif "c" in image.axes:
        axis = image.axes.index("c")
        for k, part in enumerate(np.moveaxis(array, axis, 0)):
            yield str(k), part
    else:
        yield "", array


def finite(values: Values) -> Values:
    """Return the finite ones of some values, flat."""
    flat = values.ravel()
    return flat[np.isfinite(flat)] if values.dtype.kind == "f" else flat


def region(
    image: MedicalImage, mask: MedicalImage | None, operation: str, what: str
) -> NDArray[np.bool_] | None:
    """Return where a mask is not zero, checked to lie on the image's grid and not to be empty.

    Raises
    ------
    GeometryError
        If it lies on another grid.
    ArgumentError
        If it is empty or has more axes than space.
    """
    if mask is None:
        return None
    image.require_same_grid(mask, what)
    inside = np.asarray(mask.array) > 0
    if inside.shape != image.spatial_shape:
        raise ArgumentError(f"{operation}: found a {what} with axes {mask.axes!r}; needed only space.")
    if not inside.any():
        raise ArgumentError(f"{operation}: found an empty {what}; needed at least one voxel.")
    return inside


def label_name(labels: MedicalImage, number: int) -> str:
    """Return what a label stands for, or its number."""
    return str(labels.meta.get("labels", {}).get(str(number), number))
