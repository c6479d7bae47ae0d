"""How a computation is declared: one typed function, from which every face of it is derived."""

from __future__ import annotations

import difflib
import inspect
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import cached_property, wraps
from types import MappingProxyType, SimpleNamespace
from typing import Any, ParamSpec, TypeVar, get_type_hints

from napari_medai.core.annotations import (
    Advanced,
    Calibrates,
    Drawn,
    ForModality,
    ImageKind,
    IntensityImage,
    LabelsImage,
    When,
)
from napari_medai.core.device import resolve_device
from napari_medai.core.errors import ArgumentError
from napari_medai.core.guests import admit, host_of
from napari_medai.core.history import Record, Source, package_version
from napari_medai.core.parameter import Parameter

__all__ = [
    "Advanced",
    "Calibrates",
    "Drawn",
    "ForModality",
    "ImageKind",
    "IntensityImage",
    "LabelsImage",
    "Operation",
    "Parameter",
    "When",
    "operation",
    "registered",
]

P = ParamSpec("P")
R = TypeVar("R")

_REGISTRY: dict[str, Operation] = {}


@dataclass(frozen=True, eq=False)
class Operation:
    """A declared computation.

    Parameters
    ----------
    name : str
        The function's name; unique.
    group : str
        The package it belongs to, which is also its panel: ``"preprocess"``.
    title : str
        What a person reads: ``"Gaussian smoothing"``.
    function : callable
        What to call; it checks its arguments and records the step.
    new_grid : bool
        Whether the result lies on another grid than the first input.
    ends_early : bool
        Whether it heeds :class:`~napari_medai.core.progress.Finish`: ends with what it has found.
    """

    name: str
    group: str
    title: str
    function: Callable[..., Any]
    new_grid: bool = False
    ends_early: bool = False

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """Inputs and options in the order of the signature; ``progress`` is not among them."""
        raw = inspect.unwrap(self.function)
        hints = _hints(raw, lambda name: name != "return")
        said = self._documented
        return tuple(
            Parameter(name, hints[name], parameter.default, said.get(name, ""))
            for name, parameter in inspect.signature(raw).parameters.items()
            if name != "progress"
        )

    @property
    def inputs(self) -> tuple[Parameter, ...]:
        """The parameters that take data."""
        return tuple(p for p in self.parameters if p.is_input)

    @property
    def options(self) -> tuple[Parameter, ...]:
        """The parameters that take settings."""
        return tuple(p for p in self.parameters if not p.is_input)

    @cached_property
    def summary(self) -> str:
        """The docstring's first line."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]

    @property
    def plain_summary(self) -> str:
        """The docstring's first line without marks of code, for panels and terminals."""
        return self.summary.replace("``", "")

    @cached_property
    def description(self) -> str:
        """The docstring's text between the first line and the parameters."""
        return self._docstring.long_description or ""

    @cached_property
    def result_type(self) -> Any:
        """The annotated type of the result."""
        return _hints(inspect.unwrap(self.function), lambda name: name == "return")["return"]

    @property
    def reports_progress(self) -> bool:
        """Whether the function takes ``progress``."""
        return "progress" in inspect.signature(inspect.unwrap(self.function)).parameters

    def validate(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Check arguments by name, fill in defaults, and convert where that loses nothing.

        Raises
        ------
        ArgumentError
            Naming the operation, the parameter, what was found and what was needed.
        """
        by_name = {p.name: p for p in self.parameters}
        self._refuse_unknown(arguments, list(by_name))
        checked = {}
        for name, parameter in by_name.items():
            if name not in arguments and parameter.required:
                raise ArgumentError(f"{self.name}: {name} is missing.", hint=parameter.description)
            try:
                checked[name] = parameter.validate(arguments.get(name, parameter.default))
            except ArgumentError as error:
                raise ArgumentError(f"{self.name}: {error.message}", error.hint) from error
        if "device" in checked:
            checked["device"] = resolve_device(checked["device"])
        return checked

    def record(self, arguments: Mapping[str, Any], seconds: float) -> Record:
        """Describe one run with checked arguments."""
        inputs: dict[str, Source | tuple[Source, ...]] = {}
        for parameter in self.inputs:
            value = arguments[parameter.name]
            if value is not None:
                many = parameter.many
                inputs[parameter.name] = tuple(map(Source.of, value)) if many else Source.of(value)
        options = {p.name: p.to_json(arguments[p.name]) for p in self.options}
        return Record(
            self.name, package_version(), options, inputs, str(arguments.get("device", "")), seconds
        )

    def _run(self, raw: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        given = self._bind(raw, args, kwargs)
        progress = {"progress": given.pop("progress")} if "progress" in given else {}
        names = [p.name for p in self.inputs if p.name in given]
        checked = self.validate(given | admit({name: given[name] for name in names}))
        start = time.perf_counter()
        result = raw(**checked, **progress)
        record = self.record(checked, time.perf_counter() - start)
        return self._returned(_stamp(result, record, self._primary(checked)), self._primary(given))

    def _returned(self, result: Any, first: Any) -> Any:
        """Give back a result in the form that the first input had."""
        host = host_of(first)
        return result if host is None else host.leave(result, first, self.title)

    def _bind(self, raw: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        self._refuse_unknown(kwargs, [p.name for p in self.parameters] + ["progress"])
        try:
            return dict(inspect.signature(raw).bind(*args, **kwargs).arguments)
        except TypeError as error:
            names = ", ".join(p.name for p in self.inputs)
            raise ArgumentError(
                f"{self.name}: {error}.", hint=f"Give the data first ({names}), then options by name."
            ) from error

    def _refuse_unknown(self, arguments: Mapping[str, Any], known: list[str]) -> None:
        for name in arguments:
            if name not in known:
                close = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
                hint = f"Did you mean {close[0]}?" if close else f"Known: {', '.join(known)}."
                raise ArgumentError(f"{self.name} has no parameter {name!r}.", hint)

    def _primary(self, arguments: Mapping[str, Any]) -> Any:
        """The input whose history the result goes on with."""
        value = arguments.get(self.inputs[0].name) if self.inputs else None
        return value[0] if isinstance(value, list | tuple) and value else value

    @cached_property
    def _docstring(self) -> Any:
        from docstring_parser import DocstringStyle, parse

        return parse(inspect.getdoc(self.function) or "", DocstringStyle.NUMPYDOC)

    @cached_property
    def _documented(self) -> dict[str, str]:
        return {
            name.strip(): " ".join((entry.description or "").split())
            for entry in self._docstring.params
            for name in entry.arg_name.split(",")
        }


def operation(
    *, group: str, title: str, new_grid: bool = False, ends_early: bool = False
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Declare a typed function as an operation.

    Parameters
    ----------
    group : str
        The package and panel it belongs to.
    title : str
        What a person reads in a list of operations.
    new_grid : bool
        Whether the result lies on another grid than the first input.
    ends_early : bool
        Whether it heeds :class:`~napari_medai.core.progress.Finish`: ends with what it has found.

    Returns
    -------
    callable
        A decorator. The decorated function checks its arguments (:class:`ArgumentError`), turns
        ``device="auto"`` into a device, and adds the step to the history of every result.

    Notes
    -----
    Inputs come first and positional, options are keyword-only with defaults, ``progress`` is last.
    """

    def declare(raw: Callable[P, R]) -> Callable[P, R]:
        @wraps(raw)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            return declared._run(raw, args, kwargs)  # type: ignore[no-any-return]

        declared = Operation(raw.__name__, group, title, call, new_grid, ends_early)
        known = _REGISTRY.get(declared.name)
        if known is not None and known.function.__module__ != raw.__module__:
            raise ValueError(f"Two operations are called {declared.name!r}: {raw.__module__} has another.")
        _REGISTRY[declared.name] = declared
        call.operation = declared  # type: ignore[attr-defined]
        return call

    return declare


def registered() -> Mapping[str, Operation]:
    """Every operation declared so far, by name; ``catalog.operations`` makes sure that is all."""
    return MappingProxyType(_REGISTRY)


def _hints(raw: Callable[..., Any], wanted: Callable[[str], bool]) -> dict[str, Any]:
    """Resolve some annotations of a function; pandas is imported only for a result that is a table."""
    annotations = {name: hint for name, hint in raw.__annotations__.items() if wanted(name)}
    names: dict[str, Any] = {}
    if "DataFrame" in str(annotations.get("return", "")):
        from pandas import DataFrame

        names["DataFrame"] = DataFrame
    holder = SimpleNamespace(__annotations__=annotations)
    return get_type_hints(holder, globalns=raw.__globals__, localns=names, include_extras=True)


def _stamp(result: Any, record: Record, primary: Any) -> Any:
    """Add a step to the history of a result, or of each result in a tuple or dataclass."""
    if _keeps_history(result):
        return replace(result, history=(*getattr(primary, "history", ()), record))
    if isinstance(result, tuple) and hasattr(result, "_fields"):
        names: tuple[str, ...] = result._fields
        return type(result)(
            *(_stamp(v, replace(record, output=n), primary) for n, v in zip(names, result, strict=True))
        )
    if isinstance(result, tuple):
        return tuple(_stamp(v, replace(record, output=str(i)), primary) for i, v in enumerate(result))
    if is_dataclass(result) and not isinstance(result, type):
        values = {f.name: getattr(result, f.name) for f in fields(result) if f.init}
        images = {n: v for n, v in values.items() if _keeps_history(v)}
        changes = {n: _stamp(v, replace(record, output=n), primary) for n, v in images.items()}
        return replace(result, **changes) if changes else result
    return result


def _keeps_history(value: Any) -> bool:
    """Whether a value is a dataclass that carries its steps with it: an image, points, boxes, a mesh."""
    return (
        is_dataclass(value) and not isinstance(value, type) and "history" in {f.name for f in fields(value)}
    )
