"""Operations that show where intensities change, per millimetre whatever the voxel size."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from annotated_types import Interval

from napari_medai.core.geometry import FloatArray
from napari_medai.core.image import MedicalImage
from napari_medai.core.operation import IntensityImage, operation
from napari_medai.core.progress import Progress, silent
from napari_medai.preprocess.arrays import Volume, as_float, labels_image, new_meta
from napari_medai.preprocess.background import in_background
from napari_medai.preprocess.canny import canny_edges
from napari_medai.preprocess.check import require_finite, require_grey
from napari_medai.preprocess.slabs import filter_image, to_voxels

_SMOOTHING = {
    "roberts": (1, 1),
    "prewitt": (1, 1, 1),
    "sobel": (1, 2, 1),
    "scharr": (3, 10, 3),
}


@operation(group="preprocess", title="Edges: gradient")
def edge_magnitude(
    image: IntensityImage,
    *,
    method: Literal["sobel", "prewitt", "scharr", "roberts"] = "sobel",
    progress: Progress = silent,
) -> MedicalImage:
    """Measure the steepness of the intensities with one of the classical pairs of small kernels.

    Parameters
    ----------
    image : MedicalImage
        Not colour; 2-D or 3-D, each volume on its own.
    method : {"sobel", "prewitt", "scharr", "roberts"}
        How differences along one axis are averaged along the others.
    progress : Progress
        Hears one report a slab.

    Returns
    -------
    MedicalImage
        float32, length of the gradient in intensity per mm (per pixel where the image has no spacing).
        That of "roberts" stands for the corner between a voxel and the next ones.

    Raises
    ------
    ArgumentError
        If values are not finite.

    Examples
    --------
    >>> from napari_medai import Geometry
    >>> ramp = MedicalImage(np.arange(8.0) * np.ones((8, 1)), "yx", Geometry.from_spacing((8, 8), (2, 2)))
    >>> float(edge_magnitude(ramp).array[4, 4])
    0.5
    """
    _check(image, "edge_magnitude")
    spacing = image.geometry.spacing

    def one(slab: Volume) -> Volume:
        square = sum(_derivative(as_float(slab), axis, method, spacing) ** 2 for axis in range(slab.ndim))
        return np.asarray(np.sqrt(square))

    array = filter_image(image, one, 1, progress=progress, message="Edges")
    return image.with_array(as_float(array), meta=new_meta(image, "window"))


@operation(group="preprocess", title="Edges: Laplacian of Gaussian")
def edge_laplacian(
    image: IntensityImage,
    *,
    sigma_mm: Annotated[float, Interval(gt=0, le=50)] = 2.0,
    progress: Progress = silent,
) -> MedicalImage:
    """Measure the curvature of the smoothed intensities; edges lie where it changes sign.

    Parameters
    ----------
    image : MedicalImage
        Not colour; 2-D or 3-D, each volume on its own.
    sigma_mm : float
        Standard deviation of the Gaussian. In pixels where the image has no spacing.
    progress : Progress
        Hears one report a slab.

    Returns
    -------
    MedicalImage
        float32, in intensity per square mm.

    Raises
    ------
    ArgumentError
        If values are not finite.

    References
    ----------
    Marr and Hildreth 1980, Theory of edge detection, doi 10.1098/rspb.1980.0020.
    """
    from scipy import ndimage

    _check(image, "edge_laplacian")
    spacing = image.geometry.spacing
    sigma = to_voxels(sigma_mm, tuple(spacing))
    bells = [_bell(s) for s in sigma]
    bends = [_bend(bell, step) for bell, step in zip(bells, spacing, strict=True)]

    def one(slab: Volume) -> Volume:
        total = np.zeros(slab.shape, dtype=np.float32)
        for axis in range(slab.ndim):
            part = as_float(slab)
            for k, bell in enumerate(bells):
                part = ndimage.correlate1d(part, bends[k] if k == axis else bell, axis=k, mode="nearest")
            total += part
        return total

    reach = len(bells[0]) // 2
    array = filter_image(image, one, reach, progress=progress, message="Laplacian of Gaussian")
    return image.with_array(array, meta=new_meta(image, "window"))


@operation(group="preprocess", title="Edges: Canny")
def edge_canny(
    image: IntensityImage,
    *,
    sigma_mm: Annotated[float, Interval(gt=0, le=50)] = 1.5,
    low_percent: Annotated[float, Interval(ge=0, le=100)] = 10.0,
    high_percent: Annotated[float, Interval(ge=0, le=100)] = 20.0,
    progress: Progress = silent,
) -> MedicalImage:
    """Find thin connected edges (Canny), in 2-D and 3-D.

    Parameters
    ----------
    image : MedicalImage
        Not colour; each volume on its own.
    sigma_mm : float
        Standard deviation of the Gaussian before differences are taken.
    low_percent : float
        Edges go on while the gradient is at least this share of the largest.
    high_percent : float
        Edges begin where the gradient is at least this share of the largest.
    progress : Progress
        Hears several reports a volume.

    Returns
    -------
    MedicalImage
        Labels, 1 on edges; surfaces one voxel thick in 3-D.

    Raises
    ------
    ArgumentError
        If values are not finite.

    References
    ----------
    Canny 1986, A computational approach to edge detection, doi 10.1109/TPAMI.1986.4767851.
    """
    from napari_medai.preprocess.slabs import map_with_progress

    _check(image, "edge_canny")
    spacing = image.geometry.spacing

    def one(volume: Volume, report: Progress) -> Volume:
        settings = (spacing, sigma_mm, low_percent, high_percent, silent)
        return in_background(lambda: canny_edges(as_float(volume), *settings), report, "Canny")

    return labels_image(image, map_with_progress(image, one, progress, "Canny"), {1: "edge"})


def _bell(sigma: float) -> FloatArray:
    """A sampled Gaussian of sum 1."""
    reach = max(1, int(4 * sigma + 0.5))
    values = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    return np.asarray(values / values.sum())


def _bend(bell: FloatArray, step: float) -> FloatArray:
    """The second derivative of a sampled Gaussian, per square mm; exact on parabolas."""
    place = np.arange(len(bell)) - len(bell) // 2
    variance = float((bell * place**2).sum())
    values = bell * (place**2 - variance)
    return np.asarray(values * (2 / (values * place**2).sum()) / step**2)


def _derivative(slab: Volume, axis: int, method: str, spacing: FloatArray) -> Volume:
    """Difference along one axis, averaged along the others, per millimetre."""
    from scipy import ndimage

    roberts = method == "roberts"
    difference = [-1.0, 1.0] if roberts else [-0.5, 0.0, 0.5]
    smooth = np.array(_SMOOTHING[method], dtype=float)
    result = slab
    for k in range(slab.ndim):
        weights = np.array(difference) / spacing[axis] if k == axis else smooth / smooth.sum()
        # scipy puts the middle of two weights on the second one: move it to the first.
        result = ndimage.correlate1d(result, weights, axis=k, mode="nearest", origin=-1 if roberts else 0)
    return np.asarray(result)


def _check(image: MedicalImage, operation: str) -> None:
    require_grey(image, operation)
    require_finite(image, operation)
