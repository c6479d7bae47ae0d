"""Filters defined in the Fourier domain: Simoncelli's wavelet, and its Riesz transforms."""

from __future__ import annotations

from math import factorial
from typing import Annotated

import numpy as np
from annotated_types import Ge, Interval
from numpy.typing import NDArray

from napari_medai.core.errors import ArgumentError
from napari_medai.core.geometry import FloatArray
from napari_medai.core.image import MedicalImage
from napari_medai.core.operation import IntensityImage, operation
from napari_medai.core.progress import Progress, silent
from napari_medai.measure.radiomics.filters.boundary import Boundary, filtered_axes, padded, response

Level = Annotated[int, Interval(ge=1, le=6)]


@operation(group="measure", title="Response map: Simoncelli wavelet")
def filter_simoncelli(
    image: IntensityImage,
    *,
    level: Level = 1,
    by_slice: bool = False,
    boundary: Boundary = "mirror",
    progress: Progress = silent,
) -> MedicalImage:
    """Keep one ring of frequencies with Simoncelli's non-separable wavelet (IBSI-2).

    Parameters
    ----------
    image : MedicalImage
        The intensities. Frequencies count per voxel, the same along each axis.
    level : int
        1 keeps a quarter of the highest frequency and more; each further level half of that.
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

    References
    ----------
    Simoncelli and Freeman, "The steerable pyramid", ICIP 1995. Whybra et al., Radiology
    310(2):e231319, 2024; arXiv:2006.05470.
    """
    order = (0,) * len(filtered_axes(image.spatial_ndim, by_slice))
    return _filtered(image, level, order, by_slice, boundary, f"Simoncelli {level}", progress)


@operation(group="measure", title="Response map: Riesz")
def filter_riesz(
    image: IntensityImage,
    *,
    order: tuple[Annotated[int, Ge(0)], ...] = (1, 0, 0),
    level: Level = 1,
    by_slice: bool = False,
    boundary: Boundary = "mirror",
    progress: Progress = silent,
) -> MedicalImage:
    """Take a Riesz transform, an all-pass derivative, of a ring of frequencies (IBSI-2).

    Parameters
    ----------
    image : MedicalImage
        The intensities.
    order : tuple of int
        Order along x, then y, then z: (1, 0, 0) is like a first derivative along x, (1, 1, 0) like a mixed
        second one. For two axes the first two count.
    level : int
        Level of the Simoncelli wavelet the transform is taken of.
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
        If there are too few orders or all are 0, or the image holds NaN.

    References
    ----------
    Unser and Van De Ville, "Wavelet steerability and the higher-order Riesz transform", IEEE Trans Image
    Process 19:636-652, 2010. Whybra et al., Radiology 310(2):e231319, 2024; arXiv:2006.05470.
    """
    count = len(filtered_axes(image.spatial_ndim, by_slice))
    along = tuple(order[:count])[::-1]
    if len(along) < count or sum(along) == 0:
        raise ArgumentError(f"Found orders {order}; needed {count}, not all of them 0.")
    name = f"Riesz {'-'.join(map(str, order[:count]))} {level}"
    return _filtered(image, level, along, by_slice, boundary, name, progress)


def transfer(shape: tuple[int, ...], level: int, order: tuple[int, ...]) -> NDArray[np.complex128]:
    """Return what a filter multiplies the Fourier transform of a volume by.

    Parameters
    ----------
    shape : tuple of int
        Of the volume; the filter works along the last ``len(order)`` axes.
    level : int
        Of the Simoncelli wavelet.
    order : tuple of int
        Riesz order along each of those axes in array order; zeros for the wavelet alone.
    """
    axes = [2 * np.fft.fftfreq(n) for n in shape[-len(order) :]]
    frequencies = np.meshgrid(*axes, indexing="ij")
    norm = np.sqrt(sum(f**2 for f in frequencies))
    relative = norm * 2.0 ** (level - 1)
    ring = np.zeros_like(norm)
    inside = (relative > 0.25) & (relative <= 1)
    ring[inside] = np.cos(np.pi / 2 * np.log2(2 * relative[inside]))
    total = sum(order)
    scale = np.sqrt(factorial(total) / np.prod([factorial(n) for n in order]))
    direction = np.prod([f**n for f, n in zip(frequencies, order, strict=True)], axis=0)
    turned = np.divide(direction, norm**total, out=np.zeros_like(norm), where=norm > 0)
    return np.asarray((-1j) ** total * scale * ring * turned)


def _filtered(
    image: MedicalImage,
    level: int,
    order: tuple[int, ...],
    by_slice: bool,
    boundary: Boundary,
    name: str,
    progress: Progress,
) -> MedicalImage:
    from scipy import fft

    axes = filtered_axes(image.spatial_ndim, by_slice)

    def filtered(volume: FloatArray) -> FloatArray:
        # half the image on either side: a period that the rim's other side does not reach into
        margin = [
            0 if k not in axes or boundary == "periodic" else n // 2 for k, n in enumerate(volume.shape)
        ]
        wide = padded(volume, margin, boundary)
        spectrum = fft.fftn(wide, axes=axes, workers=-1) * transfer(wide.shape, level, order)
        result = fft.ifftn(spectrum, axes=axes, workers=-1).real
        return np.asarray(result[tuple(slice(m, m + n) for m, n in zip(margin, volume.shape, strict=True))])

    return response(image, filtered, name, progress)
