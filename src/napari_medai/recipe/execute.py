"""The steps of a recipe taken on the inputs of one case."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_medai import catalog
from napari_medai.core.boxes import Boxes
from napari_medai.core.errors import ArgumentError
from napari_medai.core.image import MedicalImage
from napari_medai.core.landmarks import Landmarks
from napari_medai.core.operation import Operation
from napari_medai.core.parameter import INPUT_TYPES
from napari_medai.core.progress import Progress, part, silent
from napari_medai.core.transform import SpatialTransform
from napari_medai.recipe.files import load
from napari_medai.recipe.kinds import Offer, check_kind
from napari_medai.recipe.recipe import Recipe, RecipeInput, RecipeStep, nearest


@dataclass(frozen=True)
class Prepared:
    """A step with its operation, and its options checked (models loaded)."""

    step: RecipeStep
    operation: Operation
    options: Mapping[str, Any]


def run(
    recipe: Recipe | str | Path,
    inputs: Any,
    *,
    device: str = "",
    progress: Progress = silent,
) -> dict[str, Any]:
    """Take the steps of a recipe.

    Parameters
    ----------
    recipe : Recipe or path
        What to do.
    inputs : mapping, sequence or one value
        The inputs by name; or in the recipe's order; or the only one.
    device : str
        Where networks run; the operations' own default if not given.
    progress : Progress
        Hears every step and what the step itself reports.

    Returns
    -------
    dict
        The results that the recipe keeps, by reference.

    Raises
    ------
    ArgumentError
        If the recipe names what does not exist, an option is out of range, or an input is missing or of
        the wrong kind. That is checked before the first step.

    Examples
    --------
    >>> results = run("organs.yaml", image)  # doctest: +SKIP
    """
    recipe = recipe if isinstance(recipe, Recipe) else load(recipe)
    steps = prepare(recipe, device)
    return run_prepared(recipe, steps, match_inputs(recipe, inputs), progress)


def prepare(recipe: Recipe, device: str = "") -> list[Prepared]:
    """Check every step of a recipe against the operations there are.

    Parameters
    ----------
    recipe : Recipe
        What to check.
    device : str
        Given to every operation that takes a device, where it is not empty.

    Raises
    ------
    ArgumentError
        Naming the step, what was found, and the nearest known name.
    ModelError
        If a model is not installed or not the one of the recipe.
    """
    known: dict[str, Offer] = dict(recipe.inputs)
    prepared = []
    for step in recipe.steps:
        if step.id in known:
            raise ArgumentError(f"Recipe: the name {step.id!r} stands for two things.", "Rename one.")
        prepared.append(_prepare_step(step, known, device))
        known[step.id] = prepared[-1].operation
    for reference in recipe.kept:
        _check_reference(reference, {s.id for s in recipe.steps}, "outputs")
    return prepared


def run_prepared(
    recipe: Recipe, steps: Sequence[Prepared], inputs: Mapping[str, Any], progress: Progress = silent
) -> dict[str, Any]:
    """Take steps that :func:`prepare` checked, and let go of each result after its last use."""
    values = dict(inputs)
    for index, prepared in enumerate(steps):
        operation, step = prepared.operation, prepared.step
        data = {name: _resolve(ref, values) for name, ref in step.inputs.items()}
        stretch = part(progress, index / len(steps), (index + 1) / len(steps), operation.title)
        reporter = {"progress": stretch} if operation.reports_progress else {}
        try:
            values[step.id] = operation.function(**data, **prepared.options, **reporter)
        except ArgumentError as error:
            raise ArgumentError(f"Step {step.id}: {error.message}", error.hint) from error
        _let_go(values, recipe, index)
    return {reference: _lookup(reference, values) for reference in recipe.kept}


def match_inputs(recipe: Recipe, inputs: Any) -> dict[str, Any]:
    """Return the inputs by name, checked for number and kind.

    Raises
    ------
    ArgumentError
        If one is missing, too much, or of the wrong kind.
    """
    names = list(recipe.inputs)
    if isinstance(inputs, INPUT_TYPES):
        inputs = [inputs]
    if not isinstance(inputs, Mapping):
        if len(inputs) != len(names):
            raise ArgumentError(
                f"Found {len(inputs)} inputs; the recipe needs {len(names)}: {', '.join(names)}."
            )
        inputs = dict(zip(names, inputs, strict=True))
    for name in inputs:
        if name not in names:
            raise ArgumentError(f"The recipe has no input {name!r}.", hint=nearest(name, names))
    missing = [name for name in names if name not in inputs]
    if missing:
        raise ArgumentError(f"The recipe's input {missing[0]!r} is missing.", recipe.inputs[missing[0]].about)
    for name, value in inputs.items():
        _check_kind(name, value, recipe.inputs[name])
    return dict(inputs)


def _check_kind(name: str, value: Any, wanted: RecipeInput) -> None:
    types: dict[str, type] = {"landmarks": Landmarks, "boxes": Boxes, "transform": SpatialTransform}
    needed = types.get(wanted.kind, MedicalImage)
    found = type(value).__name__
    if isinstance(value, needed):
        if not isinstance(value, MedicalImage) or wanted.kind in ("image", value.kind):
            return
        found = f"an image of kind {value.kind!r}"
    raise ArgumentError(f"Input {name}: found {found}; needed {wanted.kind}.")


def _prepare_step(step: RecipeStep, known: Mapping[str, Offer], device: str) -> Prepared:
    place = f"Recipe, step {step.id}"
    try:
        operation = catalog.find(step.operation)
    except ArgumentError as error:
        raise ArgumentError(f"{place}: {error.message}", error.hint) from error
    _check_step_inputs(step, operation, known, place)
    options: dict[str, Any] = {}
    by_name = {p.name: p for p in operation.options}
    for name, value in step.options.items():
        if name not in by_name:
            raise ArgumentError(f"{place}: {operation.name} has no option {name!r}.", nearest(name, by_name))
        try:
            options[name] = by_name[name].validate(value)
        except ArgumentError as error:
            raise ArgumentError(f"{place}: {error.message}", error.hint) from error
    for parameter in operation.options:
        if parameter.required and parameter.name not in options:
            raise ArgumentError(f"{place}: the option {parameter.name} is missing.", parameter.description)
    if device and "device" in by_name:
        options["device"] = device
    return Prepared(step, operation, options)


def _check_step_inputs(
    step: RecipeStep, operation: Operation, known: Mapping[str, Offer], place: str
) -> None:
    by_name = {p.name: p for p in operation.inputs}
    for name, references in step.inputs.items():
        if name not in by_name:
            raise ArgumentError(f"{place}: {operation.name} has no input {name!r}.", nearest(name, by_name))
        for reference in references if isinstance(references, list) else [references]:
            _check_reference(reference, known, place)
            check_kind(by_name[name], reference, known[reference.partition(".")[0]], place)
    for parameter in operation.inputs:
        if parameter.required and parameter.name not in step.inputs:
            raise ArgumentError(f"{place}: the input {parameter.name} is missing.", parameter.description)


def _check_reference(reference: str, known: Collection[str], place: str) -> None:
    if reference.partition(".")[0] not in known:
        raise ArgumentError(
            f"{place}: found {reference!r}, which no input or earlier step is called.",
            nearest(reference, known),
        )


def _resolve(reference: str | list[str], values: Mapping[str, Any]) -> Any:
    if isinstance(reference, list):
        return [_lookup(one, values) for one in reference]
    return _lookup(reference, values)


def _lookup(reference: str, values: Mapping[str, Any]) -> Any:
    name, _, output = reference.partition(".")
    value = values[name]
    if not output:
        return value
    try:
        return value[int(output)] if output.isdigit() else getattr(value, output)
    except (AttributeError, IndexError, TypeError) as error:
        raise ArgumentError(f"The result of {name} has no part {output!r}.") from error


def _let_go(values: dict[str, Any], recipe: Recipe, taken: int) -> None:
    needed = {reference.partition(".")[0] for reference in recipe.kept}
    for step in recipe.steps[taken + 1 :]:
        for references in step.inputs.values():
            for reference in references if isinstance(references, list) else [references]:
                needed.add(reference.partition(".")[0])
    for name in [name for name in values if name not in needed]:
        del values[name]
