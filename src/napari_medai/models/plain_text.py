"""Texts of strangers: nothing in them that commands a terminal or turns the order of what is read."""

from __future__ import annotations

import unicodedata

_KEPT = "\n\t"
_COMMANDS = ("Cc", "Cf", "Cs", "Co", "Cn")
"""Unicode's categories of control, formatting (as right-to-left overrides), surrogate and unassigned."""


def without_commands(text: str) -> str:
    """Leave out characters that are not seen but act."""
    return "".join(c for c in text if c in _KEPT or unicodedata.category(c) not in _COMMANDS)


def require_plain(text: str) -> str:
    """Return a text as it is.

    Raises
    ------
    ValueError
        If it holds characters that are not seen but act.
    """
    if without_commands(text) != text:
        raise ValueError("holds control or formatting characters that cannot be seen")
    return text
