"""The mean filter: every voxel becomes the average of the box around it."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from annotated_types import Interval

from napari_medai.core.errors import ArgumentError
from napari_medai.core.geometry import FloatArray
from napari_medai.core.image import MedicalImage
from napari_medai.core.operation import IntensityImage, operation
from napari_medai.core.progress import Progress, silent
from napari_medai.measure.radiomics.filters.boundary import (
    Boundary,
    convolved_along,
    filtered_axes,
    response,
)


@operation(group="measure", title="Response map: mean")
def filter_mean(
    image: IntensityImage,
    *,
    size_voxels: Annotated[int, Interval(ge=1, le=99)] = 5,
    by_slice: bool = False,
    boundary: Boundary = "mirror",
    progress: Progress = silent,
) -> MedicalImage:
    """Average each voxel with the box around it (IBSI-2).

    Parameters
    ----------
    image : MedicalImage
        The intensities.
    size_voxels : int
        Side of the box, an odd number of voxels.
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
        If the size is even, or the image holds NaN.

    References
    ----------
    Whybra et al., "The Image Biomarker Standardization Initiative: standardized convolutional filters",
    Radiology 310(2):e231319, 2024; arXiv:2006.05470.
    """
    if size_voxels % 2 == 0:
        raise ArgumentError(f"Found size {size_voxels}; needed an odd number of voxels.")
    kernel = np.full(size_voxels, 1 / size_voxels)

    def mean(volume: FloatArray) -> FloatArray:
        for axis in filtered_axes(volume.ndim, by_slice):
            volume = convolved_along(volume, kernel, axis, boundary)
        return volume

    return response(image, mean, f"mean {size_voxels}", progress)
