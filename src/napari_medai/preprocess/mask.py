"""Operations that use masks: keep what is inside, turn them round, put two together."""

from __future__ import annotations

from typing import Literal

import numpy as np

from napari_medai.core.errors import ArgumentError
from napari_medai.core.image import MedicalImage, map_volumes
from napari_medai.core.operation import IntensityImage, LabelsImage, operation
from napari_medai.core.progress import Progress, Step, silent
from napari_medai.preprocess.arrays import new_meta
from napari_medai.preprocess.check import mask_array


@operation(group="preprocess", title="Apply a mask")
def apply_mask(
    image: IntensityImage, mask: LabelsImage, *, outside: float = 0.0, progress: Progress = silent
) -> MedicalImage:
    """Keep an image within a mask.

    Parameters
    ----------
    image : MedicalImage
        Any axes, colour too.
    mask : MedicalImage
        Labels on the same grid.
    outside : float
        What the voxels become where the mask is zero.
    progress : Progress
        Hears one report a volume.

    Returns
    -------
    MedicalImage
        Of the same type.

    Raises
    ------
    ArgumentError
        If the mask is empty, or the value does not fit the image's type.
    GeometryError
        If the mask lies on another grid.
    """
    inside = mask_array(image, mask, "apply_mask")
    kind = np.asarray(image.array).dtype
    if kind.kind in "iu" and not (np.iinfo(kind).min <= outside <= np.iinfo(kind).max and outside % 1 == 0):
        raise ArgumentError(f"apply_mask: found the value {outside:g} for an image of type {kind}.")
    filler = np.array(outside, dtype=kind)
    assert inside is not None  # a mask was given
    return image.with_array(map_volumes(image, lambda v: np.where(inside, v, filler), progress, "Masking"))


@operation(group="preprocess", title="Invert a mask")
def invert_mask(mask: LabelsImage, *, progress: Progress = silent) -> MedicalImage:
    """Label what was not labelled.

    Parameters
    ----------
    mask : MedicalImage
        Labels; what is not zero counts as inside.
    progress : Progress
        Hears one report.

    Returns
    -------
    MedicalImage
        Labels, 1 where the mask was zero.
    """
    progress(Step(0, 1, "Inverting"))
    array = (np.asarray(mask.array) == 0).astype(np.uint8)
    return mask.with_array(array, meta=new_meta(mask, "labels"))


@operation(group="preprocess", title="Combine two masks")
def combine_masks(
    mask: LabelsImage,
    other: LabelsImage,
    *,
    how: Literal["union", "intersection", "difference", "either"] = "union",
    progress: Progress = silent,
) -> MedicalImage:
    """Put two masks together.

    Parameters
    ----------
    mask, other : MedicalImage
        Labels on one grid; what is not zero counts as inside.
    how : {"union", "intersection", "difference", "either"}
        In one of them, in both, in the first but not the second, or in exactly one.
    progress : Progress
        Hears one report.

    Returns
    -------
    MedicalImage
        Labels, 1 inside.

    Raises
    ------
    GeometryError
        If they lie on different grids.
    ArgumentError
        If their axes differ.
    """
    progress(Step(0, 1, "Combining"))
    mask.require_same_grid(other, "other mask")
    if mask.axes != other.axes:
        raise ArgumentError(f"combine_masks: found axes {mask.axes!r} and {other.axes!r}; needed the same.")
    a, b = np.asarray(mask.array) > 0, np.asarray(other.array) > 0
    result = {"union": a | b, "intersection": a & b, "difference": a & ~b, "either": a ^ b}[how]
    return mask.with_array(result.astype(np.uint8), meta=new_meta(mask, "labels"))
