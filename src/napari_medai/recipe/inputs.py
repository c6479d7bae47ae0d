"""Files read as the inputs of a step or a recipe."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

from napari_medai.core.errors import ArgumentError, ReadError
from napari_medai.core.image import MedicalImage
from napari_medai.core.transform import SpatialTransform

InputKind: TypeAlias = Literal["intensity", "labels", "image", "landmarks", "boxes", "transform"]

Spec: TypeAlias = str | tuple[str, ...]
"""``PATH``, ``PATH#2`` for the second of several images, or the files of one series, with ``#2`` as well."""

IMAGE_SUFFIXES = (
    ".nii", ".nii.gz", ".hdr", ".nrrd", ".nhdr", ".mha", ".mhd", ".mgh", ".mgz", ".mnc", ".gipl",
    ".tif", ".tiff", ".png", ".jpg", ".jpeg", ".dcm", ".zip",
)  # fmt: skip


def read_input(kind: InputKind, spec: Spec) -> Any:
    """Read one input.

    Parameters
    ----------
    kind : {"intensity", "labels", "image", "landmarks", "boxes", "transform"}
        What it shall be. Whole numbers from 0 become labels where labels are asked for.
    spec : str or tuple of str
        ``PATH``, ``PATH#2`` for the second of several images, or the files of one series.

    Raises
    ------
    MedAIError
        If there is no such file, it cannot be read as that, or it holds several images and none is chosen.
    """
    if kind == "transform":
        return SpatialTransform.load(_existing(spec))
    if kind == "landmarks":
        from napari_medai.io.points import read_points

        return read_points(_existing(spec))
    if kind == "boxes":
        from napari_medai.io.boxes import read_boxes

        return read_boxes(_existing(spec))
    image = read_one(spec)
    return as_labels(image, split_number(spec)[0].name) if kind == "labels" else image


def read_one(spec: Spec) -> MedicalImage:
    """Read exactly one image.

    Raises
    ------
    ArgumentError
        If there are several and none is chosen by ``#``; the message lists them.
    """
    from napari_medai.io.read import read

    path, number = split_number(spec)
    images: Sequence[MedicalImage] = read(path if isinstance(spec, str) else files_of(spec))
    if number is None and len(images) == 1:
        return images[0]
    if number is not None and 1 <= number <= len(images):
        return images[number - 1]
    found = f"{path.name} holds {len(images)} image{'s' if len(images) > 1 else ''}: {_listing(images)}"
    if number is None:
        raise ArgumentError(f"{found}; needed one.", f"Choose it by its number: {spec}#1")
    raise ArgumentError(f"{found}; there is no number {number}.", f"The first is {path}#1")


def as_labels(image: MedicalImage, name: str) -> MedicalImage:
    """Return an image of whole numbers from 0 as labels.

    Raises
    ------
    ArgumentError
        If it holds anything else.
    """
    if image.kind == "labels":
        return image
    values = np.asarray(image.array)
    whole = values.astype(np.int32)
    if not np.array_equal(whole, values) or whole.min() < 0:
        raise ArgumentError(
            f"{name} holds values from {values.min():g} to {values.max():g}, not all of them "
            "whole numbers from 0; needed labels.",
            hint="Give a segmentation: 0 is the background, 1 the first structure.",
        )
    return image.with_array(whole, kind="labels")


def exists(spec: Spec) -> bool:
    """Tell whether there is something at an input."""
    return split_number(spec)[0].exists()


def files_of(spec: Spec) -> list[Path]:
    """Return the files or the folder an input names."""
    if isinstance(spec, str):
        return [split_number(spec)[0]]
    return [Path(file) for file in spec if not file.startswith("#")]


def split_number(spec: Spec) -> tuple[Path, int | None]:
    """Split ``PATH#2`` into its parts; a file whose name ends so goes before."""
    if not isinstance(spec, str):
        return Path(spec[0]), int(spec[-1][1:]) if spec[-1].startswith("#") else None
    match = re.fullmatch(r"(.+)#(\d+)", spec)
    if match and not Path(spec).exists():
        return Path(match[1]), int(match[2])
    return Path(spec), None


def _existing(spec: Spec) -> Path:
    path = files_of(spec)[0]
    if not path.is_file():
        raise ReadError(f"There is no file {spec}.", hint="Check the spelling of the path.")
    return path


def _listing(images: Sequence[MedicalImage]) -> str:
    lines = [
        f"#{n} {i.name or 'unnamed'} ({' x '.join(map(str, i.array.shape))})" for n, i in enumerate(images, 1)
    ]
    more = f", and {len(lines) - 12} more" if len(lines) > 12 else ""
    return ", ".join(lines[:12]) + more
