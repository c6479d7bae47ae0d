"""The slow shading of MR images, found by N4 and divided out."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from annotated_types import Ge, Interval

from napari_medai.core.geometry import FloatArray
from napari_medai.core.image import MedicalImage
from napari_medai.core.operation import Advanced, IntensityImage, LabelsImage, operation
from napari_medai.core.progress import Progress, part, silent, track
from napari_medai.preprocess.arrays import FloatVolume, Volume, as_float
from napari_medai.preprocess.check import (
    BoolArray,
    mask_array,
    require_contrast,
    require_finite,
    require_grey,
)
from napari_medai.preprocess.itk import execute, from_itk, to_itk
from napari_medai.preprocess.normalize import otsu_of
from napari_medai.preprocess.slabs import map_with_progress

_LEVELS = 4
_MIN_COARSE = 8
"""Fewest voxels along an axis of the coarse grid, where the image has that many."""

Iterations = Annotated[int, Interval(ge=1, le=500), Advanced()]


@operation(group="preprocess", title="Bias field correction (N4)")
def correct_bias_field(
    image: IntensityImage,
    mask: LabelsImage | None = None,
    *,
    working_spacing_mm: Annotated[float, Interval(ge=0.5, le=20)] = 4.0,
    iterations: Iterations = 50,
    convergence: Annotated[float, Ge(0), Advanced()] = 0.001,
    progress: Progress = silent,
) -> MedicalImage:
    """Divide out the slow shading of an MR image (N4).

    The field is estimated on a coarse grid, evaluated at every voxel and divided out: the same accuracy
    as at full size in a small part of the time.

    Parameters
    ----------
    image : MedicalImage
        MR, not negative; each volume is corrected on its own.
    mask : MedicalImage, optional
        Labels on the same grid; the field is estimated where they are not zero. By default above the
        Otsu threshold. It matters more than the number of iterations.
    working_spacing_mm : float
        Voxel size of the coarse grid; 4 mm suits fields of body and head coils. In pixels where the
        image has no spacing.
    iterations : int
        At most so many at each of four levels.
    convergence : float
        A level ends when the field changes by less than this.
    progress : Progress
        Hears every iteration.

    Returns
    -------
    MedicalImage
        float32; brightness within the mask is kept on average.

    Raises
    ------
    ArgumentError
        If the image is constant, negative in the mask, or not finite.
    GeometryError
        If the mask lies on another grid.

    References
    ----------
    Tustison et al. 2010, N4ITK: improved N3 bias correction, doi 10.1109/TMI.2010.2046908.

    Examples
    --------
    >>> from napari_medai import Geometry
    >>> shade = np.exp(np.linspace(-0.3, 0.3, 24))[:, None, None]
    >>> ball = np.hypot(*np.mgrid[-12:12, -12:12])[None] < 9
    >>> image = MedicalImage(100 * shade * ball, "zyx", Geometry.from_spacing((24, 24, 24), (4, 4, 4)))
    >>> corrected = correct_bias_field(image).array[np.broadcast_to(ball, (24, 24, 24))]
    >>> bool(corrected.std() / corrected.mean() < 0.1)
    True
    """
    inside = _checked(image, mask)

    def correct(volume: Volume, report: Progress) -> Volume:
        field = _field(volume, image, inside, working_spacing_mm, iterations, convergence, report)
        return as_float(volume) / field

    return image.with_array(map_with_progress(image, correct, progress, "N4"))


@operation(group="preprocess", title="Estimate bias field (N4)")
def estimate_bias_field(
    image: IntensityImage,
    mask: LabelsImage | None = None,
    *,
    working_spacing_mm: Annotated[float, Interval(ge=0.5, le=20)] = 4.0,
    iterations: Iterations = 50,
    convergence: Annotated[float, Ge(0), Advanced()] = 0.001,
    progress: Progress = silent,
) -> MedicalImage:
    """Estimate the slow shading by which an MR image would be divided (N4).

    Parameters
    ----------
    image : MedicalImage
        MR, not negative; each volume has its own field.
    mask : MedicalImage, optional
        Labels on the same grid; the field is estimated where they are not zero. By default above the
        Otsu threshold.
    working_spacing_mm : float
        Voxel size of the grid on which the field is estimated.
    iterations : int
        At most so many at each of four levels.
    convergence : float
        A level ends when the field changes by less than this.
    progress : Progress
        Hears every iteration.

    Returns
    -------
    MedicalImage
        The field, float32, near 1: image = field x corrected image.

    Raises
    ------
    ArgumentError
        If the image is constant, negative in the mask, or not finite.
    GeometryError
        If the mask lies on another grid.
    """
    inside = _checked(image, mask)

    def estimate(volume: Volume, report: Progress) -> Volume:
        return _field(volume, image, inside, working_spacing_mm, iterations, convergence, report)

    return image.with_array(map_with_progress(image, estimate, progress, "N4"), meta={})


def _checked(image: MedicalImage, mask: MedicalImage | None) -> BoolArray | None:
    require_grey(image, "correct_bias_field")
    require_finite(image, "correct_bias_field")
    return mask_array(image, mask, "correct_bias_field")


def _field(
    volume: Volume,
    image: MedicalImage,
    inside: BoolArray | None,
    working_spacing: float,
    iterations: int,
    convergence: float,
    progress: Progress,
) -> FloatVolume:
    """Return the field at every voxel, its logarithm averaging 0 in the mask."""
    require_contrast(volume, "correct_bias_field")
    thick = np.array(volume.shape) > 1
    if volume.ndim == 3 and thick.sum() == 2:
        plane = tuple(int(n) for n in np.array(volume.shape)[thick])
        flat = None if inside is None else inside.reshape(plane)
        steps = image.geometry.spacing[thick]
        settings = (working_spacing, iterations, convergence, progress)
        return _field_of(volume.reshape(plane), flat, steps, *settings).reshape(volume.shape)
    return _field_of(
        volume, inside, image.geometry.spacing, working_spacing, iterations, convergence, progress
    )


def _field_of(
    volume: Volume,
    inside: BoolArray | None,
    spacing: FloatArray,
    working_spacing: float,
    iterations: int,
    convergence: float,
    progress: Progress,
) -> FloatVolume:
    factors = _shrink_factors(volume.shape, spacing, working_spacing)
    coarse = as_float(_thinned(volume, factors))
    require_contrast(coarse, "correct_bias_field")
    seen = _thinned(inside, factors) if inside is not None else coarse > otsu_of(coarse)
    seen = seen & (coarse > 0)
    require_contrast(coarse[seen], "correct_bias_field")
    log_field = _estimate(coarse, seen, spacing * factors, iterations, convergence, part(progress, 0, 0.9))
    log_field -= log_field[seen].mean()
    return _expand(log_field, volume.shape, factors, part(progress, 0.9, 1))


def _shrink_factors(shape: tuple[int, ...], spacing: FloatArray, working_spacing: float) -> FloatArray:
    """Return how many voxels make one of the coarse grid along each axis."""
    wanted = np.maximum(1, np.round(working_spacing / spacing))
    most = np.maximum(1, np.array(shape) // _MIN_COARSE)
    return np.asarray(np.minimum(wanted, most), dtype=float)


def _thinned(volume: Volume, factors: FloatArray) -> Volume:
    """Return the middle voxel of each block. Not the mean: that would blend the tissues N4 tells apart."""
    return np.ascontiguousarray(volume[tuple(slice(int(f) // 2, None, int(f)) for f in factors)])


def _estimate(
    coarse: FloatVolume,
    seen: BoolArray,
    spacing: FloatArray,
    iterations: int,
    convergence: float,
    progress: Progress,
) -> FloatVolume:
    import SimpleITK as sitk

    correction: Any = sitk.N4BiasFieldCorrectionImageFilter()
    correction.SetMaximumNumberOfIterations([iterations] * _LEVELS)
    correction.SetConvergenceThreshold(convergence)
    image = to_itk(coarse, tuple(spacing))
    mask = to_itk(seen, tuple(spacing))
    execute(correction, image, mask, progress=progress, message="N4", iterations=iterations * _LEVELS)
    return as_float(from_itk(correction.GetLogBiasFieldAsImage(image)))


def _expand(
    log_field: FloatVolume, shape: tuple[int, ...], factors: FloatArray, progress: Progress
) -> FloatVolume:
    """Evaluate a coarse field at every voxel by cubic splines, one axis after the other."""
    weights = [_spline_weights(n, m, f) for n, m, f in zip(log_field.shape, shape, factors, strict=True)]
    plane = log_field
    for axis in range(1, log_field.ndim):
        plane = np.moveaxis(np.tensordot(weights[axis], plane, axes=(1, axis)), 0, axis)
    result = np.empty(shape, dtype=np.float32)
    step = max(1, 4_000_000 // int(np.prod(shape[1:])))
    for start in track(range(0, shape[0], step), progress, "Evaluating the field"):
        rows = weights[0][start : start + step]
        result[start : start + step] = np.exp(np.tensordot(rows, plane, axes=(1, 0)))
    return result


def _spline_weights(coarse: int, fine: int, factor: float) -> FloatVolume:
    """Matrix (fine, coarse) that evaluates the cubic spline through the thinned values at all voxels."""
    from scipy.interpolate import make_interp_spline

    centres = int(factor) // 2 + np.arange(coarse) * factor
    degree = min(3, coarse - 1)
    if degree < 1:
        return np.ones((fine, 1), dtype=np.float32)
    if degree == 2:
        degree = 1
    spline = make_interp_spline(centres, np.eye(coarse), k=degree)
    at = np.clip(np.arange(fine), centres[0], centres[-1])
    return as_float(spline(at))
