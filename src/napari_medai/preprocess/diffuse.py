"""Operations that smooth along edges but not across them, in millimetres."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from annotated_types import Gt, Interval

from napari_medai.core.geometry import FloatArray
from napari_medai.core.image import MedicalImage
from napari_medai.core.operation import Advanced, IntensityImage, operation
from napari_medai.core.progress import Progress, part, silent
from napari_medai.preprocess.arrays import FloatVolume, Volume, as_float
from napari_medai.preprocess.background import in_background
from napari_medai.preprocess.check import require_finite, require_grey
from napari_medai.preprocess.itk import execute, from_itk, to_itk
from napari_medai.preprocess.noise import noise_of
from napari_medai.preprocess.slabs import filter_image, map_with_progress


@operation(group="preprocess", title="Denoise: anisotropic diffusion")
def smooth_anisotropic(
    image: IntensityImage,
    *,
    iterations: Annotated[int, Interval(ge=1, le=200)] = 5,
    conductance: Annotated[float, Interval(gt=0, le=20)] = 2.0,
    progress: Progress = silent,
) -> MedicalImage:
    """Let intensities flow along edges, not across them (curvature anisotropic diffusion).

    Parameters
    ----------
    image : MedicalImage
        Not colour; each volume on its own.
    iterations : int
        More is smoother. The time step is the longest that is stable for the voxel size.
    conductance : float
        Which contrast is an edge, in units of the image's average gradient; less keeps more edges.
    progress : Progress
        Hears how far the filter is.

    Returns
    -------
    MedicalImage
        float32.

    Raises
    ------
    ArgumentError
        If values are not finite.

    References
    ----------
    Whitaker and Xue 2001, Variable-conductance, level-set curvature for image denoising,
    doi 10.1109/ICIP.2001.958071.
    """
    _check(image, "smooth_anisotropic")
    spacing = tuple(image.geometry.spacing)

    def one(volume: Volume, report: Progress) -> Volume:
        import SimpleITK as sitk

        flow: Any = sitk.CurvatureAnisotropicDiffusionImageFilter()
        flow.SetNumberOfIterations(iterations)
        flow.SetConductanceParameter(conductance)
        flow.SetTimeStep(0.9 * min(spacing) / 2 ** (volume.ndim + 1))
        picture = to_itk(as_float(volume), spacing)
        return from_itk(execute(flow, picture, progress=report, message="Diffusion", iterations=iterations))

    return image.with_array(map_with_progress(image, one, progress, "Diffusion"))


@operation(group="preprocess", title="Denoise: bilateral")
def smooth_bilateral(
    image: IntensityImage,
    *,
    sigma_mm: Annotated[float, Interval(gt=0, le=20)] = 1.5,
    intensity_sigma: Annotated[float, Interval(ge=0)] = 0.0,
    progress: Progress = silent,
) -> MedicalImage:
    """Average neighbours that are near both in place and in intensity.

    Parameters
    ----------
    image : MedicalImage
        Not colour; each volume on its own.
    sigma_mm : float
        Standard deviation of the weight in space. In pixels where the image has no spacing.
    intensity_sigma : float
        Standard deviation of the weight in intensity; 0 takes three times the noise.
    progress : Progress
        Hears one report a slab.

    Returns
    -------
    MedicalImage
        float32.

    Raises
    ------
    ArgumentError
        If values are not finite, or all the same and ``intensity_sigma`` is 0.

    References
    ----------
    Tomasi and Manduchi 1998, Bilateral filtering for gray and color images, doi 10.1109/ICCV.1998.710815.
    """
    import SimpleITK as sitk

    _check(image, "smooth_bilateral")
    values = np.asarray(image.array)
    volumes = values.reshape(-1, *image.spatial_shape)
    width = intensity_sigma or 3 * max(noise_of(v, "smooth_bilateral") for v in volumes)
    spacing = tuple(image.geometry.spacing)
    reach = int(np.ceil(2.5 * sigma_mm / spacing[0])) + 1
    cost = float(np.prod([2 * np.ceil(2.5 * sigma_mm / s) + 1 for s in spacing]))

    def one(slab: Volume) -> Volume:
        picture = to_itk(as_float(slab), spacing)
        return from_itk(sitk.Bilateral(picture, sigma_mm, width or 1.0, 100))

    array = filter_image(
        image, one, reach, progress=progress, message="Bilateral filter", slab_voxels=int(2e7 / cost) + 1
    )
    return image.with_array(as_float(array))


@operation(group="preprocess", title="Denoise: total variation")
def denoise_variation(
    image: IntensityImage,
    *,
    weight: Annotated[float, Gt(0)] = 1.0,
    iterations: Annotated[int, Interval(ge=1, le=500), Advanced()] = 50,
    progress: Progress = silent,
) -> MedicalImage:
    """Find the image with the least total variation near the given one; flat parts with sharp edges.

    Parameters
    ----------
    image : MedicalImage
        Not colour; each volume on its own.
    weight : float
        How much smoothness counts, in units of the noise times the smallest voxel side.
    iterations : int
        Steps of the solver.
    progress : Progress
        Hears how far it is, ten times a second.

    Returns
    -------
    MedicalImage
        float32. Gradients are taken per millimetre, so thick slices are smoothed less across.

    Raises
    ------
    ArgumentError
        If a volume is constant or values are not finite.

    References
    ----------
    Chambolle 2004, An algorithm for total variation minimization, doi 10.1023/B:JMIV.0000011325.36760.1e.
    """
    _check(image, "denoise_variation")
    steps = image.geometry.spacing / image.geometry.spacing.min()

    def one(volume: Volume, report: Progress) -> Volume:
        level = in_background(lambda: noise_of(volume, "denoise_variation"), part(report, 0, 0))
        if level == 0:
            return as_float(volume)
        done = [0]
        return in_background(
            lambda: _chambolle(as_float(volume), weight * level, steps, iterations, done),
            report,
            "Total variation",
            lambda: done[0] / iterations,
        )

    return image.with_array(map_with_progress(image, one, progress, "Total variation"))


def _chambolle(
    volume: FloatVolume, weight: float, steps: FloatArray, iterations: int, done: list[int]
) -> FloatVolume:
    """Project onto the ball of the dual: u = f - weight div p."""
    dual = np.zeros((volume.ndim, *volume.shape), dtype=np.float32)
    rate = np.float32(1 / (4 * np.sum(1 / steps**2)))
    for k in range(iterations):
        done[0] = k
        residual = _divergence(dual, steps) - volume / np.float32(weight)
        norm = np.zeros_like(volume)
        gradients = [_difference(residual, axis) / np.float32(s) for axis, s in enumerate(steps)]
        for gradient in gradients:
            norm += gradient * gradient
        norm = 1 + rate * np.sqrt(norm)
        for axis, gradient in enumerate(gradients):
            dual[axis] = (dual[axis] + rate * gradient) / norm
    return volume - np.float32(weight) * _divergence(dual, steps)


def _difference(values: FloatVolume, axis: int) -> FloatVolume:
    """Forward difference, 0 at the end."""
    result = np.zeros_like(values)
    result[(*[slice(None)] * axis, slice(None, -1))] = np.diff(values, axis=axis)
    return result


def _divergence(dual: FloatVolume, steps: FloatArray) -> FloatVolume:
    """The negative adjoint of the gradient."""
    total = np.zeros(dual.shape[1:], dtype=np.float32)
    for axis, step in enumerate(steps):
        inner = np.array(dual[axis] / np.float32(step))
        inner[(*[slice(None)] * axis, slice(-1, None))] = 0
        total += inner
        total[(*[slice(None)] * axis, slice(1, None))] -= inner[(*[slice(None)] * axis, slice(None, -1))]
    return total


def _check(image: MedicalImage, operation: str) -> None:
    require_grey(image, operation)
    require_finite(image, operation)
