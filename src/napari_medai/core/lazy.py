"""Public names that are imported when first asked for."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Callable, Mapping
from typing import Any

Getter = Callable[[str], Any]
Lister = Callable[[], list[str]]


def lazy_names(package: str, names: Mapping[str, str]) -> tuple[Getter, Lister]:
    """Make ``__getattr__`` and ``__dir__`` for a package that serves names from its modules.

    Parameters
    ----------
    package : str
        The package's ``__name__``.
    names : mapping
        From a public name to the module that defines it; a module's own name to itself serves the module.
    """

    def getter(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = importlib.import_module(names[name])
        value = module if names[name] == f"{package}.{name}" else getattr(module, name)
        setattr(sys.modules[package], name, value)
        return value

    return getter, lambda: sorted({*vars(sys.modules[package]), *names})


def lazy_operations(package: str) -> tuple[Getter, Lister]:
    """Make ``__getattr__`` and ``__dir__`` for a group: it serves each operation its modules declare."""

    def load() -> dict[str, Any]:
        from napari_medai.core.operation import registered

        import_modules(package)
        return {
            o.name: o.function
            for o in registered().values()
            if o.function.__module__.startswith(f"{package}.")
        }

    def getter(name: str) -> Any:
        operations = {} if name.startswith("_") else load()
        if name not in operations:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return operations[name]

    return getter, lambda: sorted({*vars(sys.modules[package]), *load()})


def import_modules(package: str) -> None:
    """Import every module below a package."""
    path = importlib.import_module(package).__path__
    for module in pkgutil.walk_packages(path, f"{package}."):
        importlib.import_module(module.name)
