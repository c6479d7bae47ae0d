"""Slices of images as pictures inside a page: grey or colour below, labels as a see-through layer above."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.image import MedicalImage

Plane = Literal["axial", "coronal"]
Pixels = NDArray[np.uint8]

PALETTE = (
    (45, 205, 215), (240, 90, 80), (250, 190, 60), (90, 200, 120), (190, 120, 230), (75, 140, 245),
    (245, 140, 60), (235, 120, 175), (150, 205, 70), (110, 120, 235), (200, 160, 110), (150, 220, 220),
)  # fmt: skip
_HEIGHT = 520


@dataclass(frozen=True)
class Picture:
    """One picture of the report.

    Parameters
    ----------
    below : str
        The slice as a data URI.
    above : str
        The labels as a data URI, or nothing.
    caption : str
        What is seen.
    """

    below: str
    above: str
    caption: str


def picture(
    image: MedicalImage,
    labels: MedicalImage | None,
    caption: str,
    plane: Plane = "axial",
    at: int | None = None,
    window: tuple[slice, slice] | None = None,
) -> Picture:
    """Draw one slice in radiological convention, with labels over it.

    Parameters
    ----------
    image : MedicalImage
        2-D, RGB or 3-D; a time or channel axis shows its first entry.
    labels : MedicalImage, optional
        On the image's grid.
    caption : str
        Goes with the picture.
    plane : {"axial", "coronal"}
        Which way to cut a volume.
    at : int, optional
        Which slice, counted on the axes nearest to (z, y, x); the middle one by default.
    window : tuple of slice, optional
        Rows and columns of a close-up.
    """
    seen = window or (slice(None), slice(None))
    below = _as_grey(_cut(image, plane, at)[seen], image)
    above = None if labels is None else _coloured(_cut(labels, plane, at)[seen])
    aspect = _aspect(image, plane)
    return Picture(
        _uri(_resized(below, aspect), "jpeg"),
        "" if above is None else _uri(_resized(above, aspect, smooth=False), "png"),
        caption,
    )


def fullest_slice(labels: MedicalImage, plane: Plane = "axial") -> int:
    """Return the slice with the most different labels, and among those the most labelled voxels."""
    volume = np.asarray(_upright(labels).array)
    slices = volume if plane == "axial" else volume.swapaxes(0, 1)
    kinds = [len(np.unique(s)) for s in slices]
    counts = [int(np.count_nonzero(s)) for s in slices]
    return max(range(len(slices)), key=lambda i: (kinds[i], counts[i]))


def colour_of(label: int) -> str:
    """Return the CSS colour of a label."""
    red, green, blue = PALETTE[(label - 1) % len(PALETTE)]
    return f"rgb({red} {green} {blue})"


def _upright(image: MedicalImage) -> MedicalImage:
    return image.reoriented(image.geometry.nearest_axes())


def _cut(image: MedicalImage, plane: Plane, at: int | None) -> NDArray[Any]:
    upright = _upright(image)
    array = np.asarray(upright.array)[(0,) * upright.leading]
    if upright.spatial_ndim == 2:
        return np.asarray(array)
    if plane == "axial":
        return np.asarray(array[len(array) // 2 if at is None else at])
    return np.asarray(array[::-1, array.shape[1] // 2 if at is None else at])


def _aspect(image: MedicalImage, plane: Plane) -> float:
    """Height of a pixel over its width."""
    spacing = _upright(image).geometry.spacing
    rows = -2 if image.spatial_ndim == 2 or plane == "axial" else -3
    return float(spacing[rows] / spacing[-1])


def _as_grey(pixels: NDArray[Any], image: MedicalImage) -> Pixels:
    if image.is_rgb and pixels.dtype == np.uint8:
        return np.asarray(pixels[..., :3])
    values = pixels.astype(np.float32)
    window = image.meta.get("window")
    if window:
        low = window["center"] - window["width"] / 2
        high = window["center"] + window["width"] / 2
    else:
        low, high = np.percentile(np.asarray(image.array), (0.5, 99.5))
    grey = np.clip((values - low) / max(high - low, 1e-6), 0, 1) * 255
    return np.asarray(grey, dtype=np.uint8)


def _coloured(labels: NDArray[Any]) -> Pixels:
    """Paint labels: see-through inside, firm at the rim."""
    colours = np.array([(0, 0, 0), *PALETTE], dtype=np.uint8)
    index = np.where(labels > 0, (labels - 1) % len(PALETTE) + 1, 0)
    rim = np.zeros(labels.shape, dtype=bool)
    for axis in (0, 1):
        for step in (1, -1):
            rim |= labels != np.roll(labels, step, axis)
    alpha = np.where(labels > 0, np.where(rim, 235, 110), 0).astype(np.uint8)
    return np.concatenate([colours[index], alpha[..., None]], axis=-1)


def _resized(pixels: Pixels, aspect: float, *, smooth: bool = True) -> Pixels:
    """Bring a slice to the report's height with square pixels."""
    height = pixels.shape[0] * aspect
    scale = _HEIGHT / max(height, pixels.shape[1])
    rows, columns = max(1, round(height * scale)), max(1, round(pixels.shape[1] * scale))
    for axis, size in ((0, rows), (1, columns)):
        pixels = _stretched(pixels, axis, size, smooth)
    return pixels


def _stretched(pixels: Pixels, axis: int, size: int, smooth: bool) -> Pixels:
    count = pixels.shape[axis]
    if smooth and size < count:
        pixels = _averaged(pixels, axis, count // size)
        count = pixels.shape[axis]
    place = np.clip((np.arange(size) + 0.5) * count / size - 0.5, 0, count - 1)
    if not smooth:
        return np.asarray(np.take(pixels, np.round(place).astype(int), axis))
    lower = np.floor(place).astype(int)
    shape = [1] * pixels.ndim
    shape[axis] = size
    weight = (place - lower).reshape(shape)
    first, second = (np.take(pixels, i, axis) for i in (lower, np.minimum(lower + 1, count - 1)))
    return np.asarray(first * (1 - weight) + second * weight).round().astype(np.uint8)


def _averaged(pixels: Pixels, axis: int, factor: int) -> Pixels:
    """Average whole groups of neighbours, so that shrinking does not skip fine structures."""
    count = pixels.shape[axis] // factor
    trimmed = np.take(pixels, np.arange(count * factor), axis)
    shape = (*trimmed.shape[:axis], count, factor, *trimmed.shape[axis + 1 :])
    return np.asarray(trimmed.reshape(shape).mean(axis=axis + 1)).astype(np.uint8)


def _uri(pixels: Pixels, kind: Literal["jpeg", "png"]) -> str:
    import imageio.v3 as iio

    options: dict[str, Any] = {"quality": 88} if kind == "jpeg" else {}
    data: bytes = iio.imwrite("<bytes>", pixels, extension=f".{kind}", **options)
    return f"data:image/{kind};base64,{b64encode(data).decode()}"
