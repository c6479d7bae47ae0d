"""One parameter of an operation, read from its annotation: what every form and command line needs."""

from __future__ import annotations

import inspect
import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types

from napari_medai.core.annotations import Advanced, Calibrates, Drawn, ForModality, ImageKind, When
from napari_medai.core.boxes import Boxes
from napari_medai.core.errors import ArgumentError
from napari_medai.core.image import MedicalImage
from napari_medai.core.landmarks import Landmarks
from napari_medai.core.transform import SpatialTransform

INPUT_TYPES = (MedicalImage, Landmarks, Boxes, SpatialTransform)
UNITS = {"mm": "mm", "hu": "HU", "deg": "°", "s": "s", "ml": "ml", "percent": "%", "mm3": "mm³", "mb": "MB"}


@dataclass(frozen=True)
class Parameter:
    """One parameter of an operation.

    Parameters
    ----------
    name : str
        As in the signature. A suffix such as ``_mm`` names the unit.
    annotation : type
        The annotation with its constraints.
    default : object
        The default, or ``inspect.Parameter.empty``.
    description : str
        From the docstring.
    """

    name: str
    annotation: Any
    default: Any = inspect.Parameter.empty
    description: str = ""

    @property
    def required(self) -> bool:
        """Whether there is no default."""
        return self.default is inspect.Parameter.empty

    @cached_property
    def metadata(self) -> tuple[Any, ...]:
        """Everything the annotation says besides the type, groups of constraints unpacked."""
        return tuple(_metadata(self.annotation))

    @cached_property
    def types(self) -> tuple[Any, ...]:
        """The types a value may have, ``None`` left out."""
        return tuple(t for t in _alternatives(self.annotation) if t is not type(None))

    @property
    def value_type(self) -> Any:
        """The first type a value may have: ``float``, ``str``, ``MedicalImage``, ``tuple[float, ...]``."""
        return self.types[0]

    @cached_property
    def optional(self) -> bool:
        """Whether ``None`` is a value."""
        return type(None) in _alternatives(self.annotation)

    @cached_property
    def many(self) -> bool:
        """Whether the input is a sequence of images or points."""
        return get_origin(self.value_type) in (list, tuple, Sequence) and self.input_type is not None

    @cached_property
    def input_type(self) -> type | None:
        """Which of the data types this takes, where it takes data at all."""
        inner = (
            get_args(self.value_type)[0]
            if get_origin(self.value_type) in (list, tuple, Sequence)
            else self.value_type
        )
        while get_origin(inner) is Annotated:
            inner = get_args(inner)[0]
        return inner if inner in INPUT_TYPES else None

    @property
    def is_input(self) -> bool:
        """Whether this takes data (an image, points, a transform), not an option."""
        return self.input_type is not None

    @cached_property
    def calibrates(self) -> bool:
        """Whether its unit holds on images without a spacing too."""
        return any(isinstance(m, Calibrates) for m in self.metadata)

    @cached_property
    def drawn(self) -> bool:
        """Whether the points may be the ends of drawn lines."""
        return any(isinstance(m, Drawn) for m in self.metadata)

    @cached_property
    def image_kind(self) -> Literal["intensity", "labels"] | None:
        """The kind of image it asks for, or nothing."""
        return next((m.kind for m in self.metadata if isinstance(m, ImageKind)), None)

    @cached_property
    def choices(self) -> tuple[Any, ...]:
        """The values of a ``Literal``, or nothing."""
        return tuple(v for t in self.types if get_origin(t) is Literal for v in get_args(t))

    @cached_property
    def minimum(self) -> float | None:
        """The smallest value, or the bound itself when it is exclusive."""
        return self._bound(annotated_types.Ge, annotated_types.Gt)

    @cached_property
    def maximum(self) -> float | None:
        """The largest value, or the bound itself when it is exclusive."""
        return self._bound(annotated_types.Le, annotated_types.Lt)

    @property
    def excludes_minimum(self) -> bool:
        """Whether the value must lie above ``minimum``."""
        return any(isinstance(m, annotated_types.Gt) for m in self.metadata)

    @property
    def excludes_maximum(self) -> bool:
        """Whether the value must lie below ``maximum``."""
        return any(isinstance(m, annotated_types.Lt) for m in self.metadata)

    @property
    def advanced(self) -> bool:
        """Whether forms fold it away."""
        return any(isinstance(m, Advanced) for m in self.metadata)

    @cached_property
    def when(self) -> When | None:
        """The choice elsewhere that this option depends on, or nothing."""
        return next((m for m in self.metadata if isinstance(m, When)), None)

    @cached_property
    def for_modality(self) -> Mapping[str, Any]:
        """What to suggest for images of a modality, where the default is not the best for all."""
        return next((m.values for m in self.metadata if isinstance(m, ForModality)), {})

    @property
    def unit(self) -> str:
        """The unit named by the suffix, or nothing."""
        return UNITS.get(self.name.rpartition("_")[2], "") if "_" in self.name else ""

    @property
    def label(self) -> str:
        """The name in words, without the unit."""
        words = self.name.rpartition("_")[0] if self.unit else self.name
        return words.replace("_", " ").capitalize()

    @cached_property
    def _validator(self) -> Any:
        from pydantic import ConfigDict, TypeAdapter
        from pydantic.errors import PydanticUserError

        config = ConfigDict(arbitrary_types_allowed=True, allow_inf_nan=False)
        try:
            return TypeAdapter(self.annotation, config=config)
        except PydanticUserError:
            return TypeAdapter(self.annotation)

    def validate(self, value: Any) -> Any:
        """Check a value, and convert it where that loses nothing.

        Raises
        ------
        ArgumentError
            If the value does not fit.
        """
        return self._validate_input(value) if self.is_input else self._validate_option(value)

    def to_json(self, value: Any) -> Any:
        """Return an option's value as plain JSON; an object may say how by ``record_entry``."""
        if hasattr(value, "record_entry"):
            return value.record_entry()
        return self._validator.dump_python(value, mode="json")

    def _validate_option(self, value: Any) -> Any:
        from pydantic import ValidationError

        try:
            return self._validator.validate_python(value)
        except ValidationError as error:
            reasons = dict.fromkeys(e["msg"] for e in error.errors())
            raise ArgumentError(f"{self.name}: found {value!r}; needed: {' or '.join(reasons)}.") from error

    def _validate_input(self, value: Any) -> Any:
        if value is None and self.optional:
            return None
        if self.many:
            items = [value] if isinstance(value, INPUT_TYPES) else value
            if not isinstance(items, Sequence):
                raise self._wrong_type(value)
            return [self._validate_one(item) for item in items]
        return self._validate_one(value)

    def _validate_one(self, value: Any) -> Any:
        wanted: Any = self.input_type
        if not isinstance(value, wanted):
            raise self._wrong_type(value)
        if self.image_kind and value.kind != self.image_kind:
            needed = {"labels": "a labels image", "intensity": "an intensity image"}[self.image_kind]
            raise ArgumentError(
                f"{self.name}: found an image of kind {value.kind!r}; needed {needed}.",
                hint="Choose another image, or change its kind on purpose: image.replace(kind=...).",
            )
        return value

    def _wrong_type(self, value: Any) -> ArgumentError:
        wanted = self.input_type.__name__ if self.input_type else str(self.value_type)
        return ArgumentError(
            f"{self.name}: found {type(value).__name__}; needed {wanted}.",
            hint="A bare array has no geometry: napari_medai.MedicalImage(array, axes, geometry)."
            if wanted == "MedicalImage"
            else "",
        )

    def _bound(self, inclusive: Any, exclusive: Any) -> float | None:
        for entry in self.metadata:
            if isinstance(entry, (inclusive, exclusive)):
                (bound,) = fields(entry)
                return float(getattr(entry, bound.name))
        return None


def _metadata(annotation: Any) -> Iterator[Any]:
    if get_origin(annotation) is Annotated:
        inner, *entries = get_args(annotation)
        yield from _metadata(inner)
        for entry in entries:
            if isinstance(entry, annotated_types.GroupedMetadata):
                yield from entry
            else:
                yield entry
    elif get_origin(annotation) in (Union, types.UnionType):
        for alternative in get_args(annotation):
            yield from _metadata(alternative)
    elif get_origin(annotation) in (list, tuple, Sequence):
        for item in get_args(annotation):
            if get_origin(item) is Annotated and get_args(item)[0] in INPUT_TYPES:
                yield from _metadata(item)


def _alternatives(annotation: Any) -> list[Any]:
    if get_origin(annotation) is Annotated:
        return _alternatives(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return [t for alternative in get_args(annotation) for t in _alternatives(alternative)]
    return [annotation]
