"""Operations that part an image by one global intensity."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from annotated_types import Interval

from napari_medai.core.errors import ArgumentError
from napari_medai.core.image import MedicalImage, map_volumes
from napari_medai.core.operation import IntensityImage, LabelsImage, operation
from napari_medai.core.progress import Progress, silent
from napari_medai.preprocess.arrays import Volume, grey, labels_image, map_channels
from napari_medai.preprocess.check import mask_array, require_finite
from napari_medai.segment.thresholding import RULES, Side, histogram, otsu, part_by, seen_values


@operation(group="segment", title="Otsu threshold")
def threshold_otsu(
    image: IntensityImage,
    mask: LabelsImage | None = None,
    *,
    side: Side = "above",
    bins: Annotated[int, Interval(ge=16, le=65536)] = 1024,
    progress: Progress = silent,
) -> MedicalImage:
    """Part an image in two where the spread within the two parts is smallest.

    Parameters
    ----------
    image : MedicalImage
        Each channel has its own threshold; of a colour image the luminance is taken.
    mask : MedicalImage, optional
        Labels on the same grid; the threshold is found, and the label given, where they are not zero.
    side : {"above", "below"}
        Which part gets the label 1.
    bins : int
        Bins of the histogram in which the threshold is sought.
    progress : Progress
        Hears one report a channel.

    Returns
    -------
    MedicalImage
        Labels; the threshold is in ``meta["thresholds"]``, one a channel.

    Raises
    ------
    ArgumentError
        If the image is constant in the mask, or not finite.
    GeometryError
        If the mask lies on another grid.

    References
    ----------
    Otsu 1979, A threshold selection method from gray-level histograms, doi 10.1109/TSMC.1979.4310076.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_medai import Geometry
    >>> image = MedicalImage(np.array([[1.0, 2.0, 8.0, 9.0]]), "yx", Geometry.from_spacing((1, 4)))
    >>> threshold_otsu(image).array.tolist()
    [[0, 0, 1, 1]]
    """
    return part_by(image, mask, otsu, side, operation="threshold_otsu", bins=bins, progress=progress)


@operation(group="segment", title="Automatic threshold")
def threshold_auto(
    image: IntensityImage,
    mask: LabelsImage | None = None,
    *,
    method: Literal["otsu", "li", "yen", "triangle"] = "li",
    side: Side = "above",
    bins: Annotated[int, Interval(ge=16, le=65536)] = 1024,
    progress: Progress = silent,
) -> MedicalImage:
    """Part an image in two by a threshold found in its histogram.

    Parameters
    ----------
    image : MedicalImage
        Each channel has its own threshold; of a colour image the luminance is taken.
    mask : MedicalImage, optional
        Labels on the same grid; the threshold is found, and the label given, where they are not zero.
    method : {"otsu", "li", "yen", "triangle"}
        Least spread within the parts (Otsu), least cross entropy (Li), largest correlation (Yen), or the
        corner of the histogram's longer tail (triangle; for few bright voxels before a large ground).
    side : {"above", "below"}
        Which part gets the label 1.
    bins : int
        Bins of the histogram in which the threshold is sought.
    progress : Progress
        Hears one report a channel.

    Returns
    -------
    MedicalImage
        Labels; the threshold is in ``meta["thresholds"]``, one a channel.

    Raises
    ------
    ArgumentError
        If the image is constant in the mask, or not finite.
    GeometryError
        If the mask lies on another grid.

    References
    ----------
    Li and Tam 1998, doi 10.1016/S0167-8655(98)00057-9. Yen et al. 1995, doi 10.1109/83.366472.
    Zack et al. 1977, doi 10.1177/25.7.70454.
    """
    return part_by(image, mask, RULES[method], side, operation="threshold_auto", bins=bins, progress=progress)


@operation(group="segment", title="Threshold range")
def threshold_range(
    image: IntensityImage,
    *,
    low: float | None = None,
    high: float | None = None,
    progress: Progress = silent,
) -> MedicalImage:
    """Label the voxels whose intensity lies in a range.

    Parameters
    ----------
    image : MedicalImage
        Any axes; of a colour image the luminance is taken.
    low : float, optional
        The smallest labelled intensity; without any bound Otsu's threshold of the whole image.
    high : float, optional
        The largest labelled intensity; without it there is no upper bound.
    progress : Progress
        Hears one report a volume.

    Returns
    -------
    MedicalImage
        Labels, 1 in the range.

    Raises
    ------
    ArgumentError
        If ``low`` lies above ``high``, or values are not finite.
    """
    image = grey(image)
    require_finite(image, "threshold_range")
    if low is None and high is None:
        low = otsu(histogram(seen_values(np.asarray(image.array), None, "threshold_range"), 1024))
    first, last = (-np.inf if low is None else low), (np.inf if high is None else high)
    if first > last:
        raise ArgumentError(f"threshold_range: found a range from {first:g} down to {last:g}.")
    array = map_volumes(image, lambda v: (v >= first) & (v <= last), progress, "Thresholding")
    return labels_image(image, array, {1: f"{first:g} to {last:g}"})


@operation(group="segment", title="Several Otsu thresholds")
def threshold_multi_otsu(
    image: IntensityImage,
    mask: LabelsImage | None = None,
    *,
    classes: Annotated[int, Interval(ge=2, le=5)] = 3,
    bins: Annotated[int, Interval(ge=16, le=512)] = 256,
    progress: Progress = silent,
) -> MedicalImage:
    """Part an image in several classes of intensity where the spread within them is smallest.

    Parameters
    ----------
    image : MedicalImage
        Each channel has its own thresholds; of a colour image the luminance is taken.
    mask : MedicalImage, optional
        Labels on the same grid; only inside are thresholds found and labels given.
    classes : int
        How many; the darkest gets the label 1 inside a mask, 0 without one.
    bins : int
        Bins of the histogram.
    progress : Progress
        Hears one report a channel.

    Returns
    -------
    MedicalImage
        Labels by rising intensity; the thresholds are in ``meta["thresholds"]``.

    Raises
    ------
    ArgumentError
        If the image has fewer values than classes, or is not finite.
    GeometryError
        If the mask lies on another grid.

    References
    ----------
    Liao, Chen and Chung 2001, A fast algorithm for multilevel thresholding,
    doi 10.6688/JISE.2001.17.5.1.
    """
    from skimage.filters import threshold_multiotsu

    image = grey(image)
    require_finite(image, "threshold_multi_otsu")
    inside = mask_array(image, mask, "threshold_multi_otsu")
    found: list[list[float]] = []

    def label(values: Volume) -> Volume:
        counted = histogram(seen_values(values, inside, "threshold_multi_otsu"), bins)
        if np.count_nonzero(counted[0]) < classes:
            raise ArgumentError(f"threshold_multi_otsu: found fewer values than {classes} classes.")
        limits = threshold_multiotsu(hist=counted, classes=classes)
        found.append([float(t) for t in limits])
        numbers = np.digitize(values, limits).astype(np.uint8)
        return numbers if inside is None else np.where(inside, numbers + 1, 0).astype(np.uint8)

    array = map_channels(image, label, progress, "Finding thresholds")
    first = 0 if inside is None else 1
    names = {k + first: f"class {k + 1}" for k in range(classes) if k + first}
    return labels_image(image, array, names, thresholds=found)
