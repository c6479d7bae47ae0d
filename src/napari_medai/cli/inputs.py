"""Files named on the command line, read as what an operation asks for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from napari_medai.core.boxes import Boxes
from napari_medai.core.errors import ArgumentError
from napari_medai.core.image import MedicalImage
from napari_medai.core.landmarks import Landmarks
from napari_medai.core.parameter import Parameter
from napari_medai.core.transform import SpatialTransform


def read_input(parameter: Parameter, spec: str, *, as_labels: bool = False) -> Any:
    """Read one input of an operation.

    Parameters
    ----------
    parameter : Parameter
        The input, which says what it takes.
    spec : str
        ``PATH``, or ``PATH#2`` for the second of several images.
    as_labels : bool
        Whether an input that takes either kind is to be read as labels.

    Raises
    ------
    MedAIError
        If there is no such file, it cannot be read, or it holds several images and none is chosen.
    """
    if parameter.input_type is SpatialTransform:
        return SpatialTransform.load(_existing(spec))
    if parameter.input_type is Landmarks:
        from napari_medai.io.points import read_landmarks

        return read_landmarks(_existing(spec))
    if parameter.input_type is Boxes:
        raise ArgumentError(f"{parameter.name}: boxes cannot be read from a file yet.")
    image = read_one(spec)
    if parameter.image_kind == "labels" or (as_labels and parameter.image_kind is None):
        return labels_of(image, spec)
    return image


def read_one(spec: str) -> MedicalImage:
    """Read exactly one image.

    Raises
    ------
    MedAIError
        If there are several and none is chosen by ``#``; the message lists them.
    """
    from napari_medai.io.read import read

    path, number = _split(spec)
    images = read(path)
    if number is None and len(images) == 1:
        return images[0]
    if number is not None and 1 <= number <= len(images):
        return images[number - 1]
    found = f"{path.name} holds {len(images)} image{'s' if len(images) > 1 else ''}: {_listing(images)}"
    if number is None:
        raise ArgumentError(f"{found}; needed one.", f"Choose it by its number: {spec}#1")
    raise ArgumentError(f"{found}; there is no number {number}.", f"The first is {path}#1")


def labels_of(image: MedicalImage, spec: str) -> MedicalImage:
    """Return the image as labels, and say so.

    Raises
    ------
    ArgumentError
        If it holds anything but whole numbers from 0.
    """
    if image.kind == "labels":
        return image
    values = np.asarray(image.array)
    whole = values.astype(np.int32)
    if not np.array_equal(whole, values) or whole.min() < 0:
        raise ArgumentError(
            f"{Path(spec).name} holds values from {values.min():g} to {values.max():g}, not all of them "
            "whole numbers from 0; needed labels.",
            hint="Give a segmentation: 0 is the background, 1 the first structure.",
        )
    note(f"{Path(spec).name} is read as labels 0 to {whole.max()}.")
    return image.with_array(whole, kind="labels")


def say_notices(values: Sequence[Any], said: set[str]) -> None:
    """Say on the error stream what a person must know of these images, each sentence once.

    Parameters
    ----------
    values : sequence
        Images, or anything else, which is passed over.
    said : set of str
        What was said before; added to.
    """
    for value in values:
        for notice in value.meta.get("notices", ()) if isinstance(value, MedicalImage) else ():
            if notice not in said:
                said.add(notice)
                note(notice)


def note(sentence: str) -> None:
    """Say one sentence on the error stream."""
    click.echo(f"napari-medai: note: {sentence}", err=True)


def _split(spec: str) -> tuple[Path, int | None]:
    match = re.fullmatch(r"(.+)#(\d+)", spec)
    if match and not Path(spec).exists():
        return Path(match[1]), int(match[2])
    return Path(spec), None


def _existing(spec: str) -> Path:
    path = Path(spec)
    if not path.is_file():
        raise ArgumentError(f"There is no file {spec}.", hint="Check the spelling of the path.")
    return path


def _listing(images: Sequence[MedicalImage]) -> str:
    lines = [
        f"#{n} {i.name or 'unnamed'} ({' x '.join(map(str, i.array.shape))})" for n, i in enumerate(images, 1)
    ]
    more = f", and {len(lines) - 12} more" if len(lines) > 12 else ""
    return ", ".join(lines[:12]) + more
