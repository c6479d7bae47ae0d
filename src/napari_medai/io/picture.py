"""PNG, JPEG, BMP and GIF pictures, alone or as a folder of slices."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from napari_medai.core.errors import ReadError, WriteError
from napari_medai.core.geometry import Geometry
from napari_medai.core.image import AnyArray, MedicalImage
from napari_medai.core.progress import Progress, silent, track
from napari_medai.io.files import Source, require_plausible_size, stem

_COMPRESSION = 5000
UNKNOWN = "{} does not say how large a pixel is: lengths are in pixels."


def read_picture(source: Source) -> list[MedicalImage]:
    """Read one picture; grey values stay as they are stored, an animation becomes a time axis.

    Parameters
    ----------
    source : Source
        A PNG, JPEG, BMP or GIF file.

    Raises
    ------
    ReadError
        If the file is damaged.
    """
    array, axes = _pixels(source)
    place = axes.index("y")
    geometry = Geometry.from_spacing(array.shape[place : place + 2])
    meta = {"source": {"format": "picture"}, "notices": [UNKNOWN.format(source.shown)]}
    return [MedicalImage(array, axes, geometry, name=stem(source.path), meta=meta)]


def read_picture_stack(
    sources: Sequence[Source], name: str, progress: Progress = silent
) -> list[MedicalImage]:
    """Read the pictures of one folder: one stack if they are alike, else one image each.

    Parameters
    ----------
    sources : sequence of Source
        The pictures; they are put into the natural order of their names.
    name : str
        The name of the stack.
    progress : Progress
        Hears one report a picture.
    """
    ordered = sorted(sources, key=lambda s: natural_key(s.shown))
    images = [read_picture(s)[0] for s in track(ordered, progress, "Reading pictures")]
    alike = {(i.array.shape, i.axes, i.array.dtype) for i in images}
    if len(images) < 2 or len(alike) > 1 or images[0].axes not in ("yx", "yxs"):
        return images
    array = np.stack([i.array for i in images])
    geometry = Geometry.from_spacing(array.shape[:3])
    notice = (
        f"The {len(images)} pictures of {name} were stacked in the order of their names; "
        "they do not say how large a voxel is: lengths are in pixels."
    )
    meta = {"source": {"format": "pictures"}, "notices": [notice]}
    return [MedicalImage(array, "z" + images[0].axes, geometry, name=name, meta=meta)]


def write_picture(image: MedicalImage, path: Path) -> None:
    """Write a 2-D image as PNG, without loss.

    Parameters
    ----------
    image : MedicalImage
        Axes ``"yx"`` or ``"yxs"``, or a single slice; 8 or 16 bit.
    path : Path
        Ending in ``.png``.

    Raises
    ------
    WriteError
        If the picture could not hold every value.
    """
    import imageio.v3 as iio

    array = np.squeeze(np.asarray(image.array), axis=tuple(range(image.leading + image.spatial_ndim - 2)))
    if array.dtype not in (np.uint8, np.uint16) or (image.is_rgb and array.dtype != np.uint8):
        raise WriteError(
            f"PNG cannot hold voxels of type {array.dtype}.",
            hint="Write .nii.gz or .tif, or scale the image to 8 bits first.",
        )
    iio.imwrite(path, array, extension=".png")


def natural_key(text: str) -> list[tuple[int, int | str]]:
    """Return a sort key in which ``slice 10`` follows ``slice 9``."""
    parts = re.split(r"(\d+)", text.lower())
    return [(1, int(part)) if part.isdigit() else (0, part) for part in parts]


def _pixels(source: Source) -> tuple[AnyArray, str]:
    import imageio.v3 as iio
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(source.path) as opened:
            width, height = opened.size
            require_plausible_size(
                source.shown, width * height, source.path.stat().st_size * _COMPRESSION, False
            )
        array = np.asarray(iio.imread(source.path))
    except (OSError, ValueError, SyntaxError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        reason = str(error).split("'")[0].strip() or type(error).__name__
        raise ReadError(
            f"{source.shown} is a damaged picture: {reason}.", hint="Copy the file again from where it came."
        ) from error
    if array.dtype == bool:
        array = array.astype(np.uint8)
    return _named(array, source.shown)


def _named(array: AnyArray, shown: str) -> tuple[AnyArray, str]:
    if array.ndim == 2:
        return array, "yx"
    if array.ndim == 3 and array.shape[-1] == 2:
        return array[..., 0], "yx"
    if array.ndim == 3 and array.shape[-1] in (3, 4):
        return array, "yxs"
    if array.ndim == 3:
        return array, "tyx"
    if array.ndim == 4 and array.shape[-1] in (3, 4):
        return (array[0], "yxs") if len(array) == 1 else (array, "tyxs")
    raise ReadError(f"{shown} has pixels of shape {array.shape}; needed grey or RGB.", hint="Convert it.")
