"""The settings each operation was last run with, kept from one session to the next."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qtpy.QtCore import QSettings

from napari_medai.core.errors import ArgumentError
from napari_medai.core.operation import Operation
from napari_medai.core.parameter import Parameter

_STORE = ("napari-medai", "panels")
_GROUP = "operations"


class Remembered:
    """What was chosen last, by operation.

    Kept in a settings file of the user's own, ``napari-medai/panels.ini``. What names a place on the disk is
    kept for the session only: it may tell who the patient is.
    """

    def __init__(self) -> None:
        self._session: dict[str, dict[str, Any]] = {}

    def values(self, operation: Operation) -> dict[str, Any]:
        """Return the values of the operation's options that are remembered; others are not in it.

        Parameters
        ----------
        operation : Operation
            A value that it would not take any more is left out.
        """
        stored = _read(operation.name)
        found: dict[str, Any] = {}
        for parameter in operation.options:
            if parameter.name in stored and _fits(parameter, stored[parameter.name]):
                found[parameter.name] = _as_value(stored[parameter.name])
        return found | self._session.get(operation.name, {})

    def keep(self, operation: Operation, values: Mapping[str, Any]) -> None:
        """Remember the values of an operation's options.

        Parameters
        ----------
        operation : Operation
            Which.
        values : mapping
            All of its options, as its form gives them.
        """
        self._session[operation.name] = dict(values)
        chosen = {
            p.name: values[p.name]
            for p in operation.options
            if p.name in values and not _names_a_place(values[p.name]) and values[p.name] != p.default
        }
        _write(operation.name, chosen)

    def forget(self, operation: Operation | None = None) -> None:
        """Forget an operation's values, or those of all."""
        if operation is None:
            self._session.clear()
            _store().remove(_GROUP)
        else:
            self._session.pop(operation.name, None)
            _store().remove(f"{_GROUP}/{operation.name}")

    def end_session(self) -> None:
        """Forget what is kept for the session only, as closing the viewer does."""
        self._session.clear()


def _store() -> QSettings:
    return QSettings(QSettings.Format.IniFormat, QSettings.Scope.UserScope, *_STORE)


def _read(name: str) -> dict[str, Any]:
    """Return what is stored; a file that somebody else has edited may hold anything."""
    text = _store().value(f"{_GROUP}/{name}", "")
    try:
        stored = json.loads(text) if isinstance(text, str) and text else {}
    except json.JSONDecodeError:
        return {}
    return stored if isinstance(stored, dict) else {}


def _write(name: str, values: Mapping[str, Any]) -> None:
    store = _store()
    if values:
        store.setValue(f"{_GROUP}/{name}", json.dumps(values))
    else:
        store.remove(f"{_GROUP}/{name}")
    store.sync()


def _fits(parameter: Parameter, value: Any) -> bool:
    """Tell whether an option would take a stored value; a model's name is looked up when it is used."""
    if any(getattr(t, "__module__", "").startswith("napari_medai.") for t in parameter.types):
        return isinstance(value, str)
    try:
        parameter.validate(_as_value(value))
    except ArgumentError:
        return False
    return True


def _as_value(stored: Any) -> Any:
    return tuple(map(_as_value, stored)) if isinstance(stored, list) else stored


def _names_a_place(value: Any) -> bool:
    if isinstance(value, str):
        return "/" in value or "\\" in value
    plain = value is None or isinstance(value, (bool, int, float, tuple, list))
    return isinstance(value, Path) or not plain


REMEMBERED = Remembered()
"""That of this process; all panels share it."""
