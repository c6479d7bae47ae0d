"""Operations that smooth, with lengths in millimetres whatever the voxel size."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from annotated_types import Interval
from numpy.typing import NDArray

from napari_medai.core.image import MedicalImage
from napari_medai.core.operation import IntensityImage, operation
from napari_medai.core.progress import Progress, silent
from napari_medai.preprocess.arrays import as_float, like_input
from napari_medai.preprocess.check import require_finite
from napari_medai.preprocess.slabs import filter_image, to_voxels

_TRUNCATE = 4.0


@operation(group="preprocess", title="Gaussian smoothing")
def smooth_gaussian(
    image: IntensityImage,
    *,
    sigma_mm: Annotated[float, Interval(gt=0, le=50)] = 1.0,
    progress: Progress = silent,
) -> MedicalImage:
    """Average every voxel with its neighbours, weighted by a Gaussian.

    Parameters
    ----------
    image : MedicalImage
        Any axes; each volume and colour is smoothed on its own, along space only.
    sigma_mm : float
        Standard deviation of the Gaussian, the same along each direction in the patient. In pixels
        where the image has no spacing.
    progress : Progress
        Hears one report a slab.

    Returns
    -------
    MedicalImage
        float32; of a colour image the type stays.

    Raises
    ------
    ArgumentError
        If values are not finite.

    Examples
    --------
    >>> from napari_medai import Geometry
    >>> image = MedicalImage(np.eye(5), "yx", Geometry.from_spacing((5, 5), (1, 1)))
    >>> float(smooth_gaussian(image, sigma_mm=2.0).array.std()) < 0.1
    True
    """
    from scipy import ndimage

    require_finite(image, "smooth_gaussian")
    sigma = to_voxels(sigma_mm, tuple(image.geometry.spacing))
    array = filter_image(
        image,
        lambda v: ndimage.gaussian_filter(as_float(v), sigma, mode="nearest", truncate=_TRUNCATE),
        int(_TRUNCATE * sigma[0] + 0.5),
        progress=progress,
        message="Smoothing",
    )
    return image.with_array(like_input(array, image))


@operation(group="preprocess", title="Median smoothing")
def smooth_median(
    image: IntensityImage,
    *,
    radius_mm: Annotated[float, Interval(gt=0, le=20)] = 1.5,
    progress: Progress = silent,
) -> MedicalImage:
    """Replace every voxel by the median of a ball around it; edges stay, specks go.

    Parameters
    ----------
    image : MedicalImage
        Any axes; each volume and colour is smoothed on its own, along space only.
    radius_mm : float
        Radius of the ball; a voxel belongs to it when its centre does. In pixels where the image has
        no spacing. Slices farther apart than this do not mix.
    progress : Progress
        Hears one report a slab.

    Returns
    -------
    MedicalImage
        float32; of a colour image the type stays.

    Raises
    ------
    ArgumentError
        If values are not finite.
    """
    from scipy import ndimage

    require_finite(image, "smooth_median")
    footprint = ball(radius_mm, tuple(image.geometry.spacing))
    array = filter_image(
        image,
        lambda v: ndimage.median_filter(as_float(v), footprint=footprint, mode="nearest"),
        footprint.shape[0] // 2,
        progress=progress,
        message="Median filter",
        slab_voxels=max(10_000, 40_000_000 // int(footprint.sum())),
    )
    return image.with_array(like_input(array, image))


def ball(radius_mm: float, spacing: tuple[float, ...]) -> NDArray[np.bool_]:
    """Return which voxel centres lie within a radius of the middle one, as an odd-sized block."""
    reach = [int(np.floor(radius_mm / s + 1e-6)) for s in spacing]
    axes = [np.arange(-n, n + 1) * s for n, s in zip(reach, spacing, strict=True)]
    square = sum(a**2 for a in np.meshgrid(*axes, indexing="ij", sparse=True))
    return np.asarray(square <= (radius_mm * (1 + 1e-6)) ** 2)
