"""Values of another program that operations take in place of ours, and give back in its own form."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, Protocol, cast


class Host(Protocol):
    """What a module offers that knows another program's values."""

    def enter(self, guest: Any) -> Any:
        """Turn one of its values into an image, points or boxes."""

    def leave(self, result: Any, guest: Any, title: str) -> Any:
        """Turn what an operation of that title returned for a guest into its own kind of values."""


_hosts: dict[str, str] = {}


def receive(mark: str, module: str) -> None:
    """Say which module knows values that have a certain attribute; it is imported when one comes.

    Parameters
    ----------
    mark : str
        The attribute, for example ``"as_layer_data_tuple"``.
    module : str
        The dotted name of a module with the functions of :class:`Host`.
    """
    _hosts[mark] = module


def host_of(value: Any) -> Host | None:
    """Return the module that knows a value, or nothing where it is one of ours or nobody's."""
    for mark, module in _hosts.items():
        if hasattr(value, mark):
            return cast(Host, importlib.import_module(module))
    return None


def admit(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments with every guest among them, and in lists of them, turned into ours."""
    return {name: _admit(value) for name, value in arguments.items()}


def _admit(value: Any) -> Any:
    if isinstance(value, list | tuple) and any(host_of(item) for item in value):
        return [_admit(item) for item in value]
    host = host_of(value)
    return value if host is None else host.enter(value)
