"""Operations that cut images out or put a margin around them; no voxel changes its place."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Interval, Len

from napari_medai.core.errors import ArgumentError
from napari_medai.core.image import MedicalImage
from napari_medai.core.operation import LabelsImage, operation
from napari_medai.core.progress import Progress, Step, silent
from napari_medai.preprocess.check import mask_array

Percent = Annotated[float, Interval(ge=0, le=100)]
Share = tuple[Percent, Percent]
Size = Annotated[tuple[Annotated[int, Gt(0)], ...], Len(2, 3)]


@operation(group="preprocess", title="Crop to mask", new_grid=True)
def crop_to_mask(
    image: MedicalImage,
    mask: LabelsImage,
    *,
    margin_mm: Annotated[float, Ge(0)] = 5.0,
    progress: Progress = silent,
) -> MedicalImage:
    """Cut out the smallest box that holds a mask, with a margin.

    Parameters
    ----------
    image : MedicalImage
        Any axes and kind.
    mask : MedicalImage
        Labels on the same grid; what is not zero is kept.
    margin_mm : float
        Added on every side as far as the image reaches. In pixels where the image has no spacing.
    progress : Progress
        Hears one report.

    Returns
    -------
    MedicalImage
        The part, at its place.

    Raises
    ------
    ArgumentError
        If the mask is empty.
    GeometryError
        If the mask lies on another grid.
    """
    progress(Step(0, 1, "Cropping"))
    inside = mask_array(image, mask, "crop_to_mask")
    assert inside is not None  # a mask was given
    start, stop = [], []
    for axis, step in enumerate(image.geometry.spacing):
        others = tuple(k for k in range(inside.ndim) if k != axis)
        found = np.flatnonzero(inside.any(axis=others))
        margin = int(np.ceil(margin_mm / step - 1e-6))
        start.append(max(0, int(found[0]) - margin))
        stop.append(min(inside.shape[axis], int(found[-1]) + 1 + margin))
    return _taken(image, start, stop, 0.0)


@operation(group="preprocess", title="Pad", new_grid=True)
def pad(
    image: MedicalImage,
    *,
    margin_mm: Annotated[float, Ge(0)] = 10.0,
    value: float = 0.0,
    progress: Progress = silent,
) -> MedicalImage:
    """Put a margin around an image.

    Parameters
    ----------
    image : MedicalImage
        Any axes and kind.
    margin_mm : float
        Width on every side, rounded to whole voxels. In pixels where the image has no spacing.
    value : float
        What the margin holds.
    progress : Progress
        Hears one report.

    Returns
    -------
    MedicalImage
        The larger image; what was there stays at its place.

    Raises
    ------
    ArgumentError
        If the value does not fit the image's type.
    """
    progress(Step(0, 1, "Padding"))
    margin = [round(margin_mm / s) for s in image.geometry.spacing]
    stop = [n + m for n, m in zip(image.spatial_shape, margin, strict=True)]
    return _taken(image, [-m for m in margin], stop, value)


@operation(group="preprocess", title="Crop or pad to a size", new_grid=True)
def fit_size(
    image: MedicalImage,
    *,
    size: Size = (128, 128),
    value: float = 0.0,
    progress: Progress = silent,
) -> MedicalImage:
    """Cut or widen an image around its middle to a number of voxels.

    Parameters
    ----------
    image : MedicalImage
        Any axes and kind.
    size : sequence of int
        Voxels along (z, y, x) or, of every slice, along (y, x).
    value : float
        What is put where the image does not reach.
    progress : Progress
        Hears one report.

    Returns
    -------
    MedicalImage
        Of that size; what is left of the image stays at its place.

    Raises
    ------
    ArgumentError
        If three sizes are given for a 2-D image, or the value does not fit the image's type.
    """
    progress(Step(0, 1, "Fitting the size"))
    shape = image.spatial_shape
    if len(size) > len(shape):
        raise ArgumentError(f"fit_size: found {len(size)} sizes for a 2-D image; needed 2.")
    wanted = [*shape[: len(shape) - len(size)], *size]
    # Truncated towards zero, so that widening and cutting back give the same voxels.
    start = [int((n - w) / 2) for n, w in zip(shape, wanted, strict=True)]
    return _taken(image, start, [s + w for s, w in zip(start, wanted, strict=True)], value)


@operation(group="preprocess", title="Crop to a box", new_grid=True)
def crop_percent(
    image: MedicalImage,
    *,
    z_percent: Share = (0.0, 100.0),
    y_percent: Share = (0.0, 100.0),
    x_percent: Share = (0.0, 100.0),
    progress: Progress = silent,
) -> MedicalImage:
    """Keep a part of each axis.

    Parameters
    ----------
    image : MedicalImage
        Any axes and kind.
    z_percent, y_percent, x_percent : (float, float)
        Where the kept part begins and ends along each axis, in per cent of its length.
    progress : Progress
        Hears one report.

    Returns
    -------
    MedicalImage
        The part, at its place.

    Raises
    ------
    ArgumentError
        If nothing would be left.
    """
    progress(Step(0, 1, "Cropping"))
    shares = [z_percent, y_percent, x_percent][-image.spatial_ndim :]
    start = [
        int(np.floor(n * low / 100 + 1e-9)) for n, (low, _) in zip(image.spatial_shape, shares, strict=True)
    ]
    stop = [
        int(np.ceil(n * high / 100 - 1e-9)) for n, (_, high) in zip(image.spatial_shape, shares, strict=True)
    ]
    if any(a >= b for a, b in zip(start, stop, strict=True)):
        raise ArgumentError("crop_percent: nothing would be left; needed a beginning before the end.")
    return _taken(image, start, stop, 0.0)


def _taken(image: MedicalImage, start: list[int], stop: list[int], value: float) -> MedicalImage:
    """Return the voxels from ``start`` to ``stop``, which may lie beyond the image."""
    array = np.asarray(image.array)
    shape = [b - a for a, b in zip(start, stop, strict=True)]
    filler = np.array(value).astype(array.dtype)
    if float(filler) != value and array.dtype.kind in "iu":
        raise ArgumentError(f"Found the value {value:g} for an image of type {array.dtype}; it does not fit.")
    lead, tail = array.shape[: image.leading], array.shape[image.leading + len(shape) :]
    result = np.full((*lead, *shape, *tail), filler, dtype=array.dtype)
    here = [slice(max(0, a), min(n, b)) for a, b, n in zip(start, stop, image.spatial_shape, strict=True)]
    there = [slice(h.start - a, h.stop - a) for h, a in zip(here, start, strict=True)]
    before = (slice(None),) * image.leading
    result[(*before, *there)] = array[(*before, *here)]
    return image.with_array(result, geometry=image.geometry.cropped(start, shape))
