"""Operations that find the object in the picture: foreground, body, head, brain."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from annotated_types import Interval

from napari_medai.core.geometry import FloatArray
from napari_medai.core.image import MedicalImage
from napari_medai.core.operation import Advanced, ForModality, IntensityImage, operation
from napari_medai.core.progress import Progress, silent
from napari_medai.preprocess.arrays import Volume, as_float, grey, labels_image
from napari_medai.preprocess.background import in_background
from napari_medai.preprocess.check import BoolArray, require_contrast, require_finite, require_volume
from napari_medai.preprocess.morphology import closed, dilated, eroded, filled, largest, opened
from napari_medai.preprocess.normalize import otsu_of
from napari_medai.preprocess.slabs import map_with_progress

_BODY_HU = -300.0


@operation(group="preprocess", title="Mask of the object")
def mask_object(
    image: IntensityImage,
    *,
    kind: Annotated[
        Literal["foreground", "body", "head"], ForModality({"CT": "body", "MR": "head"})
    ] = "foreground",
    closing_mm: Annotated[float, Interval(ge=0, le=50)] = 4.0,
    progress: Progress = silent,
) -> MedicalImage:
    """Find the object before the empty ground.

    Parameters
    ----------
    image : MedicalImage
        2-D or 3-D, colour as its luminance; each volume on its own.
    kind : {"foreground", "body", "head"}
        "foreground" is what lies above Otsu's threshold. "body" is for CT in HU: what lies above -300 HU,
        without thin things such as the table. "head" is for MR: above half of Otsu's threshold, so that
        dark bone counts as well. Of each the largest piece is taken and its inside filled.
    closing_mm : float
        Gaps in the surface up to twice this wide are closed first.
    progress : Progress
        Hears one report a step.

    Returns
    -------
    MedicalImage
        Labels, 1 inside.

    Raises
    ------
    ArgumentError
        If a volume is constant or not finite.
    """
    image = grey(image)
    require_finite(image, "mask_object")
    spacing = image.geometry.spacing

    def one(volume: Volume, report: Progress) -> Volume:
        require_contrast(volume, "mask_object")
        levels = {"foreground": 1.0, "head": 0.5}
        region = volume > (_BODY_HU if kind == "body" else otsu_of(volume) * levels[kind])
        return in_background(
            lambda: _object(region, kind == "body", closing_mm, spacing), report, "Finding the object"
        )

    array = map_with_progress(image, one, progress, "Finding the object")
    return labels_image(image, array, {1: kind})


def _object(region: BoolArray, thin_off: bool, closing_mm: float, spacing: FloatArray) -> BoolArray:
    main = largest(opened(region, closing_mm, spacing)) if thin_off else largest(region)
    return filled(closed(main, closing_mm, spacing))


@operation(group="preprocess", title="Skull stripping (classical)")
def strip_skull(
    image: IntensityImage,
    *,
    gap_mm: Annotated[float, Interval(gt=0, le=20)] = 3.0,
    smoothing_mm: Annotated[float, Interval(ge=0, le=5), Advanced()] = 1.0,
    closing_mm: Annotated[float, Interval(ge=0, le=20), Advanced()] = 5.0,
    progress: Progress = silent,
) -> MedicalImage:
    """Find the brain in a T1-weighted head by cutting the thin bridges to scalp and eyes.

    What lies above the threshold is worn off until the brain hangs together with nothing else; its
    largest central piece is grown back. Limits: it needs dark bone and liquor around a bright brain, so
    T1 without contrast agent; it may keep venous sinuses and optic nerves and lose thin gyri; strong
    shading should be corrected first. Look at the result. For studies prefer a trained model.

    Parameters
    ----------
    image : MedicalImage
        A 3-D T1-weighted head; each volume on its own.
    gap_mm : float
        How far the surface is worn off; bridges up to twice this wide are cut.
    smoothing_mm : float
        Gaussian before the threshold.
    closing_mm : float
        Sulci and ventricles up to twice this wide are filled in the end.
    progress : Progress
        Hears one report a step.

    Returns
    -------
    MedicalImage
        Labels, 1 in the brain; use ``apply_mask`` to cut it out.

    Raises
    ------
    ArgumentError
        If the image is 2-D, constant or not finite, or nothing is left after the cut.
    """
    require_volume(image, "strip_skull")
    require_finite(image, "strip_skull")
    spacing = image.geometry.spacing

    def one(volume: Volume, report: Progress) -> Volume:
        require_contrast(volume, "strip_skull")
        return in_background(
            lambda: _brain(as_float(volume), spacing, gap_mm, smoothing_mm, closing_mm),
            report,
            "Finding the brain",
        )

    array = map_with_progress(grey(image), one, progress, "Finding the brain")
    return labels_image(grey(image), array, {1: "brain"})


def _brain(
    volume: Volume, spacing: FloatArray, gap_mm: float, smoothing_mm: float, closing_mm: float
) -> BoolArray:
    from scipy import ndimage

    smooth = ndimage.gaussian_filter(volume, smoothing_mm / spacing)
    head = smooth[smooth > otsu_of(smooth) / 2]
    # Among the voxels of the head alone, Otsu's threshold parts brain from bone and liquor.
    bright = smooth > otsu_of(head)
    core = _central(eroded(bright, gap_mm, spacing), spacing)
    brain = dilated(core, gap_mm, spacing) & bright
    return filled(closed(largest(brain), closing_mm, spacing))


def _central(region: BoolArray, spacing: FloatArray) -> BoolArray:
    """Return the piece that is large and near the middle: size over the mean distance from it."""
    from scipy import ndimage

    from napari_medai.core.errors import ArgumentError

    pieces, count = ndimage.label(region)
    if count == 0:
        raise ArgumentError(
            "strip_skull: nothing is left after the cut.", hint="Choose a smaller gap, or check the image."
        )
    numbers = np.arange(1, count + 1)
    sizes = ndimage.sum_labels(region, pieces, numbers)
    middle = np.array(ndimage.center_of_mass(pieces > 0)) * spacing
    centres = np.array(ndimage.center_of_mass(region, pieces, numbers)) * spacing
    extent = np.linalg.norm(np.array(region.shape) * spacing)
    score = sizes * np.exp(-((4 * np.linalg.norm(centres - middle, axis=1) / extent) ** 2))
    return np.asarray(pieces == numbers[int(np.argmax(score))])
