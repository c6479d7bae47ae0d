"""The reference page of an operation, written from its declaration as Markdown."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from typing import Any

from napari_medai.core.operation import Operation
from napari_medai.core.parameter import Parameter


def group_page(group: str, operations: Iterable[Operation]) -> str:
    """Return the page of a group: its operations in a list, then one section each.

    Parameters
    ----------
    group : str
        The package they belong to.
    operations : iterable of Operation
        In the order they shall stand.
    """
    every = list(operations)
    contents = "\n".join(f"- [{o.title}](#{o.name})" for o in every)
    head = f"# Reference: {group}\nMade from the declarations by `scripts/make_reference.py`.\n\n{contents}\n"
    return "\n".join([head, *map(operation_page, every)])


def operation_page(operation: Operation) -> str:
    """Return one operation's section; its heading is the operation's name.

    Parameters
    ----------
    operation : Operation
        Its docstring is parsed as numpydoc.
    """
    said = _parsed(operation)
    parts = [f"## {operation.name}", f"**{operation.title}.** {_plain(operation.summary)}"]
    parts += [_plain(operation.description)] if operation.description else []
    parts += [_table("Input", operation.inputs), _table("Setting", operation.options)]
    if said.returns and said.returns.description:
        parts.append(f"*Result.* {_plain(said.returns.description)}")
    parts += [f"*Refused.* {_plain(r.description)}" for r in said.raises if r.description]
    parts += [
        f"*Source.* {_plain(m.description)}"
        for m in said.meta
        if m.args and m.args[0] == "references" and m.description
    ]
    parts += [f"```text\n{_call(operation)}\n{_command(operation)}\n```"]
    return "\n\n".join(filter(None, parts)) + "\n"


def _parsed(operation: Operation) -> Any:
    from docstring_parser import DocstringStyle, parse

    return parse(inspect.getdoc(operation.function) or "", DocstringStyle.NUMPYDOC)


def _table(title: str, parameters: Iterable[Parameter]) -> str:
    rows = [f"| `{p.name}` | {_cell(_values(p))} | {_cell(p.description)} |" for p in parameters]
    return "\n".join([f"| {title} | Value | What it is |", "|---|---|---|", *rows]) if rows else ""


def _values(parameter: Parameter) -> str:
    """Say what a parameter takes: its default, its choices, its limits, its unit."""
    if parameter.is_input:
        kind = parameter.image_kind or (parameter.input_type.__name__ if parameter.input_type else "")
        words = [f"several: {kind}" if parameter.many else kind]
    else:
        words = [] if parameter.required else [f"`{parameter.default!r}`"]
        words += [" or ".join(f"`{c}`" for c in parameter.choices)] if parameter.choices else []
        words += [_limits(parameter)]
        words += [parameter.unit]
    if parameter.when is not None:
        chosen = " or ".join(f"`{v}`" for v in parameter.when.values)
        words += [f"with `{parameter.when.option}` {chosen}"]
    words += ["required"] if parameter.required and not parameter.is_input else []
    words += ["may be left out"] if parameter.is_input and not parameter.required else []
    return ", ".join(filter(None, words))


def _limits(parameter: Parameter) -> str:
    low, high = parameter.minimum, parameter.maximum
    below = "" if low is None else f"{'>' if parameter.excludes_minimum else '≥'} {low:g}"
    above = "" if high is None else f"{'<' if parameter.excludes_maximum else '≤'} {high:g}"
    return " and ".join(filter(None, (below, above)))


def _call(operation: Operation) -> str:
    given = [p.name for p in operation.inputs if p.required]
    given += [f"{p.name}={p.default!r}" for p in operation.options if not p.required and not p.advanced]
    given += [f"{p.name}=..." for p in operation.options if p.required]
    return f"medai.{operation.group}.{operation.name}({', '.join(given)})"


def _command(operation: Operation) -> str:
    return f"napari-medai {operation.name.replace('_', '-')} --help"


def _plain(text: str | None) -> str:
    """Return reST as Markdown; blocks that are indented (formulas, lists) keep their lines."""
    marked = re.sub(r":\w+:`~?([^`<]+?)`", r"`\1`", text or "").replace("``", "`")
    return "\n\n".join(block.strip("\n") for block in re.split(r"\n{2,}", marked))


def _cell(text: str) -> str:
    return " ".join(_plain(text).split()).replace("|", "\\|")
