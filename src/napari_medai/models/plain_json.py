"""JSON of strangers: plain data of bounded size and depth, every key once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from napari_medai.core.errors import ModelError

MAX_DEPTH = 64


def parse_json(text: str | bytes, where: str, *, constants: bool = False) -> Any:
    """Read a JSON text.

    Parameters
    ----------
    text : str or bytes
        At most as long as its caller allows.
    where : str
        What error messages call it.
    constants : bool
        Whether ``NaN`` and ``Infinity`` may stand in it, which are no JSON.

    Raises
    ------
    ModelError
        If it is no JSON, a key stands twice in one place (readers differ in which one they take), or it is
        nested deeper than 64 levels.
    """
    constant = None if constants else _refuse_constant
    try:
        data = json.loads(text, parse_constant=constant, object_pairs_hook=_each_once)
        _check_depth(data)
    except (ValueError, RecursionError) as error:
        raise ModelError(
            f"{where} is not valid JSON: {error}.", hint="Get the model folder again."
        ) from error
    return data


def read_entries(path: Path, most: int) -> dict[str, Any]:
    """Read a JSON file that holds entries by name; ``NaN`` may be among them.

    Raises
    ------
    ModelError
        If it is missing, longer than ``most`` bytes, or as for :func:`parse_json`.
    """
    if not path.is_file() or path.stat().st_size > most:
        raise ModelError(f"{path} is missing or too long.")
    content = parse_json(path.read_bytes(), str(path), constants=True)
    if not isinstance(content, dict):
        raise ModelError(f"{path} holds no entries.")
    return content


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in found if names.count(name) > 1)
        raise ValueError(f"the entry {twice[:60]!r} stands twice in one place")
    return found


def _check_depth(data: Any) -> None:
    level = [data]
    for _ in range(MAX_DEPTH):
        level = [inner for one in level for inner in _within(one)]
        if not level:
            return
    raise ValueError(f"it is nested deeper than {MAX_DEPTH} levels")


def _within(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")
