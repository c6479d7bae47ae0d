"""The way from files to a result: the sources, and the steps of their histories, each once, in order."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from napari_medai import catalog
from napari_medai.core.boxes import Boxes
from napari_medai.core.history import Record
from napari_medai.core.history import Source as Origin
from napari_medai.core.landmarks import Landmarks
from napari_medai.core.operation import Operation
from napari_medai.core.parameter import Parameter
from napari_medai.core.transform import SpatialTransform
from napari_medai.gui.boxes import boxes_from_layer
from napari_medai.gui.facts import kind_of
from napari_medai.gui.layers import is_as_made
from napari_medai.gui.lines import are_lines, landmarks_from_lines
from napari_medai.gui.points import landmarks_from_layer, points_number, points_untouched
from napari_medai.gui.record import LayerRecord

Value = str | list[str] | None
"""The name of a source or a step; a list where an input takes several."""


@dataclass(frozen=True)
class Place:
    """Where a source can be found again.

    Parameters
    ----------
    path : str
        Its file or folder; empty where it was not read from one.
    sample : str
        The key of the sample it belongs to, or nothing.
    number : int
        Which of several images there, from 1; 0 where there is one.
    """

    path: str = ""
    sample: str = ""
    number: int = 0


@dataclass(frozen=True)
class Given:
    """What goes into a step.

    Parameters
    ----------
    name : str
        What the layer is called.
    kind : {"image", "labels", "points", "shapes", "transform"}
        What it holds.
    history : tuple of Record
        How that was made.
    place : Place
        Where it can be found again.
    literal : str
        The value itself as Python, where it is small and found nowhere else.
    """

    name: str
    kind: str = "image"
    history: tuple[Record, ...] = ()
    place: Place = Place()
    literal: str = ""


@dataclass(frozen=True)
class PlannedStep:
    """One step: what it is called, what it does to what, and with which options."""

    name: str
    operation: Operation
    inputs: Mapping[str, Value]
    options: Mapping[str, Any]


@dataclass
class Plan:
    """Sources and steps, in an order in which they can be taken.

    Parameters
    ----------
    places : mapping
        From the name of a source's layer to where it can be found.
    """

    places: Mapping[str, Place] = field(default_factory=dict)
    sources: dict[str, Given] = field(default_factory=dict)
    steps: list[PlannedStep] = field(default_factory=list)
    _known: dict[str, str] = field(default_factory=dict)

    def add_last(
        self,
        operation: Operation,
        given: Mapping[str, Given | Sequence[Given] | None],
        options: Mapping[str, Any],
    ) -> None:
        """Add the step that the plan is for, and all that leads to it."""
        inputs = {name: self._given(value) for name, value in given.items()}
        self.steps.append(PlannedStep("result", operation, inputs, changed_options(operation, options)))

    def _given(self, value: Given | Sequence[Given] | None) -> Value:
        if value is None:
            return None
        if not isinstance(value, Given):
            return [self._one(item) for item in value]
        return self._one(value)

    def _one(self, given: Given) -> str:
        if given.history:
            return self._result(given.history)
        return self._source(given)

    def _result(self, history: Sequence[Record]) -> str:
        record = history[-1]
        key = json.dumps([step.to_json() for step in history], sort_keys=True)
        if key not in self._known:
            operation = catalog.find(record.operation)
            kinds = {p.name: kind_taken(p) for p in operation.inputs}
            inputs = {name: self._origin(origin, kinds[name]) for name, origin in record.inputs.items()}
            name = f"step_{len(self.steps) + 1}"
            options = changed_options(operation, record.parameters)
            self.steps.append(PlannedStep(name, operation, inputs, options))
            self._known[key] = f"{name}.{record.output}" if record.output else name
        return self._known[key]

    def _origin(self, origin: Origin | tuple[Origin, ...], kind: str) -> Value:
        if isinstance(origin, tuple):
            return [str(self._origin(item, kind)) for item in origin]
        if origin.history:
            return self._result(origin.history)
        return self._source(Given(origin.name, kind, place=self.places.get(origin.name, Place())))

    def _source(self, given: Given) -> str:
        key = f"source:{given.name}"
        if key not in self._known:
            variable = _variable(given.name, taken=set(self.sources))
            self.sources[variable] = given
            self._known[key] = variable
        return self._known[key]


def kind_taken(parameter: Parameter) -> str:
    """Return the kind of source that an input takes."""
    others: dict[Any, str] = {Landmarks: "points", Boxes: "shapes", SpatialTransform: "transform"}
    return others.get(parameter.input_type, "labels" if parameter.image_kind == "labels" else "image")


def plan_of(
    operation: Operation, layers: Mapping[str, Any], options: Mapping[str, Any], shown: Iterable[Any]
) -> Plan:
    """Plan one step on layers, from their files on.

    Parameters
    ----------
    operation : Operation
        What to do.
    layers : mapping
        From an input's name to a layer, a list of layers, or nothing.
    options : mapping
        The operation's options.
    shown : iterable of layer
        All layers of the viewer; sources of histories are looked for among them by name.
    """
    images = [layer for layer in shown if kind_of(layer) in ("image", "labels", "points")]
    plan = Plan({layer.name: given_of(layer).place for layer in images})
    given = {
        name: [given_of(one) for one in value] if isinstance(value, list) else _one_given(value)
        for name, value in layers.items()
    }
    plan.add_last(operation, given, options)
    return plan


def _one_given(value: Any) -> Given | None:
    return None if value is None else given_of(value)


def given_of(value: Any) -> Given:
    """Describe a layer, or a transform, as an input: a step's result, a file's content, or what it is now."""
    if isinstance(value, Path):
        return Given(value.name, "transform", place=Place(str(value)))
    if isinstance(value, SpatialTransform):
        return Given(value.name or "transform", "transform")
    kind = kind_of(value)
    if kind in ("points", "shapes"):
        return _given_geometry(value, kind)
    record = LayerRecord.found_in(value.metadata)
    if record is None:
        return Given(value.name, kind, place=_place(value, 0))
    if not is_as_made(value):
        return Given(value.name, kind)
    return Given(value.name, kind, record.steps, _place(value, record.number))


def _given_geometry(layer: Any, kind: str) -> Given:
    """Describe points or boxes; what a person drew is small enough to be written out."""
    data, state, _ = layer.as_layer_data_tuple()
    if kind == "shapes" and are_lines(data, state):
        return Given(layer.name, "points", literal=_written_out(landmarks_from_lines(data, state)))
    if kind == "shapes":
        boxes = boxes_from_layer(data, state)
        corners = f"{boxes.lower.tolist()}, {boxes.upper.tolist()}, {boxes.labels}"
        return Given(layer.name, kind, literal=f"medai.Boxes({corners}, unit={boxes.unit!r})")
    points = landmarks_from_layer(data, state)
    place = _place(layer, points_number(state)) if points_untouched(data, state) else Place()
    literal = "" if place.path or place.sample else _written_out(points)
    return Given(layer.name, kind, points.history, place, literal)


def _written_out(points: Landmarks) -> str:
    return f"medai.Landmarks({points.names}, {points.positions.tolist()}, unit={points.unit!r})"


def _place(layer: Any, number: int) -> Place:
    source = layer.source
    ours = source.sample is not None and source.sample[0] == "napari-medai"
    return Place(str(source.path or ""), source.sample[1] if ours else "", number)


def changed_options(operation: Operation, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options whose values are not the defaults, as plain values."""
    by_name = {p.name: p for p in operation.options}
    changed = {}
    for name, value in options.items():
        parameter = by_name[name]
        plain = _plain(value)
        if parameter.required or plain != _plain(parameter.default):
            changed[name] = plain
    return changed


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value if isinstance(value, (bool, int, float, str, dict, type(None))) else str(value)


def _variable(name: str, taken: set[str]) -> str:
    """Make a Python name of a layer's."""
    word = re.sub(r"\W+", "_", name.lower(), flags=re.ASCII).strip("_") or "image"
    if not word[0].isalpha() or word in ("medai", "result", "in", "is", "as", "or", "and", "not", "if"):
        word = f"image_{word}"
    number, candidate = 2, word
    while candidate in taken:
        candidate, number = f"{word}_{number}", number + 1
    return candidate
