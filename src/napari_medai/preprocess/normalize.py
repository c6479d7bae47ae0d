"""Operations that bring the intensities of different images to one scale."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import numpy as np
from annotated_types import Interval

from napari_medai.core.errors import ArgumentError
from napari_medai.core.image import MedicalImage
from napari_medai.core.operation import IntensityImage, LabelsImage, operation
from napari_medai.core.progress import Progress, silent
from napari_medai.preprocess.arrays import Volume, as_float, like_input, map_channels, new_meta
from napari_medai.preprocess.check import (
    BoolArray,
    mask_array,
    require_contrast,
    require_finite,
    require_grey,
)

Region: TypeAlias = Literal["whole", "foreground"]


@operation(group="preprocess", title="Normalise: z-score")
def normalize_zscore(
    image: IntensityImage,
    mask: LabelsImage | None = None,
    *,
    region: Literal["whole", "foreground", "nonzero"] = "whole",
    progress: Progress = silent,
) -> MedicalImage:
    """Shift and scale intensities to mean 0 and standard deviation 1.

    Parameters
    ----------
    image : MedicalImage
        Each channel is normalised on its own, over all its time points.
    mask : MedicalImage, optional
        Labels on the same grid; mean and deviation are taken where they are not zero.
    region : {"whole", "foreground", "nonzero"}
        Where they are taken without a mask: everywhere, above the Otsu threshold, or where any channel
        is not zero, holes within filled; then the rest stays as it is, for images whose outside was
        set to zero.
    progress : Progress
        Hears one report a channel.

    Returns
    -------
    MedicalImage
        float32; voxels outside the mask are mapped along.

    Raises
    ------
    ArgumentError
        If the region is empty or constant, or values are not finite.
    GeometryError
        If the mask lies on another grid.

    Examples
    --------
    >>> from napari_medai import Geometry
    >>> image = MedicalImage(np.array([[1.0, 2.0, 3.0]]), "yx", Geometry.from_spacing((1, 3)))
    >>> normalize_zscore(image).array.round(2).tolist() == [[np.float32(-1.22), 0, np.float32(1.22)]]
    True
    """
    require_grey(image, "normalize_zscore")
    require_finite(image, "normalize_zscore")
    inside = mask_array(image, mask, "normalize_zscore")
    kept = _not_zero(image) if inside is None and region == "nonzero" else None
    inside = inside if kept is None else kept
    elsewhere: Region = "foreground" if region == "foreground" else "whole"

    def map_values(values: Volume) -> Volume:
        seen = _region(values, inside, elsewhere, "normalize_zscore")
        mean, deviation = seen.mean(dtype=np.float64), seen.std(dtype=np.float64)
        found = as_float((as_float(values) - np.float32(mean)) / np.float32(deviation))
        if kept is None:
            return found
        return np.where(np.broadcast_to(kept, values.shape), found, as_float(values))

    array = map_channels(image, map_values, progress, "Normalising")
    return image.with_array(array, meta=new_meta(image, "window"))


@operation(group="preprocess", title="Normalise: percentiles")
def normalize_percentile(
    image: IntensityImage,
    mask: LabelsImage | None = None,
    *,
    lower_percent: Annotated[float, Interval(ge=0, le=100)] = 1.0,
    upper_percent: Annotated[float, Interval(ge=0, le=100)] = 99.0,
    region: Region = "whole",
    clip: bool = True,
    progress: Progress = silent,
) -> MedicalImage:
    """Stretch the range between two percentiles to 0 and 1.

    Parameters
    ----------
    image : MedicalImage
        Each channel is normalised on its own, over all its time points; colours together.
    mask : MedicalImage, optional
        Labels on the same grid; percentiles are taken where they are not zero.
    lower_percent, upper_percent : float
        The percentiles that become 0 and 1.
    region : {"whole", "foreground"}
        Where they are taken without a mask: everywhere, or above the Otsu threshold.
    clip : bool
        Cut values below 0 and above 1.
    progress : Progress
        Hears one report a channel.

    Returns
    -------
    MedicalImage
        float32.

    Raises
    ------
    ArgumentError
        If the two percentiles are one value, or values are not finite.
    GeometryError
        If the mask lies on another grid.
    """
    require_finite(image, "normalize_percentile")
    if lower_percent >= upper_percent:
        raise ArgumentError(
            f"normalize_percentile: found percentiles {lower_percent:g} and {upper_percent:g}; "
            "needed the lower one first."
        )
    inside = mask_array(image, mask, "normalize_percentile")
    if inside is not None and image.is_rgb:
        inside = inside[..., None]
    limit = clip or image.is_rgb

    def map_values(values: Volume) -> Volume:
        seen = _region(values, inside, region, "normalize_percentile")
        low, high = np.percentile(seen, (lower_percent, upper_percent))
        require_contrast(np.array([low, high]), "normalize_percentile")
        result = (as_float(values) - np.float32(low)) / np.float32(high - low)
        return np.clip(result, 0, 1) if limit else result

    array = as_float(map_channels(image, map_values, progress, "Normalising"))
    if image.is_rgb and np.asarray(image.array).dtype.kind in "iu":
        array = array * np.float32(np.iinfo(np.asarray(image.array).dtype).max)
    return image.with_array(like_input(array, image), meta=new_meta(image, "window"))


def _not_zero(image: MedicalImage) -> BoolArray:
    """Return where any channel at any time is not zero, holes filled, over the spatial axes."""
    from scipy.ndimage import binary_fill_holes

    array = np.asarray(image.array)
    values = array.reshape(-1, *image.spatial_shape)
    return np.asarray(binary_fill_holes((values != 0).any(axis=0)), dtype=bool)


def _region(values: Volume, inside: BoolArray | None, region: Region, operation: str) -> Volume:
    """Return the values to look at, checked to differ."""
    require_contrast(values, operation)
    if inside is not None:
        seen = values[np.broadcast_to(inside, values.shape)]
    elif region == "foreground":
        seen = values[values > otsu_of(values)]
    else:
        seen = values
    require_contrast(seen, operation)
    return seen


def otsu_of(values: Volume) -> float:
    """Return Otsu's threshold of finite values that are not all the same."""
    from skimage.filters import threshold_otsu

    counts, edges = np.histogram(values, bins=1024)
    return float(threshold_otsu(hist=(counts, (edges[:-1] + edges[1:]) / 2)))
