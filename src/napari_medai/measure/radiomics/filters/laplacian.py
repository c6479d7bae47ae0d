"""The Laplacian of Gaussian: blobs and edges of one size."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from annotated_types import Gt, Interval

from napari_medai.core.geometry import FloatArray
from napari_medai.core.image import MedicalImage
from napari_medai.core.operation import Advanced, IntensityImage, operation
from napari_medai.core.progress import Progress, silent
from napari_medai.measure.radiomics.filters.boundary import Boundary, convolved, filtered_axes, response


@operation(group="measure", title="Response map: Laplacian of Gaussian")
def filter_log(
    image: IntensityImage,
    *,
    sigma_mm: Annotated[float, Interval(gt=0, le=50)] = 3.0,
    truncate: Annotated[float, Gt(0), Advanced()] = 4.0,
    by_slice: bool = False,
    boundary: Boundary = "mirror",
    progress: Progress = silent,
) -> MedicalImage:
    """Filter with the Laplacian of a Gaussian (IBSI-2).

    Parameters
    ----------
    image : MedicalImage
        The intensities.
    sigma_mm : float
        Standard deviation of the Gaussian.
    truncate : float
        The kernel ends after so many standard deviations.
    by_slice : bool
        Filter within slices along the first spatial axis only.
    boundary : {"mirror", "nearest", "zero", "periodic"}
        What lies beyond the image's rim.
    progress : Progress
        Hears one report a volume.

    Returns
    -------
    MedicalImage
        The response map, float32.

    Raises
    ------
    ArgumentError
        If the image holds NaN.

    Notes
    -----
    The kernel is the standard's, which counts the second derivatives per voxel. Where voxels are not
    cubes they are taken in mm and counted per voxel of the same volume, so that the filter stays round.

    References
    ----------
    Whybra et al., Radiology 310(2):e231319, 2024; arXiv:2006.05470.
    """
    axes = filtered_axes(image.spatial_ndim, by_slice)
    kernel = log_kernel(sigma_mm, image.geometry.spacing[list(axes)], truncate)
    kernel = kernel.reshape((1,) * (image.spatial_ndim - len(axes)) + kernel.shape)
    return response(image, lambda v: convolved(v, kernel, boundary), f"LoG {sigma_mm:g}", progress)


def log_kernel(sigma: float, spacing: FloatArray, truncate: float = 4.0) -> FloatArray:
    """Return the kernel for a standard deviation and voxel sizes in mm."""
    reach = [int(np.floor(truncate * sigma / s + 0.5)) for s in spacing]
    steps = np.ogrid[tuple(slice(-r, r + 1) for r in reach)]
    squared = sum((step * s) ** 2 for step, s in zip(steps, spacing, strict=True)) / sigma**2
    ndim, voxel = len(spacing), float(np.prod(spacing))
    gaussian = np.exp(-squared / 2) * voxel / (np.sqrt(2 * np.pi) * sigma) ** ndim
    return np.asarray((squared - ndim) / sigma**2 * gaussian * voxel ** (2 / ndim))
