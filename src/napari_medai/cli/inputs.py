"""Files named on the command line, read as what an operation asks for, and what is said about them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from napari_medai.core.boxes import Boxes
from napari_medai.core.image import MedicalImage
from napari_medai.core.landmarks import Landmarks
from napari_medai.core.parameter import Parameter
from napari_medai.core.transform import SpatialTransform
from napari_medai.recipe import inputs

_OTHERS: dict[type | None, inputs.InputKind] = {
    SpatialTransform: "transform",
    Landmarks: "landmarks",
    Boxes: "boxes",
}


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
    if parameter.input_type in _OTHERS:
        return inputs.read_input(_OTHERS[parameter.input_type], spec)
    image = inputs.read_one(spec)
    wants_labels = parameter.image_kind == "labels" or (as_labels and parameter.image_kind is None)
    return _labels(image, Path(spec).name) if wants_labels else image


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


def _labels(image: MedicalImage, name: str) -> MedicalImage:
    labels = inputs.as_labels(image, name)
    if image.kind != "labels":
        note(f"{name} is read as labels 0 to {np.max(labels.array)}.")
    return labels
