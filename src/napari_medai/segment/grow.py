"""Operations that grow a region from clicked points."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from annotated_types import Ge, Gt, Interval

from napari_medai.core.image import MedicalImage
from napari_medai.core.landmarks import Landmarks
from napari_medai.core.operation import IntensityImage, operation
from napari_medai.core.progress import Progress, silent
from napari_medai.preprocess.arrays import FloatVolume, as_float, grey, labels_image
from napari_medai.preprocess.check import require_finite
from napari_medai.preprocess.itk import execute, from_itk, to_itk
from napari_medai.segment.seeds import require_one_volume, seed_indices


@operation(group="segment", title="Grow region: intensity range")
def grow_connected(
    image: IntensityImage,
    seeds: Landmarks,
    *,
    low: float | None = None,
    high: float | None = None,
    tolerance_percent: Annotated[float, Interval(gt=0, le=100)] = 20.0,
    progress: Progress = silent,
) -> MedicalImage:
    """Take the voxels of an intensity range that hang together with clicked points.

    Parameters
    ----------
    image : MedicalImage
        2-D or 3-D, without time or channels; of a colour image the luminance is taken.
    seeds : Landmarks
        Points inside the object, at places in the world.
    low, high : float, optional
        The range; by default the intensities around the points (mean of 3 voxels each way), less and
        more the tolerance.
    tolerance_percent : float
        In per cent of the image's range.
    progress : Progress
        Hears how far the filter is.

    Returns
    -------
    MedicalImage
        Labels, 1 in the region.

    Raises
    ------
    ArgumentError
        If there is no point or one lies outside, or values are not finite.
    """
    volume, places = _prepared(image, seeds, "grow_connected")
    around = _means(volume, places)
    slack = float(np.ptp(volume)) * tolerance_percent / 100
    import SimpleITK as sitk

    filter_: Any = sitk.ConnectedThresholdImageFilter()
    filter_.SetLower(float(around.min()) - slack if low is None else low)
    filter_.SetUpper(float(around.max()) + slack if high is None else high)
    return _grown(image, filter_, volume, places, progress)


@operation(group="segment", title="Grow region: confidence")
def grow_confidence(
    image: IntensityImage,
    seeds: Landmarks,
    *,
    multiplier: Annotated[float, Interval(gt=0, le=20)] = 2.5,
    iterations: Annotated[int, Interval(ge=0, le=50)] = 4,
    radius: Annotated[int, Interval(ge=1, le=20)] = 2,
    progress: Progress = silent,
) -> MedicalImage:
    """Grow a region that keeps to its own mean and spread of intensity.

    Parameters
    ----------
    image : MedicalImage
        2-D or 3-D, without time or channels; of a colour image the luminance is taken.
    seeds : Landmarks
        Points inside the object, at places in the world.
    multiplier : float
        How many standard deviations from the mean still belong to it.
    iterations : int
        How often mean and spread are taken anew from the region.
    radius : int
        The first mean and spread are those of voxels this near to the points.
    progress : Progress
        Hears how far the filter is.

    Returns
    -------
    MedicalImage
        Labels, 1 in the region.

    Raises
    ------
    ArgumentError
        If there is no point or one lies outside, or values are not finite.
    """
    volume, places = _prepared(image, seeds, "grow_confidence")
    import SimpleITK as sitk

    filter_: Any = sitk.ConfidenceConnectedImageFilter()
    filter_.SetMultiplier(multiplier)
    filter_.SetNumberOfIterations(iterations)
    filter_.SetInitialNeighborhoodRadius(radius)
    filter_.SetReplaceValue(1)
    return _grown(image, filter_, volume, places, progress)


@operation(group="segment", title="Grow region: neighbourhood")
def grow_neighbourhood(
    image: IntensityImage,
    seeds: Landmarks,
    *,
    radius_mm: Annotated[float, Gt(0)] = 1.5,
    tolerance_percent: Annotated[float, Interval(gt=0, le=100)] = 20.0,
    low: float | None = None,
    high: float | None = None,
    minimum_reach: Annotated[int, Ge(0)] = 0,
    progress: Progress = silent,
) -> MedicalImage:
    """Grow a region of voxels whose whole surroundings lie in an intensity range; does not leak through gaps.

    Parameters
    ----------
    image : MedicalImage
        2-D or 3-D, without time or channels; of a colour image the luminance is taken.
    seeds : Landmarks
        Points inside the object, at places in the world.
    radius_mm : float
        How far the surroundings reach along each axis, rounded to voxels. The region ends this far
        before the object's surface.
    tolerance_percent : float
        In per cent of the image's range, around the intensity at the points.
    low, high : float, optional
        The range itself instead.
    minimum_reach : int
        The least reach along any axis in voxels, also across thick slices.
    progress : Progress
        Hears how far the filter is.

    Returns
    -------
    MedicalImage
        Labels, 1 in the region.

    Raises
    ------
    ArgumentError
        If there is no point or one lies outside, or values are not finite.
    """
    volume, places = _prepared(image, seeds, "grow_neighbourhood")
    around = _means(volume, places)
    slack = float(np.ptp(volume)) * tolerance_percent / 100
    import SimpleITK as sitk

    filter_: Any = sitk.NeighborhoodConnectedImageFilter()
    filter_.SetLower(float(around.min()) - slack if low is None else low)
    filter_.SetUpper(float(around.max()) + slack if high is None else high)
    filter_.SetRadius([max(minimum_reach, round(radius_mm / s)) for s in image.geometry.spacing[::-1]])
    filter_.SetReplaceValue(1)
    return _grown(image, filter_, volume, places, progress)


def _prepared(image: MedicalImage, seeds: Landmarks, operation: str) -> tuple[FloatVolume, Any]:
    picture = grey(image)
    require_one_volume(picture, operation)
    require_finite(picture, operation)
    return as_float(np.asarray(picture.array)), seed_indices(picture, seeds, operation)


def _means(volume: FloatVolume, places: Any) -> FloatVolume:
    """Mean of the voxels next to each place."""
    boxes = [tuple(slice(max(0, k - 1), k + 2) for k in place) for place in places]
    return np.array([volume[box].mean() for box in boxes], dtype=np.float32)


def _grown(
    image: MedicalImage, filter_: Any, volume: FloatVolume, places: Any, progress: Progress
) -> MedicalImage:
    for place in places:
        filter_.AddSeed([int(k) for k in place[::-1]])
    region = from_itk(execute(filter_, to_itk(volume), progress=progress, message="Growing"))
    return labels_image(grey(image), region > 0, {1: "region"})
