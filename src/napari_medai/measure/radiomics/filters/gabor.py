"""Gabor filters: waves of one length and direction under a Gaussian window."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from annotated_types import Gt, Interval
from numpy.typing import NDArray

from napari_medai.core.geometry import FloatArray
from napari_medai.core.image import MedicalImage
from napari_medai.core.operation import Advanced, IntensityImage, operation
from napari_medai.core.progress import Progress, silent
from napari_medai.measure.radiomics.filters.boundary import Boundary, Pooling, convolved, pooled, response

_REACH = 7.0


@operation(group="measure", title="Response map: Gabor")
def filter_gabor(
    image: IntensityImage,
    *,
    sigma_mm: Annotated[float, Interval(gt=0, le=50)] = 5.0,
    wavelength_mm: Annotated[float, Interval(gt=0, le=100)] = 4.0,
    gamma: Annotated[float, Gt(0), Advanced()] = 1.5,
    angle_deg: float = 0.0,
    angle_step_deg: Annotated[float, Interval(gt=0, le=180)] | None = 45.0,
    by_slice: bool = True,
    pooling: Pooling = "mean",
    boundary: Boundary = "mirror",
    progress: Progress = silent,
) -> MedicalImage:
    """Filter with Gabor kernels in the plane and give the modulus of the response (IBSI-2).

    Parameters
    ----------
    image : MedicalImage
        The intensities.
    sigma_mm : float
        Standard deviation of the window along the wave.
    wavelength_mm : float
        Length of the wave.
    gamma : float
        The window is narrower across the wave by this factor.
    angle_deg : float
        Direction of the wave, from the plane's last axis.
    angle_step_deg : float, optional
        Pool responses over a full turn in these steps; the one angle alone when absent.
    by_slice : bool
        In slices along the first spatial axis only, or in all three planes of a volume, pooled.
    pooling : {"max", "mean", "min"}
        How.
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

    References
    ----------
    Whybra et al., Radiology 310(2):e231319, 2024; arXiv:2006.05470.
    """
    spacing = image.geometry.spacing
    step = angle_step_deg or 360.0
    angles = np.deg2rad(angle_deg + np.arange(0, 360, step)) if angle_step_deg else [np.deg2rad(angle_deg)]
    ndim = image.spatial_ndim
    across = [ndim - 3] if ndim == 3 and by_slice else list(range(ndim)) if ndim == 3 else [None]

    def gabor(volume: FloatArray) -> FloatArray:
        maps = []
        for axis in across:
            plane = [k for k in range(ndim) if k != axis]
            for angle in angles:
                kernel = gabor_kernel(sigma_mm, wavelength_mm, gamma, float(angle), spacing[plane])
                placed = kernel if axis is None else np.expand_dims(kernel, axis)
                maps.append(np.abs(convolved(volume, placed, boundary)))
        return pooled(maps, pooling)

    return response(image, gabor, f"Gabor {sigma_mm:g} {wavelength_mm:g}", progress)


def gabor_kernel(
    sigma: float, wavelength: float, gamma: float, angle: float, spacing: FloatArray
) -> NDArray[np.complex128]:
    """Return the complex kernel of a plane.

    Parameters
    ----------
    sigma, wavelength : float
        In mm.
    gamma : float
        How much narrower the window is across the wave.
    angle : float
        Radians from the last axis.
    spacing : (2,) float array
        Pixel size of the plane, mm.
    """
    reach = [int(1 + np.floor(_REACH * sigma / s * max(1, 1 / gamma))) for s in spacing]
    steps = np.ogrid[tuple(slice(-r, r + 1) for r in reach)]
    second, first = (step * s for step, s in zip(steps, spacing, strict=True))
    along = first * np.cos(angle) + second * np.sin(angle)
    beside = -first * np.sin(angle) + second * np.cos(angle)
    window = np.exp(-(along**2 + gamma**2 * beside**2) / (2 * sigma**2))
    return np.asarray(window * np.exp(2j * np.pi * along / wavelength))
