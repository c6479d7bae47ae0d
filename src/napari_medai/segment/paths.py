"""Operations that travel through the image: a front from points, a path along an edge."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from annotated_types import Gt, Interval
from numpy.typing import NDArray

from napari_medai.core.errors import ArgumentError
from napari_medai.core.geometry import FloatArray
from napari_medai.core.image import MedicalImage
from napari_medai.core.landmarks import Landmarks
from napari_medai.core.operation import IntensityImage, When, operation
from napari_medai.core.progress import Progress, silent, track
from napari_medai.preprocess.arrays import FloatVolume, as_float, grey, labels_image
from napari_medai.preprocess.check import BoolArray, require_contrast, require_finite
from napari_medai.preprocess.itk import execute, from_itk, to_itk
from napari_medai.preprocess.morphology import dilated
from napari_medai.segment.between_slices import BetweenSlices
from napari_medai.segment.seeds import require_one_volume, seed_indices
from napari_medai.segment.steepness import steepness


@operation(group="segment", title="Fast marching from points")
def fast_marching(
    image: IntensityImage,
    seeds: Landmarks,
    *,
    sigma_mm: Annotated[float, Interval(gt=0, le=20)] = 1.0,
    edge_percent: Annotated[float, Interval(gt=0, le=100)] = 20.0,
    reach_mm: Annotated[float, Gt(0)] = 40.0,
    progress: Progress = silent,
) -> MedicalImage:
    """Let a front run from points, fast on even ground and hardly at all over edges.

    Parameters
    ----------
    image : MedicalImage
        2-D or 3-D, without time or channels; of a colour image the luminance is taken.
    seeds : Landmarks
        Points inside the object, at places in the world.
    sigma_mm : float
        Gaussian before edges are measured.
    edge_percent : float
        A gradient of this share of the largest one slows the front to half.
    reach_mm : float
        How far the front would run on even ground. Larger than the object, smaller than the leak.
    progress : Progress
        Hears how far the filter is.

    Returns
    -------
    MedicalImage
        Labels, 1 where the front came by.

    Raises
    ------
    ArgumentError
        If there is no point or one lies outside, or the image is constant or not finite.

    References
    ----------
    Sethian 1999, Fast marching methods, doi 10.1137/S0036144598347059.
    """
    import SimpleITK as sitk

    volume, places = _prepared(image, seeds, "fast_marching")
    fine = BetweenSlices.of(volume.shape, image.geometry.spacing)
    spacing = fine.spacing(image.geometry.spacing)
    volume, places = fine.values(volume), fine.places(places)
    edges = steepness(volume, spacing, sigma_mm)
    slow = edges / (max(float(edges.max()), 1e-12) * edge_percent / 100)
    march: Any = sitk.FastMarchingImageFilter()
    march.SetStoppingValue(reach_mm)
    for place in places:
        march.AddTrialPoint([int(k) for k in place[::-1]])
    speed = to_itk(as_float(1 / (1 + slow**4)), tuple(spacing))
    arrival = from_itk(execute(march, speed, progress=progress, message="Marching"))
    region = _up_to_the_ridge(arrival < reach_mm, edges, spacing, 2.5 * sigma_mm)
    return labels_image(grey(image), fine.back(region), {1: "region"})


@operation(group="segment", title="Live wire along points")
def live_wire(
    image: IntensityImage,
    points: Landmarks,
    *,
    sigma_mm: Annotated[float, Interval(gt=0, le=20)] = 1.0,
    edge_weight: Annotated[float, Interval(ge=0, le=1000)] = 50.0,
    closed: bool = True,
    fill: Annotated[bool, When("closed", (True,))] = True,
    progress: Progress = silent,
) -> MedicalImage:
    """Join points by paths that follow edges: click along an outline, the path does the rest.

    Parameters
    ----------
    image : MedicalImage
        2-D or 3-D, without time or channels; of a colour image the luminance is taken.
    points : Landmarks
        Two or more, in the order in which they are joined.
    sigma_mm : float
        Gaussian before edges are measured.
    edge_weight : float
        How many times dearer a way off the edges is; 0 gives straight lines.
    closed : bool
        Join the last point to the first.
    fill : bool
        Label the inside of a closed path; in a volume only if all points lie in one slice.
    progress : Progress
        Hears one report a path.

    Returns
    -------
    MedicalImage
        Labels, 1 on the path, and inside it if filled.

    Raises
    ------
    ArgumentError
        If there are fewer than two points or one lies outside, or the image is constant or not finite.

    References
    ----------
    Mortensen and Barrett 1998, Interactive segmentation with intelligent scissors,
    doi 10.1006/gmip.1998.0480.
    """
    volume, places = _prepared(image, points, "live_wire")
    if len(places) < 2:
        raise ArgumentError("live_wire: found one point; needed two or more along the edge.")
    spacing = image.geometry.spacing
    slices = np.unique(places[:, 0]) if volume.ndim == 3 else np.zeros(1)
    flat = volume.ndim == 3 and len(slices) == 1
    if flat:
        volume, places, spacing = volume[int(slices[0])], places[:, 1:], spacing[1:]
    edges = steepness(volume, spacing, sigma_mm)
    costs = 1 + edge_weight * (1 - edges / max(float(edges.max()), 1e-12)) ** 2
    ends = [*places[1:], places[0]] if closed and len(places) > 2 else list(places[1:])
    path = np.zeros(volume.shape, dtype=bool)
    for start, end in track(list(zip(places, ends, strict=False)), progress, "Following the edge"):
        path[_route(costs, spacing, start, end)] = True
    region = _filled(path) if fill and closed and path.ndim == 2 else path
    array = np.zeros(image.spatial_shape, dtype=bool)
    array[int(slices[0]) if flat else slice(None)] = region
    return labels_image(grey(image), array, {1: "path"})


def _up_to_the_ridge(region: BoolArray, edges: FloatVolume, spacing: FloatArray, reach: float) -> BoolArray:
    """Let a front that rests at the foot of an edge climb to its ridge, half the edge's width away."""
    from skimage.segmentation import watershed

    wide = dilated(region, reach, spacing)
    if wide.all():
        return region
    return np.asarray(watershed(edges, np.where(region, 1, np.where(wide, 0, 2))) == 1)


def _prepared(image: MedicalImage, points: Landmarks, operation: str) -> tuple[FloatVolume, NDArray[np.intp]]:
    picture = grey(image)
    require_one_volume(picture, operation)
    require_finite(picture, operation)
    volume = as_float(np.asarray(picture.array))
    require_contrast(volume, operation)
    return volume, seed_indices(picture, points, operation)


def _route(costs: FloatVolume, spacing: Any, start: Any, end: Any) -> tuple[Any, ...]:
    """Return the voxels of the cheapest path; a step costs its length in mm."""
    from skimage.graph import MCP_Geometric

    finder = MCP_Geometric(costs, sampling=tuple(spacing))
    finder.find_costs([tuple(start)], [tuple(end)])
    return tuple(np.array(finder.traceback(tuple(end))).T)


def _filled(path: BoolArray) -> BoolArray:
    from scipy import ndimage

    return np.asarray(ndimage.binary_fill_holes(path))
