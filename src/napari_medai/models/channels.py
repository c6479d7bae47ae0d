"""Images of one patient that are the channels of one input."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_medai.core.errors import ArgumentError
from napari_medai.core.image import MedicalImage


def joined_channels(image: MedicalImage, further: Sequence[MedicalImage]) -> MedicalImage:
    """Put images of one grid together as the channels of one.

    Parameters
    ----------
    image : MedicalImage
        The first channel; returned as it is where there is no other.
    further : sequence of MedicalImage
        The others, in order.

    Raises
    ------
    ArgumentError
        If an image has channels, colours or time points of its own, or lies on another grid.
    """
    if not further:
        return image
    for one in (image, *further):
        if one.axes != "zyx"[-one.spatial_ndim :]:
            raise ArgumentError(
                f"Found an image with the axes {one.axes!r} among the channels; needed one plain image each.",
                hint="Give a single image that holds all channels, or split it.",
            )
        image.require_same_grid(one, "channels")
    array = np.stack([np.asarray(one.array, np.float32) for one in (image, *further)])
    return image.with_array(array, axes=f"c{image.axes}")
