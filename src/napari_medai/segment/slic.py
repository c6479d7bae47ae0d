"""Superpixels: small compact pieces of like voxels."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from annotated_types import Gt

from napari_medai.core.errors import ArgumentError
from napari_medai.core.image import MedicalImage
from napari_medai.core.operation import IntensityImage, operation
from napari_medai.core.progress import Progress, silent
from napari_medai.preprocess.arrays import as_float, labels_image, smallest_labels
from napari_medai.preprocess.background import in_background
from napari_medai.preprocess.check import require_contrast, require_finite


@operation(group="segment", title="Superpixels (SLIC)")
def superpixels(
    image: IntensityImage,
    *,
    size_mm: Annotated[float, Gt(0)] = 8.0,
    compactness: Annotated[float, Gt(0)] = 0.1,
    progress: Progress = silent,
) -> MedicalImage:
    """Divide an image into small compact pieces that follow its edges (SLIC).

    Parameters
    ----------
    image : MedicalImage
        2-D or 3-D; channels or colours are compared together. No time axis.
    size_mm : float
        Side of a piece, the same along each direction. In pixels where the image has no spacing.
    compactness : float
        How much nearness counts beside likeness; intensities are compared on the scale 0 to 1.
    progress : Progress
        Hears reports while it works.

    Returns
    -------
    MedicalImage
        Labels from 1 up, one a piece.

    Raises
    ------
    ArgumentError
        If the image is constant, not finite or has a time axis.

    References
    ----------
    Achanta et al. 2012, SLIC superpixels, doi 10.1109/TPAMI.2012.120.
    """
    from skimage.segmentation import slic

    require_finite(image, "superpixels")
    values = as_float(np.asarray(image.array))
    require_contrast(values, "superpixels")
    if "t" in image.axes:
        raise ArgumentError("superpixels: found a time axis; needed one point in time.")
    axis = -1 if image.is_rgb else (0 if "c" in image.axes else None)
    values = (values - values.min()) / np.ptp(values)
    spacing = image.geometry.spacing
    count = max(1, round(float(np.prod(np.array(image.spatial_shape) * spacing)) / size_mm ** len(spacing)))
    pieces = in_background(
        lambda: slic(values, count, compactness, spacing=spacing, channel_axis=axis, start_label=1),
        progress,
        "Superpixels",
    )
    flat = image.with_array(smallest_labels(pieces), axes="zyx"[-image.spatial_ndim :], kind="labels")
    return labels_image(flat, np.asarray(flat.array), {})
