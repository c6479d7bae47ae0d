"""Deformations by SimpleITK: free-form B-splines and demons."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from annotated_types import Ge, Gt, Le

from napari_medai.core.image import MedicalImage
from napari_medai.core.operation import IntensityImage, When, operation
from napari_medai.core.progress import Progress, Step, part, silent
from napari_medai.core.transform import SpatialTransform
from napari_medai.register.images import RegistrationResult, finished
from napari_medai.register.pipeline import Hints, find_pose
from napari_medai.register.prepare import check_pair
from napari_medai.register.watch import watched

LEVELS = (4, 2, 1)
SAMPLES = 100_000
"""About how many voxels the mutual information is estimated from."""


@operation(group="register", title="Register by B-splines or demons")
def register_classical(
    fixed: IntensityImage,
    moving: IntensityImage,
    *,
    method: Literal["bspline", "demons"] = "bspline",
    control_spacing_mm: Annotated[float, Gt(0), When("method", ("bspline",))] = 20.0,
    iterations: Annotated[int, Ge(1), Le(1000)] = 40,
    smoothing_voxels: Annotated[float, Gt(0), Le(10), When("method", ("demons",))] = 1.5,
    seed: Annotated[int, When("method", ("bspline",))] = 0,
    device: str = "auto",
    progress: Progress = silent,
) -> RegistrationResult:
    """Deform a moving image onto a fixed one by a classical method, after our own affine start.

    Parameters
    ----------
    fixed : MedicalImage
        The image that stays.
    moving : MedicalImage
        The image that is brought onto it.
    method : {"bspline", "demons"}
        Free-form deformation by Mattes mutual information, for any modalities; or diffeomorphic demons
        after matching the histograms, for one modality.
    control_spacing_mm : float
        Distance of the B-spline's control points.
    iterations : int
        At each of three levels.
    smoothing_voxels : float
        Of the demons' displacement, after each step.
    seed : int
        Chooses the voxels from which mutual information is estimated.
    device : str
        Where the affine start is found; the rest runs on the processor.
    progress : Progress
        Hears every iteration.

    Returns
    -------
    RegistrationResult
        As of ``register_images``.

    Raises
    ------
    ArgumentError
        If an image has time, channels or no contrast.
    GeometryError
        If dimensions or units differ, or the fixed grid is sheared.

    References
    ----------
    Rueckert et al., Nonrigid registration using free-form deformations, IEEE TMI 1999.
    Vercauteren et al., Diffeomorphic Demons, NeuroImage 2009.
    """
    import SimpleITK as sitk

    progress(Step(0, 1, "Aligning"))
    check_pair(fixed, moving)
    pose = find_pose(fixed, moving, "affine", Hints(), device=device, progress=part(progress, 0, 0.2))
    affine = SpatialTransform.from_matrix(pose.matrix)
    near = affine.apply_to_image(moving, fixed, outside=float(np.asarray(moving.array).min()))
    images = [_on_plain_grid(i) for i in (fixed, near)]
    rest = part(progress, 0.2, 0.9, "Deforming")
    if method == "bspline":
        field = _bspline(images, control_spacing_mm, iterations, seed, rest)
    else:
        field = _demons(images, iterations, smoothing_voxels, rest)
    steps = sitk.GetArrayFromImage(field)[..., ::-1] / fixed.geometry.spacing
    vectors = steps @ fixed.geometry.matrix.T
    found = SpatialTransform.from_displacement(vectors, fixed.geometry).then(affine)
    return finished(fixed, moving, found, pose.score, part(progress, 0.9, 1.0))


def _on_plain_grid(image: MedicalImage) -> Any:
    """Return a SimpleITK image with the spacing alone: displacements are turned into the world later."""
    import SimpleITK as sitk

    values = np.array(image.array, dtype=np.float32)
    made = sitk.GetImageFromArray(values)
    made.SetSpacing(image.geometry.spacing[::-1].tolist())
    return made


def _bspline(images: list[Any], control_mm: float, iterations: int, seed: int, progress: Progress) -> Any:
    import SimpleITK as sitk

    fixed, moving = images
    mesh = [
        max(2, round(n * s / control_mm)) for n, s in zip(fixed.GetSize(), fixed.GetSpacing(), strict=True)
    ]
    spline = sitk.BSplineTransformInitializer(fixed, mesh, 3)
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(48)
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentage(min(1.0, SAMPLES / fixed.GetNumberOfPixels()), seed + 1)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetShrinkFactorsPerLevel(list(LEVELS))
    method.SetSmoothingSigmasPerLevel([k / 2 for k in LEVELS])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOff()
    method.SetOptimizerAsLBFGSB(
        numberOfIterations=iterations,
        maximumNumberOfFunctionEvaluations=2 * iterations,
        gradientConvergenceTolerance=1e-6,
    )
    method.SetInitialTransform(spline, inPlace=True)
    total = iterations * len(LEVELS)
    watched(method, [fixed, moving], total, progress)
    return sitk.TransformToDisplacementField(
        spline,
        sitk.sitkVectorFloat64,
        fixed.GetSize(),
        fixed.GetOrigin(),
        fixed.GetSpacing(),
        fixed.GetDirection(),
    )


def _demons(images: list[Any], iterations: int, smoothing: float, progress: Progress) -> Any:
    import SimpleITK as sitk

    fixed, moving = images
    moving = sitk.HistogramMatching(moving, fixed, 256, 7)
    start: list[Any] = []
    for index, factor in enumerate(LEVELS):
        demons = sitk.DiffeomorphicDemonsRegistrationFilter()
        demons.SetStandardDeviations(smoothing)
        demons.SetNumberOfIterations(iterations)
        pair = [_shrunk(i, factor) for i in (fixed, moving)]
        start = [sitk.Resample(field, pair[0]) for field in start]
        inner = part(progress, index / len(LEVELS), (index + 1) / len(LEVELS))
        start = [watched(demons, [*pair, *start], iterations, inner)]
    return sitk.Resample(start[0], fixed)


def _shrunk(image: Any, factor: int) -> Any:
    import SimpleITK as sitk

    if factor == 1:
        return image
    sigmas = [0.5 * factor * s for s in image.GetSpacing()]
    factors = [min(factor, max(1, n // 8)) for n in image.GetSize()]
    return sitk.Shrink(sitk.SmoothingRecursiveGaussian(image, sigmas), factors)
