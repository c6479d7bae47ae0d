"""Operations that threshold by what is around: local means, and strong neighbours."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from annotated_types import Gt

from napari_medai.core.errors import ArgumentError
from napari_medai.core.image import MedicalImage
from napari_medai.core.operation import IntensityImage, operation
from napari_medai.core.progress import Progress, Step, silent
from napari_medai.preprocess.arrays import Volume, as_float, grey, labels_image
from napari_medai.preprocess.background import in_background
from napari_medai.preprocess.check import require_finite
from napari_medai.preprocess.slabs import filter_image, map_with_progress, to_voxels
from napari_medai.segment.thresholding import Side, histogram, otsu, seen_values


@operation(group="segment", title="Local threshold")
def threshold_local(
    image: IntensityImage,
    *,
    radius_mm: Annotated[float, Gt(0)] = 10.0,
    method: Literal["gaussian", "mean"] = "gaussian",
    offset: float = 0.0,
    side: Side = "above",
    progress: Progress = silent,
) -> MedicalImage:
    """Compare every voxel with the average of its surroundings; for uneven lighting.

    Parameters
    ----------
    image : MedicalImage
        Any axes; of a colour image the luminance is taken.
    radius_mm : float
        Half width of the box, or two standard deviations of the Gaussian. In pixels where the image has
        no spacing.
    method : {"gaussian", "mean"}
        How the surroundings are averaged.
    offset : float
        Added to the average, in the image's intensities.
    side : {"above", "below"}
        What is labelled.
    progress : Progress
        Hears one report a slab.

    Returns
    -------
    MedicalImage
        Labels, 1 on that side.

    Raises
    ------
    ArgumentError
        If values are not finite.
    """
    from scipy import ndimage

    image = grey(image)
    require_finite(image, "threshold_local")
    reach = to_voxels(radius_mm, tuple(image.geometry.spacing))

    def one(slab: Volume) -> Volume:
        values = as_float(slab)
        if method == "gaussian":
            average = ndimage.gaussian_filter(values, [r / 2 for r in reach], mode="nearest")
        else:
            average = ndimage.uniform_filter(values, [2 * round(r) + 1 for r in reach], mode="nearest")
        above = values > average + offset
        return np.asarray(above if side == "above" else ~above)

    halo = int(2 * reach[0]) + 2
    array = filter_image(image, one, halo, progress=progress, message="Local threshold")
    return labels_image(image, array, {1: f"{side} its surroundings"})


@operation(group="segment", title="Hysteresis threshold")
def threshold_hysteresis(
    image: IntensityImage,
    *,
    low: float | None = None,
    high: float | None = None,
    progress: Progress = silent,
) -> MedicalImage:
    """Label what lies above a low threshold and hangs together with something above a high one.

    Parameters
    ----------
    image : MedicalImage
        2-D or 3-D, each volume on its own; of a colour image the luminance is taken.
    low : float, optional
        By default Otsu's threshold.
    high : float, optional
        By default the mean of what lies above ``low``.
    progress : Progress
        Hears reports while it works.

    Returns
    -------
    MedicalImage
        Labels, 1 inside.

    Raises
    ------
    ArgumentError
        If ``low`` lies above ``high``, or the image is constant or not finite.
    """
    from skimage.filters import apply_hysteresis_threshold

    image = grey(image)
    require_finite(image, "threshold_hysteresis")
    progress(Step(0, 1, "Hysteresis"))
    values = np.asarray(image.array)
    first = otsu(histogram(seen_values(values, None, "threshold_hysteresis"), 1024)) if low is None else low
    above = values[values > first]
    last = (float(above.mean()) if above.size else first) if high is None else high
    if first > last:
        raise ArgumentError(f"threshold_hysteresis: found a low threshold {first:g} above the high {last:g}.")

    def one(volume: Volume, report: Progress) -> Volume:
        return in_background(lambda: np.asarray(apply_hysteresis_threshold(volume, first, last)), report)

    array = map_with_progress(image, one, progress, "Hysteresis")
    return labels_image(image, array, {1: "above"}, thresholds=[first, last])
