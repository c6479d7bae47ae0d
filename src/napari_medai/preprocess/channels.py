"""Operations that take one channel or colour, or one number for a colour, out of an image."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from annotated_types import Ge

from napari_medai.core.errors import ArgumentError
from napari_medai.core.image import MedicalImage
from napari_medai.core.operation import IntensityImage, operation
from napari_medai.core.progress import Progress, Step, silent
from napari_medai.preprocess.arrays import grey


@operation(group="preprocess", title="Colour to grey")
def to_grey(image: IntensityImage, *, progress: Progress = silent) -> MedicalImage:
    """Replace a colour image by its luminance.

    Parameters
    ----------
    image : MedicalImage
        With RGB or RGBA samples; a grey image is returned as float32.
    progress : Progress
        Hears one report.

    Returns
    -------
    MedicalImage
        float32, 0.2125 red + 0.7154 green + 0.0721 blue (ITU-R BT.709), in the input's range.
    """
    progress(Step(0, 1, "Grey"))
    result = grey(image)
    return result.with_array(np.asarray(result.array, dtype=np.float32))


@operation(group="preprocess", title="Take one channel")
def take_channel(
    image: MedicalImage, *, channel: Annotated[int, Ge(0)] = 0, progress: Progress = silent
) -> MedicalImage:
    """Take one channel of a multi-channel image, or one colour of a colour image.

    Parameters
    ----------
    image : MedicalImage
        With a channel axis or RGB samples; an image without either has the one channel 0.
    channel : int
        Which one, counted from 0. Of a colour image 0 is red, 1 green, 2 blue.
    progress : Progress
        Hears one report.

    Returns
    -------
    MedicalImage
        The image without that axis, values and type unchanged.

    Raises
    ------
    ArgumentError
        If there are not that many.
    """
    progress(Step(0, 1, "Taking a channel"))
    letter = "s" if image.is_rgb else "c"
    count = image.array.shape[image.axes.index(letter)] if letter in image.axes else 1
    if channel >= count:
        raise ArgumentError(
            f"take_channel: found {count} channels; number {channel} is not among them.",
            hint=f"Choose 0 to {count - 1}.",
        )
    if letter not in image.axes:
        return image
    array = np.take(np.asarray(image.array), channel, axis=image.axes.index(letter))
    return image.with_array(array, axes=image.axes.replace(letter, ""))


@operation(group="preprocess", title="Replace invalid values")
def replace_invalid(
    image: IntensityImage, *, value: float = 0.0, progress: Progress = silent
) -> MedicalImage:
    """Replace NaN and infinite voxels by a number.

    Parameters
    ----------
    image : MedicalImage
        Any axes.
    value : float
        What they become.
    progress : Progress
        Hears one report.

    Returns
    -------
    MedicalImage
        The same type; every value finite.
    """
    progress(Step(0, 1, "Replacing"))
    array = np.array(image.array)
    if array.dtype.kind == "f":
        array[~np.isfinite(array)] = value
    return image.with_array(array)
