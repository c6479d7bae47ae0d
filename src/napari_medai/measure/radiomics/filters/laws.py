"""Laws' kernels: level, edge, spot, wave, ripple, and the energy of their response."""

from __future__ import annotations

import re
from typing import Annotated

import numpy as np
from annotated_types import Interval

from napari_medai.core.errors import ArgumentError
from napari_medai.core.geometry import FloatArray
from napari_medai.core.image import MedicalImage
from napari_medai.core.operation import IntensityImage, When, operation
from napari_medai.core.progress import Progress, silent
from napari_medai.measure.radiomics.filters.boundary import (
    Boundary,
    Pooling,
    convolved_along,
    filtered_axes,
    pooled,
    response,
)
from napari_medai.measure.radiomics.filters.orientations import turned

KERNELS = {
    "L3": (1, 2, 1), "E3": (-1, 0, 1), "S3": (-1, 2, -1),
    "L5": (1, 4, 6, 4, 1), "E5": (-1, -2, 0, 2, 1), "S5": (-1, 0, 2, 0, -1),
    "W5": (-1, 2, 0, -2, 1), "R5": (1, -4, 6, -4, 1),
}  # fmt: skip


@operation(group="measure", title="Response map: Laws")
def filter_laws(
    image: IntensityImage,
    *,
    kernels: str = "L5E5E5",
    energy_voxels: Annotated[int, Interval(ge=0, le=50)] = 7,
    rotation_invariant: bool = True,
    pooling: Annotated[Pooling, When("rotation_invariant", (True,))] = "max",
    by_slice: bool = False,
    boundary: Boundary = "mirror",
    progress: Progress = silent,
) -> MedicalImage:
    """Filter with Laws' kernels, one an axis, and average the response's size around each voxel (IBSI-2).

    Parameters
    ----------
    image : MedicalImage
        The intensities.
    kernels : str
        One of L3 E3 S3 L5 E5 S5 W5 R5 for each axis, x first, then y, then z: ``"L5E5E5"``; for two axes
        (2-D, or ``by_slice``) the first two count.
    energy_voxels : int
        The response's absolute value is averaged up to this distance along each axis; 0 gives the
        response itself.
    rotation_invariant : bool
        Pool the responses of all right-angled turns of the kernels.
    pooling : {"max", "mean", "min"}
        How.
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
        If a kernel is unknown or there are too few, or the image holds NaN.

    References
    ----------
    Laws, "Rapid texture identification", SPIE 238, 1980. Whybra et al., Radiology 310(2):e231319, 2024;
    arXiv:2006.05470.
    """
    axes = filtered_axes(image.spatial_ndim, by_slice)
    along = _kernels(kernels, len(axes))[::-1]
    turns = turned(along) if rotation_invariant else [along]
    box = np.full(2 * energy_voxels + 1, 1 / (2 * energy_voxels + 1))

    def laws(volume: FloatArray) -> FloatArray:
        maps = [_separable(volume, turn, axes, boundary) for turn in turns]
        result = pooled(maps, pooling)
        return _separable(np.abs(result), (box,) * len(axes), axes, boundary) if energy_voxels else result

    return response(image, laws, f"Laws {kernels}", progress)


def _kernels(names: str, count: int) -> tuple[FloatArray, ...]:
    found = re.findall("[A-Z][0-9]", names.upper())
    if "".join(found) != names.upper() or len(found) < count or not set(found) <= KERNELS.keys():
        raise ArgumentError(
            f"Found kernels {names!r}; needed {count} of {' '.join(KERNELS)}.",
            hint="Write them in a row: L5E5E5.",
        )
    arrays = (np.array(KERNELS[name], dtype=float) for name in found[:count])
    return tuple(a / np.linalg.norm(a) for a in arrays)


def _separable(
    volume: FloatArray, kernels: tuple[FloatArray, ...], axes: tuple[int, ...], boundary: Boundary
) -> FloatArray:
    for axis, kernel in zip(axes, kernels, strict=True):
        volume = convolved_along(volume, kernel, axis, boundary)
    return volume
