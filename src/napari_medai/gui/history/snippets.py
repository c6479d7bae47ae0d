"""A plan written down as a Python script or as commands, to be pasted."""

from __future__ import annotations

import json
import shlex
from typing import Any

from napari_medai.core.image import MedicalImage
from napari_medai.core.landmarks import Landmarks
from napari_medai.core.operation import Operation
from napari_medai.core.parameter import Parameter
from napari_medai.gui.history.plan import Given, Plan, PlannedStep, Value, kind_taken

_SUFFIXES = {"points": ".csv", "transform": ".h5"}


def as_python(plan: Plan) -> str:
    """Write a plan as a script that ends with ``result``.

    Parameters
    ----------
    plan : Plan
        Sources that came from no file are named as one to be saved first.
    """
    lines = ["import napari_medai as medai"]
    sources = plan.sources.values()
    if any(g.place.sample and not g.place.path for g in sources):
        lines.append("from napari_medai.phantoms.samples import load_sample")
    if any(g.kind == "points" and not g.literal and not g.place.sample for g in sources):
        lines.append("from napari_medai.io.points import read_points")
    lines.append("")
    lines += [f"{variable} = {_reading(given)}" for variable, given in plan.sources.items()]
    lines += [_call(step) for step in plan.steps]
    return "\n".join(lines) + "\n"


def as_commands(plan: Plan) -> str:
    """Write a plan as commands, one a line; each writes a file that the next reads.

    Parameters
    ----------
    plan : Plan
        Sources that came from no file are named as one to be saved first.
    """
    lines = [_saving(given) for given in plan.sources.values() if not given.place.path]
    lines += [_command(step, plan) for step in plan.steps]
    return "\n".join(lines) + "\n"


def _saving(given: Given) -> str:
    if given.kind == "shapes":
        return f"# a command cannot take the boxes {given.name!r}: run this step in Python"
    return f"# first save {_noun(given)} {given.name!r} as {_file(given)}"


def _noun(given: Given) -> str:
    return "the transform" if given.kind == "transform" else "the layer"


def _reading(given: Given) -> str:
    place = given.place
    index = max(place.number - 1, 0)
    if given.literal:
        return given.literal
    if place.sample and not place.path:
        return f"load_sample({place.sample!r})[{index}]"
    path = place.path or _file(given)
    later = "" if place.path else f"  # save {_noun(given)} {given.name!r} under this name first"
    if given.kind == "points":
        return f"read_points({path!r}){later}"
    if given.kind == "transform":
        return f"medai.SpatialTransform.load({path!r}){later}"
    return f"medai.read({path!r})[{index}]{later}"


def _call(step: PlannedStep) -> str:
    operation = step.operation
    arguments = [_python(step.inputs[p.name]) for p in operation.inputs if _positional(p, step)]
    arguments += [
        f"{p.name}={_python(step.inputs[p.name])}"
        for p in operation.inputs
        if not _positional(p, step) and step.inputs.get(p.name)
    ]
    arguments += [f"{name}={value!r}" for name, value in step.options.items()]
    return f"{step.name} = medai.{operation.group}.{operation.name}({', '.join(arguments)})"


def _positional(parameter: Parameter, step: PlannedStep) -> bool:
    return parameter.required and step.inputs.get(parameter.name) is not None


def _python(value: Value) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_python, value))}]"
    variable, _, output = str(value).partition(".")
    return f"{variable}[{output}]" if output.isdigit() else str(value)


def _command(step: PlannedStep, plan: Plan) -> str:
    operation = step.operation
    words = ["napari-medai", operation.name.replace("_", "-")]
    several = sum(p.many for p in operation.inputs) > 1
    for parameter in operation.inputs:
        named = not parameter.required or (parameter.many and several)
        for value in _listed(step.inputs.get(parameter.name)):
            words += [_flag(parameter.name)] * named + [_path(value, plan)]
            given = plan.sources.get(value)
            if kind_taken(parameter) == "image" and given is not None and given.kind == "labels":
                words.append("--as-labels")
    for parameter in operation.options:
        if parameter.name in step.options:
            words += _option(parameter, step.options[parameter.name])
    return shlex.join([*words, "--output", step.name + _suffix(operation)])


def _listed(value: Value) -> list[str]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _path(value: str, plan: Plan) -> str:
    if value in plan.sources:
        given = plan.sources[value]
        place = given.place
        return f"{place.path or _file(given)}{f'#{place.number}' if place.number and place.path else ''}"
    step, _, output = value.partition(".")
    operation = next(s.operation for s in plan.steps if s.name == step)
    return f"{step}{f'_{output}' if output else ''}{_suffix(operation)}"


def _option(parameter: Parameter, value: Any) -> list[str]:
    flag = _flag(parameter.name)
    if parameter.types == (bool,) and not parameter.optional:
        return [flag if value else f"--no-{flag[2:]}"]
    return [flag, _word(value)]


def _word(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        flat = all(isinstance(v, (int, float, str)) for v in value)
        return ",".join(map(_word, value)) if flat else json.dumps(value)
    return json.dumps(value) if isinstance(value, dict) else str(value)


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _suffix(operation: Operation) -> str:
    """Return the suffix of the file a result goes to."""
    kind = operation.result_type
    if kind is Landmarks or hasattr(kind, "to_csv"):
        return ".csv"
    scalar = kind in (float, int, str, dict) or getattr(kind, "__origin__", None) is dict
    return ".json" if scalar and kind is not MedicalImage else ".nii.gz"


def _file(given: Given) -> str:
    kept = "".join(c if c.isalnum() or c in "-. " else "_" for c in given.name.replace(" · ", "-"))
    return f"{kept.strip() or 'image'}{_SUFFIXES.get(given.kind, '.nii.gz')}"
