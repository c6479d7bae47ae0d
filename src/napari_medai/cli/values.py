"""Options of an operation as words on the command line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, get_origin

from napari_medai.core.errors import ArgumentError
from napari_medai.core.parameter import Parameter


def parse(parameter: Parameter, text: str | bool) -> Any:
    """Turn a word into a value for an option; the operation itself checks it.

    Parameters
    ----------
    parameter : Parameter
        The option.
    text : str or bool
        ``"none"`` where nothing is a value, ``"1,1,2.5"`` for a sequence, JSON for anything deeper; a
        switch comes as what it is.

    Raises
    ------
    ArgumentError
        If it begins like JSON and is none.
    """
    if isinstance(text, bool):
        return text
    if parameter.optional and text.lower() == "none":
        return None
    named = {str(choice): choice for choice in parameter.choices}
    if text in named:
        return named[text]
    if text.startswith(("[", "{")):
        return _json(parameter, text)
    if takes_sequence(parameter):
        return [_number_or_text(word.strip()) for word in text.split(",") if word.strip()]
    return _number_or_text(text) if any(t in (int, float) for t in parameter.types) else text


def as_word(value: Any) -> str:
    """Write an option's value as :func:`parse` reads it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Sequence) and not isinstance(value, str):
        flat = all(not isinstance(v, (Sequence, dict)) or isinstance(v, str) for v in value)
        return ",".join(map(str, value)) if flat else json.dumps(value)
    return json.dumps(value) if isinstance(value, dict) else str(value)


def takes_sequence(parameter: Parameter) -> bool:
    """Whether the option holds several values."""
    return any(
        get_origin(t) in (tuple, list, set, frozenset) or get_origin(t) is Sequence for t in parameter.types
    )


def _number_or_text(word: str) -> Any:
    for kind in (int, float):
        try:
            return kind(word)
        except ValueError:
            continue
    return word


def _json(parameter: Parameter, text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ArgumentError(f"{parameter.name}: found {text!r}, which is not JSON: {error.msg}.") from error
