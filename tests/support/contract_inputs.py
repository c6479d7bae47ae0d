"""Small inputs for any operation, chosen by the types its signature names."""

from __future__ import annotations

import enum
import tempfile
import typing
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from made_images import points

from napari_medai import Boxes, Geometry, Landmarks, MedicalImage, SpatialTransform
from napari_medai.core.operation import Operation, Parameter
from napari_medai.phantoms.torso import ct_torso
from napari_medai.segment import train_classifier
from napari_medai.segment.pixel_classifier import PixelClassifier

_MODELS = tempfile.TemporaryDirectory()

CHEAPER: dict[str, dict[str, Any]] = {
    "check_explanation": {"layer_groups": 2, "draws": 1, "curve_points": 2},
    "train_registration": {"steps": 2, "size": 32, "width": 4, "folder": Path(_MODELS.name)},
    "find_shortcuts": {"cases": 2, "steps": 2, "training_cases": 4},
}
"""Options for operations whose defaults would take long: they do the same, less often."""


@cache
def torso() -> tuple[MedicalImage, MedicalImage]:
    """The sample torso and its labels, coarse; for operations that a shipped model serves."""
    return ct_torso(1, shape=(30, 48, 48), spacing=(10.0, 8.0, 8.0))


def grids() -> dict[str, Geometry]:
    """The grids on which operations are tried, the commonest first; on the last one lies the torso."""
    return {
        "3-D": Geometry.from_spacing((16, 32, 32), (2.0, 1.0, 1.0), (-15.5, -15.5, -15.0)),
        "2-D": Geometry.from_spacing((48, 48), (1.0, 1.0), (-23.5, -23.5)),
        "torso": torso()[0].geometry,
    }


def regions(geometry: Geometry, shift: float = 0.0) -> np.ndarray:
    """0 outside, 1 a ball, 2 a smaller ball within it, off its centre."""
    place = points(geometry) - shift
    outer = np.linalg.norm(place, axis=-1) < 12
    middle = np.zeros(geometry.ndim)
    middle[0] = 3
    inner = np.linalg.norm(place - middle, axis=-1) < 5
    return np.where(inner, 2, outer.astype(int)).astype(np.uint8)


def intensity_image(geometry: Geometry, number: int = 0) -> MedicalImage:
    """Three tissues, a faint shade and noise, or the torso; a later number is moved a little."""
    if geometry == torso()[0].geometry:
        return torso()[0]
    clean = np.array([20.0, 100.0, 180.0])[regions(geometry, shift=0.8 * number)]
    shade = 1 + 0.002 * points(geometry)[..., 0]
    noise = np.random.default_rng(number).normal(0, 3, geometry.shape)
    array = (clean * shade + noise).astype(np.float32)
    uptake = {"body_weight_factor": 2e-4}
    axes = "zyx"[-geometry.ndim :]
    return MedicalImage(array, axes, geometry, name=f"image {number}", meta={"suv": uptake})


def labels_image(geometry: Geometry, number: int = 0) -> MedicalImage:
    """The tissues as labels 1 and 2, or the torso's."""
    if geometry == torso()[0].geometry:
        return torso()[1]
    return MedicalImage(
        regions(geometry, shift=0.8 * number),
        "zyx"[-geometry.ndim :],
        geometry,
        kind="labels",
        name=f"labels {number}",
    )


def landmarks(geometry: Geometry, number: int = 0) -> Landmarks:
    """Four points around the middle."""
    directions = np.vstack([np.eye(geometry.ndim), -np.ones(geometry.ndim) / 2])[: geometry.ndim + 1]
    names = ("S", "N", "A", "B")[: len(directions)]  # a cephalogram's, for operations that ask for it
    return Landmarks(names, directions * 6 + 0.8 * number, unit=geometry.unit, name=f"points {number}")


def boxes(geometry: Geometry, number: int = 0) -> Boxes:
    """One box around the ball."""
    corner = np.full((1, geometry.ndim), 13.0)
    return Boxes(-corner, corner, ("ball",), unit=geometry.unit, name=f"boxes {number}")


def transform(geometry: Geometry, number: int = 0) -> SpatialTransform:
    """A small shift."""
    return SpatialTransform.from_translation(np.full(geometry.ndim, 1.5))


def make_input(parameter: Parameter, geometry: Geometry, number: int) -> Any:
    """Return data for one input parameter."""
    if parameter.input_type is MedicalImage:
        make: Callable[..., Any] = labels_image if parameter.image_kind == "labels" else intensity_image
    else:
        make = {Landmarks: landmarks, Boxes: boxes, SpatialTransform: transform}[parameter.input_type]
    if parameter.many:
        return [make(geometry, number + k) for k in range(3)]
    return make(geometry, number)


def make_option(parameter: Parameter, folder: Path) -> Any:
    """Return a value for an option that has no default."""
    kind = parameter.value_type
    if kind is Path:
        return folder
    if kind is PixelClassifier:
        grid = grids()["3-D"]
        return train_classifier(intensity_image(grid), labels_image(grid))
    if parameter.choices:
        return parameter.choices[0]
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return next(iter(kind))
    if kind in (float, int):
        low, high = parameter.minimum, parameter.maximum
        return kind((low + high) / 2 if low is not None and high is not None else (low or 0) + 1)
    raise LookupError(
        f"option {parameter.name} of type {typing.cast(object, kind)} has no default and no fixture"
    )


def arguments(operation: Operation, geometry: Geometry, folder: Path) -> dict[str, Any]:
    """Return what one run needs: every required parameter."""
    chosen: dict[str, Any] = {}
    for number, parameter in enumerate(p for p in operation.parameters if p.is_input):
        if parameter.required:
            chosen[parameter.name] = make_input(parameter, geometry, number)
    for parameter in operation.options:
        if parameter.required:
            chosen[parameter.name] = make_option(parameter, folder)
    return chosen | CHEAPER.get(operation.name, {})


def data_in(values: dict[str, Any]) -> list[Any]:
    """Return every image, point set, box set and transform among some arguments."""
    kinds = (MedicalImage, Landmarks, Boxes, SpatialTransform)
    flat = [v for value in values.values() for v in (value if isinstance(value, list) else [value])]
    return [v for v in flat if isinstance(v, kinds)]
