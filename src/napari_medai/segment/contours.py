"""Operations that move a painted outline until it fits the image."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from annotated_types import Interval

from napari_medai.core.errors import ArgumentError
from napari_medai.core.image import MedicalImage
from napari_medai.core.operation import IntensityImage, LabelsImage, operation
from napari_medai.core.progress import Progress, part, silent
from napari_medai.preprocess.arrays import FloatVolume, as_float, grey, labels_image
from napari_medai.preprocess.check import BoolArray, mask_array, require_contrast, require_finite
from napari_medai.preprocess.itk import execute, from_itk, to_itk
from napari_medai.preprocess.shapes import signed_depth
from napari_medai.segment.between_slices import BetweenSlices
from napari_medai.segment.seeds import require_one_volume
from napari_medai.segment.steepness import steepness

Iterations = Annotated[int, Interval(ge=1, le=2000)]


@operation(group="segment", title="Active contour: geodesic")
def contour_geodesic(
    image: IntensityImage,
    start: LabelsImage,
    *,
    sigma_mm: Annotated[float, Interval(gt=0, le=20)] = 1.0,
    balloon: Annotated[float, Interval(ge=-10, le=10)] = 1.0,
    curvature: Annotated[float, Interval(ge=0, le=10)] = 0.5,
    attraction: Annotated[float, Interval(ge=0, le=20)] = 4.0,
    iterations: Iterations = 300,
    progress: Progress = silent,
) -> MedicalImage:
    """Let an outline grow or shrink until edges hold it (geodesic active contour, a level set).

    Parameters
    ----------
    image : MedicalImage
        2-D or 3-D, without time or channels; of a colour image the luminance is taken.
    start : MedicalImage
        Labels on the same grid; the outline starts around what is not zero: inside the object to grow,
        around it to shrink.
    sigma_mm : float
        Gaussian before edges are measured.
    balloon : float
        How hard it grows; negative shrinks.
    curvature : float
        How hard it is kept smooth.
    attraction : float
        How hard edges pull.
    iterations : int
        At most so many steps.
    progress : Progress
        Hears how far the filter is.

    Returns
    -------
    MedicalImage
        Labels, 1 inside.

    Raises
    ------
    ArgumentError
        If nothing is painted, the image is constant or not finite, or the outline vanished.
    GeometryError
        If the start lies on another grid.

    References
    ----------
    Caselles, Kimmel and Sapiro 1997, Geodesic active contours, doi 10.1023/A:1007979827043.
    """
    import SimpleITK as sitk

    volume, region = prepared_start(image, start, "contour_geodesic")
    flow: Any = sitk.GeodesicActiveContourLevelSetImageFilter()
    flow.SetPropagationScaling(balloon)
    flow.SetCurvatureScaling(curvature)
    flow.SetAdvectionScaling(attraction)
    flow.SetMaximumRMSError(0.005)
    flow.SetNumberOfIterations(iterations)
    spacing = image.geometry.spacing
    speed = edge_stop(steepness(volume, spacing, sigma_mm))
    pictures = [to_itk(a, tuple(spacing)) for a in (-signed_depth(region, spacing), speed)]
    level = from_itk(
        execute(flow, *pictures, progress=progress, message="Active contour", iterations=iterations)
    )
    return region_image(image, level < 0, "contour_geodesic")


@operation(group="segment", title="Level set: intensity range")
def level_set_range(
    image: IntensityImage,
    start: LabelsImage,
    *,
    deviations: Annotated[float, Interval(gt=0, le=20)] = 2.5,
    curvature: Annotated[float, Interval(ge=0, le=10)] = 1.0,
    iterations: Iterations = 300,
    progress: Progress = silent,
) -> MedicalImage:
    """Let an outline spread over intensities like those it started on, and stay smooth (level set).

    Parameters
    ----------
    image : MedicalImage
        2-D or 3-D, without time or channels; of a colour image the luminance is taken.
    start : MedicalImage
        Labels on the same grid, inside the object; it also says which intensities belong to it.
    deviations : float
        How many standard deviations of the painted intensities from their mean still belong.
    curvature : float
        How hard the outline is kept smooth.
    iterations : int
        At most so many steps.
    progress : Progress
        Hears how far the filter is.

    Returns
    -------
    MedicalImage
        Labels, 1 inside.

    Raises
    ------
    ArgumentError
        If nothing is painted, the image is constant or not finite, or the outline vanished.
    GeometryError
        If the start lies on another grid.
    """
    import SimpleITK as sitk

    volume, region = prepared_start(image, start, "level_set_range")
    seen = volume[region]
    spread = max(float(seen.std()), 1e-3 * float(np.ptp(volume))) * deviations
    flow: Any = sitk.ThresholdSegmentationLevelSetImageFilter()
    flow.SetLowerThreshold(float(seen.mean()) - spread)
    flow.SetUpperThreshold(float(seen.mean()) + spread)
    flow.SetPropagationScaling(1.0)
    flow.SetCurvatureScaling(curvature)
    flow.SetMaximumRMSError(0.005)
    flow.SetNumberOfIterations(iterations)
    depth = as_float(-signed_depth(region, image.geometry.spacing))
    fine = BetweenSlices.of(volume.shape, image.geometry.spacing)
    spacing = tuple(fine.spacing(image.geometry.spacing))
    # Between voxels the nearest one's intensity: a mixture of object and ground would be outside the range.
    pictures = [to_itk(values, spacing) for values in (fine.values(depth), fine.nearest(volume))]
    level = from_itk(execute(flow, *pictures, progress=progress, message="Level set", iterations=iterations))
    return region_image(image, fine.back(level) < 0, "level_set_range")


@operation(group="segment", title="Active contour: Chan-Vese")
def contour_chan_vese(
    image: IntensityImage,
    start: LabelsImage,
    *,
    smoothness: Annotated[float, Interval(ge=0, le=100)] = 1.0,
    iterations: Iterations = 100,
    progress: Progress = silent,
) -> MedicalImage:
    """Part an image in two of different mean intensity with a short border, without edges (Chan-Vese).

    The two means and the border are found in turns; each border is the global best for its means.

    Parameters
    ----------
    image : MedicalImage
        2-D or 3-D, without time or channels; of a colour image the luminance is taken.
    start : MedicalImage
        Labels on the same grid; a rough first region.
    smoothness : float
        How much the border's length or area counts.
    iterations : int
        Steps of the solver in each turn.
    progress : Progress
        Hears one report a step.

    Returns
    -------
    MedicalImage
        Labels, 1 in the part that the start lies on.

    Raises
    ------
    ArgumentError
        If nothing is painted, the image is constant or not finite, or the outline vanished.
    GeometryError
        If the start lies on another grid.

    References
    ----------
    Chan and Vese 2001, Active contours without edges, doi 10.1109/83.902291.
    Chan, Esedoglu and Nikolova 2006, Algorithms for finding global minimizers, doi 10.1137/040615286.
    """
    from napari_medai.segment.maxflow import continuous_cut

    volume, region = prepared_start(image, start, "contour_chan_vese")
    border = np.full(volume.shape, smoothness, dtype=np.float32)
    rounds = 8
    for k in range(rounds):
        if region.all() or not region.any():
            break
        means = volume[~region].mean(), volume[region].mean()
        spread = max(float(np.mean([volume[~region].var(), volume[region].var()])), 1e-12)
        costs = np.stack([(volume - m) ** 2 / (2 * spread) for m in means]).astype(np.float32)
        report = part(progress, k / rounds, (k + 1) / rounds, f"Chan-Vese, round {k + 1}")
        cut = continuous_cut(np.minimum(costs, 1e3), border, image.geometry.spacing, iterations, report)
        found = cut[1] > cut[0]
        if np.array_equal(found, region):
            break
        region = found
    return region_image(image, region, "contour_chan_vese")


def prepared_start(image: MedicalImage, start: MedicalImage, operation: str) -> tuple[FloatVolume, BoolArray]:
    """Return the intensities and the first region, after checking that an outline can start there."""
    picture = grey(image)
    require_one_volume(picture, operation)
    require_finite(picture, operation)
    volume = as_float(np.asarray(picture.array))
    require_contrast(volume, operation)
    region = mask_array(picture, start, operation)
    assert region is not None  # a start was given
    if region.all():
        raise ArgumentError(f"{operation}: the start covers the whole image; needed an outline inside it.")
    return volume, region


def edge_stop(edges: FloatVolume) -> FloatVolume:
    """Return 1 on even ground, falling to 0 on strong edges."""
    strong = max(float(np.percentile(edges, 99)), 1e-12)
    return as_float(1 / (1 + (edges / (0.15 * strong)) ** 2))


def region_image(image: MedicalImage, region: BoolArray, operation: str) -> MedicalImage:
    """Return the region as labels, or say that nothing is left of it."""
    if not region.any():
        raise ArgumentError(
            f"{operation}: the outline vanished.", hint="Start nearer to the object, or smooth less."
        )
    return labels_image(grey(image), region, {1: "inside"})
