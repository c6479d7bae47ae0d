"""What registration asks of its images before it starts, and the tensors it works on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.errors import ArgumentError, GeometryError
from napari_medai.core.image import MedicalImage
from napari_medai.register.forces import Measure

if TYPE_CHECKING:
    import torch

    from napari_medai.core.landmarks import Landmarks

Volume: TypeAlias = NDArray[Any]


def check_pair(fixed: MedicalImage, moving: MedicalImage) -> None:
    """Refuse images that cannot be brought onto each other.

    Raises
    ------
    ArgumentError
        If an image has time, channels or colours, is constant or not finite.
    GeometryError
        If one is flat and the other is not, one knows its voxel size and the other does not, or one
        has a single slice.
    """
    for role, image in (("fixed", fixed), ("moving", moving)):
        check_image(image, role)
    check_worlds(fixed, moving)


def check_image(image: MedicalImage, role: str) -> None:
    """Refuse an image that registration cannot look at."""
    if len(image.axes) != image.spatial_ndim:
        extra = "".join(a for a in image.axes if a not in "zyx")
        raise ArgumentError(
            f"Found a {role} image with the axes {image.axes!r}; needed one grey volume or slice.",
            hint=f"Take one entry along {extra!r} first; for a series over time use correct_motion.",
        )
    if min(image.spatial_shape) < 2:
        raise GeometryError(
            f"Found a {role} image of {image.spatial_shape} voxels, a single slice in space.",
            hint="Take the slice out as a 2-D image, or register a whole volume.",
        )
    values = np.asarray(image.array)
    bad = int(values.size - np.count_nonzero(np.isfinite(values)))
    if bad:
        raise ArgumentError(
            f"Found {bad} of {values.size} voxels of the {role} image NaN or infinite.",
            hint="Replace them first: replace_invalid.",
        )
    if values.min() == values.max():
        raise ArgumentError(
            f"Found {values.min():g} in every voxel of the {role} image; needed contrast to register by."
        )


def check_worlds(fixed: MedicalImage, moving: MedicalImage) -> None:
    """Refuse images whose worlds cannot be mapped onto each other."""
    if fixed.spatial_ndim != moving.spatial_ndim:
        raise GeometryError(
            f"Found a {fixed.spatial_ndim}-D fixed and a {moving.spatial_ndim}-D moving image; "
            "needed the same dimension."
        )
    if fixed.geometry.unit != moving.geometry.unit:
        raise GeometryError(
            f"Found a fixed image in {fixed.geometry.unit} and a moving one in {moving.geometry.unit}.",
            hint="Set the voxel size of the one that lacks it first.",
        )


def check_landmarks(
    fixed: Landmarks, moving: Landmarks, needed: int, ndim: int
) -> tuple[Landmarks, Landmarks]:
    """Return the points that both sets name, in one order.

    Raises
    ------
    ArgumentError
        If there are fewer than needed, or they lie in another dimension.
    """
    common = [n for n in fixed.names if n in moving.names]
    if len(common) < needed:
        raise ArgumentError(
            f"Found {len(common)} landmarks that both sets name; needed at least {needed}.",
            hint="Give corresponding points the same name in both sets.",
        )
    found = {fixed.positions.shape[1], moving.positions.shape[1]}
    if found != {ndim}:
        raise ArgumentError(f"Found landmarks in {sorted(found)} dimensions; needed {ndim}-D points.")
    return fixed.selected(common), moving.selected(common)


def mask_weight(mask: MedicalImage | None, image: MedicalImage, role: str) -> Volume | None:
    """Return 1 inside a mask and 0 outside, as float32 on the image's grid.

    Raises
    ------
    ArgumentError
        If the mask is empty.
    GeometryError
        If it lies on another grid.
    """
    if mask is None:
        return None
    image.require_same_grid(mask, f"{role} mask")
    inside = np.asarray(mask.array) > 0
    if not inside.any():
        raise ArgumentError(f"Found an empty {role} mask; needed at least one voxel to look at.")
    return inside.astype(np.float32)


def as_tensor(values: Volume, device: str) -> torch.Tensor:
    """Return values as float32 of shape (1, 1, *S) on a device."""
    import torch

    array = np.array(values, dtype=np.float32)
    return torch.from_numpy(array)[None, None].to(device)


def value_range(image: MedicalImage) -> tuple[float, float]:
    """Return the 1st and the 99th hundredth of an image's values, or the ends where these are one."""
    values = np.asarray(image.array, dtype=np.float32)
    low, high = np.percentile(values, [1.0, 99.0])
    return (float(low), float(high)) if high > low else (float(values.min()), float(values.max()))


def scaled(image: MedicalImage, device: str) -> torch.Tensor:
    """Return an image as a tensor whose 1st to 99th hundredth of values span 0 to 1."""
    low, high = value_range(image)
    return as_tensor((np.asarray(image.array, dtype=np.float32) - low) / (high - low), device)


def both_scaled(
    fixed: MedicalImage, moving: MedicalImage, measure: Measure, device: str
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return both images scaled; alike for the sum of squares, which takes grey values as they are."""
    here = scaled(fixed, device)
    if measure != "ssd":
        return here, scaled(moving, device)
    low, high = value_range(fixed)
    return here, as_tensor((np.asarray(moving.array, dtype=np.float32) - low) / (high - low), device)


def shared_structures(
    fixed: MedicalImage, moving: MedicalImage, limit: int = 12
) -> tuple[list[Volume], list[Volume]]:
    """Return a mask of each label that both images hold, on either grid.

    Raises
    ------
    ArgumentError
        If they share no label, or more than ``limit``.
    """
    one, two = np.asarray(fixed.array), np.asarray(moving.array)
    common = sorted((set(np.unique(one).tolist()) & set(np.unique(two).tolist())) - {0})
    if not common or len(common) > limit:
        raise ArgumentError(
            f"Found {len(common)} labels that both label images hold; needed 1 to {limit} structures.",
            hint="Give the same structure the same number in both.",
        )
    return [one == n for n in common], [two == n for n in common]
