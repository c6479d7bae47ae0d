"""Operations that tidy labels: sizes, holes, borders; all lengths in millimetres."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge, Gt, Interval

from napari_medai.core.image import MedicalImage
from napari_medai.core.operation import LabelsImage, operation
from napari_medai.core.progress import Progress, part, silent, track
from napari_medai.preprocess.arrays import Volume, smallest_labels
from napari_medai.preprocess.background import in_background
from napari_medai.preprocess.check import BoolArray
from napari_medai.preprocess.morphology import closed, dilated, eroded, opened
from napari_medai.preprocess.slabs import map_with_progress
from napari_medai.segment.components import Connectivity, sorted_components

Change = Callable[[BoolArray], BoolArray]


@operation(group="segment", title="Keep largest pieces")
def keep_largest(
    labels: LabelsImage,
    *,
    count: Annotated[int, Interval(ge=1, le=1000)] = 1,
    connectivity: Connectivity = "faces",
    progress: Progress = silent,
) -> MedicalImage:
    """Keep only the largest connected pieces of each label.

    Parameters
    ----------
    labels : MedicalImage
        Each label on its own.
    count : int
        How many pieces of each label.
    connectivity : {"faces", "edges", "corners"}
        Which neighbours belong together.
    progress : Progress
        Hears one report a label.

    Returns
    -------
    MedicalImage
        Labels with their numbers.
    """

    def change(region: BoolArray) -> BoolArray:
        numbers = sorted_components(region, connectivity)
        return (numbers > 0) & (numbers <= count)

    return _each_label(labels, change, progress, "Keeping the largest")


@operation(group="segment", title="Remove small pieces")
def remove_small(
    labels: LabelsImage,
    *,
    min_size_mm3: Annotated[float, Ge(0)] = 100.0,
    connectivity: Connectivity = "faces",
    progress: Progress = silent,
) -> MedicalImage:
    """Remove the connected pieces of each label that are smaller than a volume.

    Parameters
    ----------
    labels : MedicalImage
        Each label on its own.
    min_size_mm3 : float
        The smallest that stays. Square millimetres in 2-D; voxels where the image has no spacing.
    connectivity : {"faces", "edges", "corners"}
        Which neighbours belong together.
    progress : Progress
        Hears one report a label.

    Returns
    -------
    MedicalImage
        Labels with their numbers.
    """
    smallest = min_size_mm3 / labels.geometry.voxel_volume
    return _each_label(
        labels, lambda r: sorted_components(r, connectivity, smallest) > 0, progress, "Removing small pieces"
    )


@operation(group="segment", title="Fill holes")
def fill_holes(
    labels: LabelsImage,
    *,
    max_size_mm3: Annotated[float, Ge(0)] = 0.0,
    by_slice: bool = False,
    progress: Progress = silent,
) -> MedicalImage:
    """Fill what each label encloses; other labels in there stay.

    Parameters
    ----------
    labels : MedicalImage
        Each label on its own.
    max_size_mm3 : float
        Larger holes stay; 0 fills all.
    by_slice : bool
        In a volume fill what is enclosed within each slice, not only what is enclosed all around.
    progress : Progress
        Hears one report a label.

    Returns
    -------
    MedicalImage
        Labels with their numbers.
    """
    from scipy import ndimage

    volume = labels.geometry.voxel_volume
    if by_slice and labels.spatial_ndim == 3:
        volume = float(np.prod(labels.geometry.spacing[1:]))
    largest = max_size_mm3 / volume if max_size_mm3 else np.inf

    def fill(region: BoolArray) -> BoolArray:
        holes = np.asarray(ndimage.binary_fill_holes(region)) & ~region
        if np.isfinite(largest) and holes.any():
            holes &= ~(sorted_components(holes, "faces", largest * (1 + 1e-6)) > 0)
        return region | holes

    def change(region: BoolArray) -> BoolArray:
        if by_slice and region.ndim == 3:
            return np.stack([fill(slice_) for slice_ in region])
        return fill(region)

    return _each_label(labels, change, progress, "Filling holes")


@operation(group="segment", title="Grow, shrink, open or close")
def morph_labels(
    labels: LabelsImage,
    *,
    action: Literal["open", "close", "grow", "shrink"] = "open",
    radius_mm: Annotated[float, Gt(0)] = 2.0,
    progress: Progress = silent,
) -> MedicalImage:
    """Change the shape of each label by a ball.

    Parameters
    ----------
    labels : MedicalImage
        Each label on its own; none grows over another.
    action : {"open", "close", "grow", "shrink"}
        Opening removes thin parts, closing fills narrow gaps.
    radius_mm : float
        Of the ball, in millimetres whatever the voxel size. In pixels where the image has no spacing.
    progress : Progress
        Hears one report a label.

    Returns
    -------
    MedicalImage
        Labels with their numbers.
    """
    spacing = labels.geometry.spacing
    actions = {"open": opened, "close": closed, "grow": dilated, "shrink": eroded}
    return _each_label(labels, lambda r: actions[action](r, radius_mm, spacing), progress, "Reshaping")


@operation(group="segment", title="Smooth labels")
def smooth_labels(
    labels: LabelsImage,
    *,
    sigma_mm: Annotated[float, Interval(gt=0, le=50)] = 1.5,
    progress: Progress = silent,
) -> MedicalImage:
    """Round off the borders of all labels at once, without gaps between neighbours.

    Parameters
    ----------
    labels : MedicalImage
        All labels and the background.
    sigma_mm : float
        Standard deviation of the Gaussian that averages them. In pixels where the image has no spacing.
    progress : Progress
        Hears one report a label.

    Returns
    -------
    MedicalImage
        Each voxel with the label that prevails around it.
    """
    from scipy import ndimage

    sigma = sigma_mm / labels.geometry.spacing

    def one(volume: Volume, report: Progress) -> Volume:
        result = np.zeros_like(volume)
        best = np.full(volume.shape, -1.0, dtype=np.float32)
        for number in track(list(np.unique(volume)), report, "Smoothing labels"):
            share = ndimage.gaussian_filter((volume == number).astype(np.float32), sigma, mode="nearest")
            wins = share > best
            result[wins], best[wins] = number, share[wins]
        return result

    return labels.with_array(map_with_progress(labels, one, progress, "Smoothing labels"))


@operation(group="segment", title="Split touching objects")
def split_touching(
    labels: LabelsImage,
    *,
    min_distance_mm: Annotated[float, Gt(0)] = 5.0,
    progress: Progress = silent,
) -> MedicalImage:
    """Cut round objects that touch at their waists, and number them.

    Parameters
    ----------
    labels : MedicalImage
        What is not zero is one region.
    min_distance_mm : float
        Middles of objects nearer than this are taken as one.
    progress : Progress
        Hears reports while it works.

    Returns
    -------
    MedicalImage
        Labels 1, 2, ...

    References
    ----------
    Vincent and Soille 1991, Watersheds in digital spaces, doi 10.1109/34.87344.
    """
    spacing = labels.geometry.spacing

    def one(volume: Volume, report: Progress) -> Volume:
        return in_background(lambda: _split(volume > 0, spacing, min_distance_mm), report, "Splitting")

    array = map_with_progress(labels, one, progress, "Splitting")
    meta = {k: v for k, v in labels.meta.items() if k != "labels"}
    return labels.with_array(smallest_labels(array), meta=meta)


def _split(region: BoolArray, spacing: np.ndarray[tuple[int], np.dtype[np.float64]], reach: float) -> Volume:
    from scipy import ndimage
    from skimage.segmentation import watershed

    from napari_medai.preprocess.smooth import ball

    depth = ndimage.distance_transform_edt(region, sampling=spacing)
    # Smoothed a little, so that a flat top is one middle and not many.
    depth = ndimage.gaussian_filter(depth, 0.25 * reach / spacing) * region
    highest = ndimage.maximum_filter(depth, footprint=ball(reach, tuple(spacing)), mode="constant")
    middles, _ = ndimage.label((depth == highest) & region, np.ones((3,) * region.ndim))
    return np.asarray(watershed(-depth, middles, mask=region))


def _each_label(labels: MedicalImage, change: Change, progress: Progress, message: str) -> MedicalImage:
    """Change the region of each label; a label that grows takes only what no label had."""

    def one(volume: Volume, report: Progress) -> Volume:
        result = np.zeros_like(volume)
        numbers = [n for n in np.unique(volume) if n != 0]
        for k, number in enumerate(numbers):
            share = part(report, k / len(numbers), (k + 1) / len(numbers), message)
            region = volume == number
            changed = in_background(lambda r=region: change(r), share, message)  # type: ignore[misc]
            result[changed & (region | ((volume == 0) & (result == 0)))] = number
        return result

    return labels.with_array(map_with_progress(labels, one, progress, message))
