"""The history of a result turned into a recipe."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from napari_medai import catalog
from napari_medai.core.boxes import Boxes
from napari_medai.core.errors import ArgumentError
from napari_medai.core.history import Record, Source, package_version
from napari_medai.core.image import MedicalImage
from napari_medai.core.landmarks import Landmarks
from napari_medai.core.parameter import Parameter
from napari_medai.core.transform import SpatialTransform
from napari_medai.recipe.recipe import Recipe, RecipeInput, RecipeStep

_NOT_KEPT = ("device",)


def from_history(*results: Any, name: str = "", about: str = "") -> Recipe:
    """Make a recipe of how results came to be.

    Parameters
    ----------
    *results : MedicalImage, Landmarks or Boxes
        What the recipe shall make again. Steps they share are taken once.
    name, about : str
        For people.

    Returns
    -------
    Recipe
        The sources become inputs named after what they were given for (``image``, ``fixed``); the device
        is left to whoever runs it.

    Raises
    ------
    ArgumentError
        If a result has no history, or one with an operation this version does not have.

    Examples
    --------
    >>> from_history(labels, name="organs")  # doctest: +SKIP
    """
    builder = _Builder()
    for result in results:
        if not getattr(result, "history", ()):
            raise ArgumentError(
                f"{getattr(result, 'name', '') or 'This'} has no history: it was read, not computed.",
                hint="Choose the result of a step.",
            )
        builder.keep(builder.reference(result.history))
    if not results:
        raise ArgumentError("Found no result to make a recipe of.")
    return Recipe(
        name=name,
        about=about,
        made_with=package_version(),
        inputs=builder.inputs,
        steps=tuple(builder.steps),
        outputs=tuple(builder.outputs),
    )


class _Builder:
    """Collects inputs and steps while it follows a history to its sources."""

    def __init__(self) -> None:
        self.inputs: dict[str, RecipeInput] = {}
        self.steps: list[RecipeStep] = []
        self.outputs: list[str] = []
        self._input_of: dict[str, str] = {}
        self._step_of: dict[str, str] = {}
        self._known: dict[int, str] = {}
        self._alive: list[Record] = []

    def keep(self, reference: str) -> None:
        if reference not in self.outputs:
            self.outputs.append(reference)

    def reference(self, history: Sequence[Record]) -> str:
        """Return how a step refers to the result at the end of a history."""
        record = history[-1]
        step = self._known.get(id(record)) or self._add(record, history[:-1])
        self._known[id(record)] = step
        self._alive.append(record)
        return f"{step}.{record.output}" if record.output else step

    def _add(self, record: Record, before: Sequence[Record]) -> str:
        operation = catalog.find(record.operation)
        by_name = {p.name: p for p in operation.inputs}
        inputs: dict[str, str | list[str]] = {
            name: [self._source(s, by_name[name]) for s in source]
            if isinstance(source, tuple)
            else self._source(source, by_name[name])
            for name, source in record.inputs.items()
        }
        if not inputs and before:
            raise ArgumentError(f"The history of {record.operation} does not say what it was given.")
        options = {k: v for k, v in record.parameters.items() if k not in _NOT_KEPT}
        same = json.dumps([record.operation, inputs, options], sort_keys=True)
        fingerprint = sha256(same.encode()).hexdigest()
        if fingerprint not in self._step_of:
            step = _free(record.operation, {*self.inputs, *self._step_of.values()})
            self.steps.append(RecipeStep(id=step, operation=record.operation, inputs=inputs, options=options))
            self._step_of[fingerprint] = step
        return self._step_of[fingerprint]

    def _source(self, source: Source, parameter: Parameter) -> str:
        if source.history:
            return self.reference(source.history)
        if source.digest not in self._input_of:
            name = _free(parameter.name, {*self.inputs, *self._step_of.values()})
            self.inputs[name] = RecipeInput(kind=_kind(parameter))
            self._input_of[source.digest] = name
        return self._input_of[source.digest]


def _kind(parameter: Parameter) -> Any:
    others: dict[Any, str] = {Landmarks: "landmarks", Boxes: "boxes", SpatialTransform: "transform"}
    if parameter.input_type is MedicalImage:
        return parameter.image_kind or "image"
    if parameter.input_type not in others:
        raise ArgumentError(f"A recipe cannot take {parameter.input_type} as an input yet.")
    return others[parameter.input_type]


def _free(name: str, taken: set[str]) -> str:
    number = 2
    candidate = name
    while candidate in taken:
        candidate, number = f"{name}_{number}", number + 1
    return candidate
