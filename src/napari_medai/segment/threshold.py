"""Operations that part an image by one global intensity."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Interval

from napari_medai.core.image import MedicalImage
from napari_medai.core.operation import IntensityImage, LabelsImage, operation
from napari_medai.core.progress import Progress, silent
from napari_medai.segment.thresholding import Side, otsu, part_by


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
