"""Outlines that move by steps of one voxel."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from annotated_types import Interval

from napari_medai.core.image import MedicalImage
from napari_medai.core.operation import IntensityImage, LabelsImage, When, operation
from napari_medai.core.progress import Progress, silent
from napari_medai.preprocess.arrays import Volume, as_float, grey
from napari_medai.preprocess.background import in_background
from napari_medai.preprocess.check import BoolArray
from napari_medai.preprocess.grid import resample_image
from napari_medai.segment.contours import Iterations, edge_stop, prepared_start, region_image
from napari_medai.segment.steepness import steepness


@operation(group="segment", title="Morphological snake")
def contour_morphological(
    image: IntensityImage,
    start: LabelsImage,
    *,
    method: Literal["edges", "regions"] = "regions",
    sigma_mm: Annotated[float, Interval(gt=0, le=20), When("method", ("edges",))] = 1.0,
    balloon: Annotated[int, Interval(ge=-3, le=3), When("method", ("edges",))] = 1,
    smoothing: Annotated[int, Interval(ge=0, le=10)] = 1,
    iterations: Iterations = 60,
    progress: Progress = silent,
) -> MedicalImage:
    """Move an outline by steps of one voxel: fast, and never unstable (morphological snakes).

    Parameters
    ----------
    image : MedicalImage
        2-D or 3-D, without time or channels; of a colour image the luminance is taken. Thick slices are
        interpolated to cubic voxels for the while, so that a step is as long in every direction.
    start : MedicalImage
        Labels on the same grid; the outline starts around what is not zero.
    method : {"edges", "regions"}
        Stop at edges (geodesic), or part two mean intensities (Chan-Vese).
    sigma_mm : float
        Gaussian before edges are measured, for "edges".
    balloon : int
        Voxels by which it grows in each step, for "edges"; negative shrinks.
    smoothing : int
        How often it is smoothed in each step.
    iterations : int
        How many steps.
    progress : Progress
        Hears reports while it works.

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
    Marquez-Neila et al. 2014, A morphological approach to curvature-based evolution of curves and
    surfaces, doi 10.1109/TPAMI.2013.106.
    """
    from skimage.segmentation import morphological_chan_vese, morphological_geodesic_active_contour

    prepared_start(image, start, "contour_morphological")
    cubic, first = _isotropic(grey(image), start)
    spacing = cubic.geometry.spacing
    values = as_float(np.asarray(cubic.array))

    def run() -> Volume:
        if method == "regions":
            return np.asarray(morphological_chan_vese(values, iterations, first, smoothing))
        speed = edge_stop(steepness(values, spacing, sigma_mm)).astype(np.float64)
        return np.asarray(
            morphological_geodesic_active_contour(speed, iterations, first, smoothing, 0.5, balloon)
        )

    region = in_background(run, progress, "Morphological snake") > 0
    if cubic.geometry != image.geometry:
        found = cubic.with_array(region.astype(np.uint8), kind="labels")
        region = np.asarray(resample_image(found, image.geometry, "label").array) > 0
    return region_image(image, region, "contour_morphological")


def _isotropic(image: MedicalImage, start: MedicalImage) -> tuple[MedicalImage, BoolArray]:
    """Return image and start on cubic voxels of the smallest side, where they are not so yet."""
    spacing = image.geometry.spacing
    region = start.with_array((np.asarray(start.array) > 0).astype(np.uint8))
    if spacing.max() <= 1.2 * spacing.min():
        return image, np.asarray(region.array) > 0
    target = image.geometry.with_spacing([float(spacing.min())] * len(spacing))
    cubic = resample_image(image, target, "linear")
    return cubic, np.asarray(resample_image(region, target, "label").array) > 0
