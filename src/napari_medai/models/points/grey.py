"""Radiographs stored in colour, which have none."""

from __future__ import annotations

import numpy as np

from napari_medai.core.image import MedicalImage

GREY_WEIGHTS = (0.2126, 0.7152, 0.0722)
"""Of red, green and blue, after ITU-R BT.709."""


def as_grey(image: MedicalImage, channels: int = 1) -> MedicalImage:
    """Return a colour image in grey where one channel is needed; any other as it is.

    Grey stored three times comes back as it is stored, in a third of the memory.

    Parameters
    ----------
    image : MedicalImage
        With or without colour samples.
    channels : int
        How many channels the model takes.
    """
    if not image.is_rgb or channels != 1:
        return image
    colours, axes = np.asarray(image.array)[..., :3], image.axes.replace("s", "")
    if np.array_equal(colours[..., 0], colours[..., 1]) and np.array_equal(colours[..., 0], colours[..., 2]):
        return image.with_array(np.ascontiguousarray(colours[..., 0]), axes=axes)
    weighed = colours.astype(np.float32) @ np.array(GREY_WEIGHTS, np.float32)
    return image.with_array(weighed, axes=axes)
