"""The libraries that registration is measured beside, each one function from images to a transform."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import distributions
from importlib.util import find_spec
from typing import Any

import numpy as np

from napari_medai.core.image import MedicalImage
from napari_medai.core.transform import SpatialTransform

Tool = Callable[[MedicalImage, MedicalImage], SpatialTransform]


def peers() -> dict[str, Tool]:
    """SimpleITK's demons, and what else is installed."""
    found: dict[str, Tool] = {"SimpleITK demons": simpleitk_demons}
    if find_spec("ants"):
        found["ANTs SyN"] = ants_syn
    if find_spec("picsl_greedy"):
        found["greedy"] = greedy
    if find_spec("itk") and "itk-elastix" in {d.name for d in distributions()}:
        found["elastix"] = elastix
    return found


def nothing(fixed: MedicalImage, _moving: MedicalImage) -> SpatialTransform:
    """The pair as it lies."""
    return SpatialTransform.identity(fixed.spatial_ndim)


def aligned_centres(fixed: MedicalImage, moving: MedicalImage) -> SpatialTransform:
    """The middle of one grid on the middle of the other."""
    middles = [i.geometry.index_to_world((np.array(i.spatial_shape) - 1) / 2) for i in (fixed, moving)]
    return SpatialTransform.from_translation(middles[1] - middles[0])


def simpleitk_demons(fixed: MedicalImage, moving: MedicalImage) -> SpatialTransform:
    """Diffeomorphic demons after matching histograms, three levels."""
    import SimpleITK as sitk

    still, other = to_itk(fixed), to_itk(moving)
    demons = sitk.DiffeomorphicDemonsRegistrationFilter()
    demons.SetStandardDeviations(1.5)
    other, field = sitk.HistogramMatching(sitk.Resample(other, still), still, 256, 7), []
    for factor, iterations in ((4, 100), (2, 60), (1, 30)):
        pair = [
            sitk.Shrink(sitk.SmoothingRecursiveGaussian(i, 0.5 * factor), [factor] * i.GetDimension())
            for i in (still, other)
        ]
        demons.SetNumberOfIterations(iterations)
        field = [demons.Execute(*pair, *[sitk.Resample(f, pair[0]) for f in field])]
    vectors = sitk.GetArrayFromImage(sitk.Resample(field[0], still))
    return SpatialTransform.from_displacement(vectors, fixed.geometry)


def simpleitk_affine(fixed: MedicalImage, moving: MedicalImage) -> SpatialTransform:
    """Mattes mutual information from aligned moments, three levels."""
    import SimpleITK as sitk

    still, other = to_itk(fixed), to_itk(moving)
    start = sitk.CenteredTransformInitializer(
        still,
        other,
        sitk.AffineTransform(fixed.spatial_ndim),
        sitk.CenteredTransformInitializerFilter.MOMENTS,
    )
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(50)
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentage(0.05 if fixed.spatial_ndim == 3 else 0.5, 7)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetShrinkFactorsPerLevel([4, 2, 1])
    method.SetSmoothingSigmasPerLevel([2, 1, 0])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOff()
    method.SetOptimizerAsGradientDescentLineSearch(1.0, 100, 1e-6, 10)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetInitialTransform(start, inPlace=False)
    found = method.Execute(still, other)
    zero = np.array(found.TransformPoint([0.0] * fixed.spatial_ndim))
    matrix = np.eye(fixed.spatial_ndim + 1)
    matrix[:-1, -1] = zero
    for axis, unit in enumerate(np.eye(fixed.spatial_ndim)):
        matrix[:-1, axis] = np.array(found.TransformPoint(unit.tolist())) - zero
    return SpatialTransform.from_matrix(matrix)


def ants_syn(fixed: MedicalImage, moving: MedicalImage) -> SpatialTransform:
    """ANTs' default: affine, then SyN by mutual information."""
    import tempfile

    import ants

    with tempfile.TemporaryDirectory() as box:
        # arrays go in with their axes as they are: (z, y, x) are the first, second, third axis there
        images = [
            ants.from_numpy(np.ascontiguousarray(i.array), spacing=i.geometry.spacing.tolist())
            for i in (fixed, moving)
        ]
        done = ants.registration(*images, type_of_transform="SyN", outprefix=f"{box}/r_", random_seed=1)
        whole = ants.apply_transforms(*images, done["fwdtransforms"], compose=f"{box}/c_")
        vectors = ants.image_read(whole).numpy()
    return SpatialTransform.from_displacement(vectors[..., ::-1], fixed.geometry)


def greedy(fixed: MedicalImage, moving: MedicalImage) -> SpatialTransform:
    """Greedy by local correlation, after its own affine."""
    import SimpleITK as sitk
    from picsl_greedy import Greedy2D, Greedy3D

    ndim = fixed.spatial_ndim
    tool, radius = (Greedy3D() if ndim == 3 else Greedy2D()), "x".join(["2"] * ndim)
    common = f"-d {ndim} -i f m -n 100x50x10 -m NCC {radius} -V 0"
    tool.execute(f"{common} -a -dof 12 -ia-image-centers -o A", f=to_itk(fixed), m=to_itk(moving), A=None)
    tool.execute(f"{common} -it A -s 2vox 1vox -o W", W=None)
    tool.execute(f"-d {ndim} -rf f -r W A -rc C -V 0", C=None)
    return SpatialTransform.from_displacement(sitk.GetArrayFromImage(tool["C"]), fixed.geometry)


def elastix(fixed: MedicalImage, moving: MedicalImage) -> SpatialTransform:
    """Elastix' own maps: affine from aligned centres, then B-splines of 10 voxels by mutual information."""
    import tempfile

    import itk

    still, other = (itk_image(i) for i in (fixed, moving))
    maps = itk.ParameterObject.New()
    for kind in ("affine", "bspline"):
        settings = maps.GetDefaultParameterMap(kind, 4, 10 * float(fixed.geometry.spacing.min()))
        settings["AutomaticTransformInitialization"] = ["true"]
        maps.AddParameterMap(settings)
    _, found = itk.elastix_registration_method(still, other, parameter_object=maps, log_to_console=False)
    with tempfile.TemporaryDirectory() as box:  # it writes the field besides
        field = itk.transformix_deformation_field(other, found, output_directory=box)
        vectors = itk.array_from_image(field)
    return SpatialTransform.from_displacement(vectors, fixed.geometry)


def itk_image(image: MedicalImage) -> Any:
    """Return an image of the itk package; the grids here lie along the axes."""
    import itk

    made = itk.image_from_array(np.ascontiguousarray(image.array, dtype=np.float32))
    made.SetSpacing(image.geometry.spacing[::-1].tolist())
    made.SetOrigin(image.geometry.origin.tolist())
    return made


def to_itk(image: MedicalImage) -> Any:
    """Return a SimpleITK image; the grids here lie along the axes."""
    import SimpleITK as sitk

    made = sitk.GetImageFromArray(np.array(image.array, dtype=np.float32))
    made.SetSpacing(image.geometry.spacing[::-1].tolist())
    made.SetOrigin(image.geometry.origin.tolist())
    return made
