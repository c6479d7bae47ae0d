"""One field of a form: a widget, and how its value is read and set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from qtpy.QtWidgets import QWidget


@dataclass(frozen=True)
class Field:
    """A widget, how its value is read and set, and the signal of a choice on which others may depend."""

    widget: QWidget
    get: Callable[[], Any]
    set: Callable[[Any], None]
    changed: Any = None
