"""The errors a person is meant to read: what was found, what was needed, what to do."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_medai.core.geometry import Geometry


class MedAIError(Exception):
    """An error with a remedy.

    Parameters
    ----------
    message : str
        What was found and what was needed.
    hint : str
        What the person can do about it. May be empty.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class GeometryError(MedAIError):
    """A grid, an affine or a pair of grids that cannot be right."""


class GridError(GeometryError):
    """Two images that have to lie on one grid and do not.

    Parameters
    ----------
    message, hint : str
        As of :class:`MedAIError`.
    wanted, found : Geometry
        The grid that is needed, and the one on which the other image lies.
    """

    def __init__(self, message: str, hint: str, *, wanted: Geometry, found: Geometry) -> None:
        super().__init__(message, hint)
        self.wanted, self.found = wanted, found

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel between processes with both grids."""
        make = partial(GridError, wanted=self.wanted, found=self.found)
        return make, (self.message, self.hint)


class ReadError(MedAIError):
    """A file that cannot be read, or cannot be read without guessing."""


class WriteError(MedAIError):
    """A result that cannot be written as asked."""


class ModelError(MedAIError):
    """A model folder that is damaged, unknown or unfit for the image."""


class ArgumentError(MedAIError):
    """An argument of an operation that is missing, of the wrong kind or out of range."""


class Cancelled(Exception):  # noqa: N818 - a stop asked for by a person is not an error
    """Raised by a progress reporter to stop the work under way."""


class Finish(Cancelled):
    """Raised by a progress reporter to end the work early with what it has; what cannot do so is stopped."""
