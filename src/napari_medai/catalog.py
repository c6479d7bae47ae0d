"""Every operation the package declares, found by looking through its groups."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec

from napari_medai.core.errors import ArgumentError
from napari_medai.core.lazy import import_modules
from napari_medai.core.operation import Operation, registered

GROUPS = ("explore", "preprocess", "register", "segment", "landmarks", "explain", "train", "measure")


@cache
def _load() -> None:
    for group in GROUPS:
        if find_spec(f"napari_medai.{group}") is not None:
            import_modules(f"napari_medai.{group}")


def operations() -> Mapping[str, Operation]:
    """Return every operation by name."""
    _load()
    return registered()


def find(name: str) -> Operation:
    """Return one operation.

    Raises
    ------
    ArgumentError
        If there is none of that name; the nearest known name is given.
    """
    known = operations()
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
        raise ArgumentError(
            f"There is no operation {name!r}.",
            hint=f"Did you mean {close[0]}?" if close else "napari-medai list shows all of them.",
        )
    return known[name]


def of_group(group: str) -> tuple[Operation, ...]:
    """Return the operations of one group, by title."""
    return tuple(sorted((o for o in operations().values() if o.group == group), key=lambda o: o.title))
