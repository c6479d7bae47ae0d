"""Operations that change contrast: locally, by a curve, or to that of another image."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from annotated_types import Gt, Interval

from napari_medai.core.image import MedicalImage, map_volumes
from napari_medai.core.operation import IntensityImage, operation
from napari_medai.core.progress import Progress, silent
from napari_medai.preprocess.arrays import Volume, as_float, like_input, map_channels, new_meta
from napari_medai.preprocess.background import in_background
from napari_medai.preprocess.check import require_contrast, require_finite, require_grey
from napari_medai.preprocess.normalize import Region, otsu_of
from napari_medai.preprocess.slabs import map_with_progress


@operation(group="preprocess", title="Local contrast (CLAHE)")
def equalize_local(
    image: IntensityImage,
    *,
    region_mm: Annotated[float, Gt(0)] = 20.0,
    clip_percent: Annotated[float, Interval(gt=0, le=100)] = 1.0,
    progress: Progress = silent,
) -> MedicalImage:
    """Spread intensities by the histogram of each place's surroundings, within limits (CLAHE).

    Parameters
    ----------
    image : MedicalImage
        Not colour; each volume on its own.
    region_mm : float
        Side of the surroundings. In pixels where the image has no spacing.
    clip_percent : float
        The share of a region that one grey level may hold at most; more is stronger.
    progress : Progress
        Hears reports while it works.

    Returns
    -------
    MedicalImage
        float32 between 0 and 1.

    Raises
    ------
    ArgumentError
        If a volume is constant or values are not finite.

    References
    ----------
    Zuiderveld 1994, Contrast limited adaptive histogram equalization, doi 10.1016/B978-0-12-336156-1.50061-6.
    """
    from skimage.exposure import equalize_adapthist

    require_grey(image, "equalize_local")
    require_finite(image, "equalize_local")
    side = [max(2, round(region_mm / s)) for s in image.geometry.spacing]

    def one(volume: Volume, report: Progress) -> Volume:
        require_contrast(volume, "equalize_local")
        values = as_float(volume) - as_float(volume.min())
        values /= values.max()
        size = [min(n, m) for n, m in zip(side, volume.shape, strict=True)]
        return in_background(
            lambda: as_float(equalize_adapthist(values, size, clip_percent / 100)), report, "Local contrast"
        )

    array = map_with_progress(image, one, progress, "Local contrast")
    return image.with_array(array, meta=new_meta(image, "window"))


@operation(group="preprocess", title="Gamma")
def adjust_gamma(
    image: IntensityImage,
    *,
    gamma: Annotated[float, Interval(gt=0, le=10)] = 0.7,
    progress: Progress = silent,
) -> MedicalImage:
    """Brighten or darken the middle of the intensity range; its ends stay.

    Parameters
    ----------
    image : MedicalImage
        Any axes, colour too.
    gamma : float
        Exponent: below 1 brightens, above 1 darkens.
    progress : Progress
        Hears one report a volume.

    Returns
    -------
    MedicalImage
        float32 in the input's range; of a colour image the type stays.

    Raises
    ------
    ArgumentError
        If the image is constant or values are not finite.
    """
    require_finite(image, "adjust_gamma")
    values = np.asarray(image.array)
    require_contrast(values, "adjust_gamma")
    low, high = float(values.min()), float(values.max())
    span = np.float32(high - low)

    def one(volume: Volume) -> Volume:
        return np.asarray(((as_float(volume) - np.float32(low)) / span) ** gamma * span + np.float32(low))

    return image.with_array(like_input(map_volumes(image, one, progress, "Gamma"), image))


@operation(group="preprocess", title="Match histogram")
def match_histogram(
    image: IntensityImage,
    reference: IntensityImage,
    *,
    region: Region = "whole",
    points: Annotated[int, Interval(ge=2, le=10000)] = 1000,
    progress: Progress = silent,
) -> MedicalImage:
    """Map intensities so that they are distributed as in another image of the same kind.

    Parameters
    ----------
    image : MedicalImage
        Each channel on its own.
    reference : MedicalImage
        On any grid, of the same modality; all its values together. Across modalities this has no
        meaning.
    region : {"whole", "foreground"}
        Compare all voxels, or those above each image's Otsu threshold.
    points : int
        How many quantiles are made equal; between them the map is linear.
    progress : Progress
        Hears one report a channel.

    Returns
    -------
    MedicalImage
        float32.

    Raises
    ------
    ArgumentError
        If one of the images is constant or not finite.
    """
    for candidate in (image, reference):
        require_grey(candidate, "match_histogram")
        require_finite(candidate, "match_histogram")
    shares = np.linspace(0, 1, points)
    wanted = np.quantile(_seen(np.asarray(reference.array), region), shares)

    def one(values: Volume) -> Volume:
        found = np.quantile(_seen(values, region), shares)
        kept = np.append(np.diff(found) > 0, True)
        return _follow(values, found[kept], wanted[kept])

    array = map_channels(image, one, progress, "Matching")
    return image.with_array(as_float(array), meta=new_meta(image, "window"))


def _seen(values: Volume, region: Region) -> Volume:
    require_contrast(values, "match_histogram")
    return values[values > otsu_of(values)] if region == "foreground" else values.ravel()


def _follow(values: Volume, found: Volume, wanted: Volume) -> Volume:
    """Map ``found`` to ``wanted`` piece by piece; beyond the ends shift by as much as there."""
    inner = np.interp(values, found, wanted)
    below, above = values < found[0], values > found[-1]
    inner = np.where(below, values + (wanted[0] - found[0]), inner)
    return np.asarray(np.where(above, values + (wanted[-1] - found[-1]), inner))
