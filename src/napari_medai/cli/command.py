"""An operation as a sub-command: arguments, options and help from its signature and docstring."""

from __future__ import annotations

import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import click

from napari_medai.cli import inputs, outputs
from napari_medai.cli.progress import Bar
from napari_medai.cli.values import as_word, parse, takes_sequence
from napari_medai.core.image import MedicalImage
from napari_medai.core.operation import Operation
from napari_medai.core.parameter import Parameter
from napari_medai.recipe.results import parts_of


def command_of(operation: Operation) -> click.Command:
    """Make the sub-command of an operation.

    Parameters
    ----------
    operation : Operation
        Its inputs become arguments, those with a default ``--input PATH``, its options ``--option VALUE``.
    """
    named = _named_inputs(operation)
    entries: list[click.Parameter] = [_argument(p) for p in operation.inputs if p not in named]
    entries += [_output_option(operation)]
    entries += [_input_option(p) for p in named]
    entries += [_option(p) for p in operation.options]
    if any(p.input_type is MedicalImage and p.image_kind is None for p in operation.inputs):
        entries.append(_as_labels_option())
    entries.append(click.Option(["--force"], is_flag=True, help="Replace files that exist."))
    return click.Command(
        operation.name.replace("_", "-"),
        params=entries,
        callback=partial(run, operation),
        help=f"{operation.summary}\n\n{operation.description}".replace("``", ""),
        context_settings={"token_normalize_func": lambda word: word.replace("_", "-")},
    )


def run(
    operation: Operation,
    output: Path | None = None,
    force: bool = False,
    as_labels: bool = False,
    **given: Any,
) -> None:
    """Read the inputs, take the step, write the result.

    Parameters
    ----------
    operation : Operation
        What to do.
    output : Path, optional
        Where the result goes; text results are printed without it.
    force : bool
        Whether existing files may be replaced.
    as_labels : bool
        Whether inputs of either kind are read as labels.
    **given
        Words from the command line by parameter name; ``None`` where nothing was said.
    """
    start = time.perf_counter()
    if output is not None:
        outputs.check_free(operation, output, force)
    said = {name: value for name, value in given.items() if value not in (None, ())}
    options = {p.name: parse(p, said[p.name]) for p in operation.options if p.name in said}
    for name, value in options.items():
        _parameter(operation, name).validate(value)
        _say_terms(_parameter(operation, name), value)
    data = {p.name: _read(p, said[p.name], as_labels) for p in operation.inputs if p.name in said}
    notices: set[str] = set()
    inputs.say_notices(_flat(data.values()), notices)
    with Bar(operation.title) as bar:
        progress = {"progress": bar} if operation.reports_progress else {}
        result = operation.function(**data, **options, **progress)
        _deliver(result, output, force, start)
    inputs.say_notices(list(parts_of(result).values()), notices)


def _say_terms(parameter: Parameter, value: Any) -> None:
    """Say licence and citation before a model's first use."""
    if any(getattr(t, "__module__", "").startswith("napari_medai.models") for t in parameter.types):
        from napari_medai.models.notice import first_notice

        notice = first_notice(str(value))
        if notice:
            click.echo(notice, err=True)


def _deliver(result: Any, output: Path | None, force: bool, start: float) -> None:
    if output is None:
        click.echo(outputs.as_text(result))
        return
    written = outputs.write_result(result, output, force=force)
    if sys.stderr.isatty():
        names = ", ".join(str(p) for p in written)
        click.echo(f"\r\x1b[Kwrote {names} in {time.perf_counter() - start:.1f} s", err=True)


def _read(parameter: Parameter, spec: Any, as_labels: bool) -> Any:
    if isinstance(spec, tuple):
        return [inputs.read_input(parameter, one, as_labels=as_labels) for one in spec]
    return inputs.read_input(parameter, spec, as_labels=as_labels)


def _named_inputs(operation: Operation) -> list[Parameter]:
    """Return the inputs that are given by name: those that may be left out, and several of many files."""
    several = sum(p.many for p in operation.inputs) > 1
    return [p for p in operation.inputs if not p.required or (p.many and several)]


def _argument(parameter: Parameter) -> click.Argument:
    many = parameter.many
    metavar = parameter.name.upper().replace("_", "-") + ("..." if many else "")
    return click.Argument([parameter.name], nargs=-1 if many else 1, required=True, metavar=metavar)


def _input_option(parameter: Parameter) -> click.Option:
    return click.Option(
        [_flag(parameter), parameter.name],
        multiple=parameter.many,
        required=parameter.required,
        metavar="PATH",
        help=_help(parameter),
    )


def _output_option(operation: Operation) -> click.Option:
    required = outputs.needs_file(operation)
    rest = "the suffix says the format." if required else "printed if not given."
    return click.Option(
        ["-o", "--output"],
        required=required,
        type=click.Path(path_type=Path),
        help=f"Where the result goes; {rest}",
    )


def _as_labels_option() -> click.Option:
    return click.Option(
        ["--as-labels"], is_flag=True, help="Read the input as a labels image, not intensities."
    )


def _option(parameter: Parameter) -> click.Option:
    flag = _flag(parameter)
    if parameter.types == (bool,) and not parameter.optional:
        return click.Option([f"{flag}/--no-{flag[2:]}", parameter.name], default=None, help=_help(parameter))
    return click.Option(
        [flag, parameter.name],
        required=parameter.required,
        metavar=_metavar(parameter),
        help=_help(parameter),
    )


def _flag(parameter: Parameter) -> str:
    return f"--{parameter.name.replace('_', '-')}"


def _metavar(parameter: Parameter) -> str:
    if parameter.choices:
        return "|".join(map(str, parameter.choices))
    if takes_sequence(parameter):
        return "N,N,..."
    words: dict[Any, str] = {float: "NUMBER", int: "INTEGER", bool: "true|false"}
    return words.get(parameter.value_type, "TEXT")


def _help(parameter: Parameter) -> str:
    facts = [_range(parameter), _condition(parameter)]
    if not parameter.required and parameter.default is not None:
        facts.append(f"default: {as_word(parameter.default)}")
    brackets = "; ".join(fact for fact in facts if fact)
    return f"{parameter.description.replace('``', '')}{f'  [{brackets}]' if brackets else ''}"


def _condition(parameter: Parameter) -> str:
    if parameter.when is None:
        return ""
    return (
        f"with --{parameter.when.option.replace('_', '-')} {' or '.join(map(as_word, parameter.when.values))}"
    )


def _range(parameter: Parameter) -> str:
    low, high = parameter.minimum, parameter.maximum
    above = ">" if parameter.excludes_minimum else ">="
    below = "<" if parameter.excludes_maximum else "<="
    parts = [f"{above} {low:g}" if low is not None else "", f"{below} {high:g}" if high is not None else ""]
    bounds = ", ".join(part for part in parts if part)
    return f"{bounds} {parameter.unit}".rstrip() if bounds else ""


def _parameter(operation: Operation, name: str) -> Parameter:
    return next(p for p in operation.parameters if p.name == name)


def _flat(values: Any) -> list[Any]:
    return [v for value in values for v in (value if isinstance(value, list) else [value])]
