"""What an operation asks of its images before it starts, as errors a person can act on."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.errors import ArgumentError
from napari_medai.core.image import MedicalImage

BoolArray = NDArray[np.bool_]


def require_grey(image: MedicalImage, operation: str) -> None:
    """Refuse a colour image.

    Raises
    ------
    ArgumentError
        If the last axis holds colour samples.
    """
    if image.is_rgb:
        raise ArgumentError(
            f"{operation}: found a colour image; needed one intensity a voxel.",
            hint="Take the luminance first: to_grey; or one colour: take_channel.",
        )


def require_finite(image: MedicalImage, operation: str) -> None:
    """Refuse NaN and infinite values.

    Raises
    ------
    ArgumentError
        Naming how many voxels are not finite.
    """
    array = np.asarray(image.array)
    if array.dtype.kind not in "fc":
        return
    bad = int(array.size - np.count_nonzero(np.isfinite(array)))
    if bad:
        raise ArgumentError(
            f"{operation}: found {bad} of {array.size} voxels NaN or infinite; needed finite values.",
            hint="Replace them first: replace_invalid.",
        )


def require_contrast(values: NDArray[Any], operation: str) -> None:
    """Refuse values that are all the same.

    Raises
    ------
    ArgumentError
        If there are no values, or only one.
    """
    if values.size == 0:
        raise ArgumentError(f"{operation}: found no voxel to look at; needed a mask that is not empty.")
    low = values.min()
    if low == values.max():
        raise ArgumentError(
            f"{operation}: found the value {float(low):g} in every voxel; needed at least two values.",
            hint="Look at the image: it may be empty, or the mask may miss the object.",
        )


def mask_array(image: MedicalImage, mask: MedicalImage | None, operation: str) -> BoolArray | None:
    """Return where the mask is not zero, shape (z, y, x) or (y, x), after checking that it fits.

    Raises
    ------
    GeometryError
        If the mask lies on another grid.
    ArgumentError
        If the mask has time or channels, or is empty.
    """
    if mask is None:
        return None
    image.require_same_grid(mask, "mask")
    if len(mask.axes) != mask.spatial_ndim:
        raise ArgumentError(f"{operation}: found a mask with axes {mask.axes!r}; needed only space.")
    inside = np.asarray(mask.array) > 0
    if not inside.any():
        raise ArgumentError(
            f"{operation}: found an empty mask; needed at least one voxel inside.",
            hint="Paint the region, or leave the mask out.",
        )
    return inside


def require_spatial(labels: MedicalImage, operation: str, what: str = "labels") -> None:
    """Refuse labels that vary over time or channels.

    Raises
    ------
    ArgumentError
        If there is any axis besides z, y, x.
    """
    wanted = "zyx"[-labels.spatial_ndim :]
    if labels.axes != wanted:
        raise ArgumentError(
            f"{operation}: found {what} with axes {labels.axes!r}; needed only {wanted!r}.",
            hint="Take one time point or channel first.",
        )


def require_volume(image: MedicalImage, operation: str) -> None:
    """Refuse a 2-D image.

    Raises
    ------
    ArgumentError
        If there is no z axis.
    """
    if image.spatial_ndim != 3:
        raise ArgumentError(f"{operation}: found a 2-D image; needed a volume with a z axis.")
