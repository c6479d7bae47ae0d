"""How long work tells how far it is, and how it is stopped: every report is a point of cancellation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sized
from dataclasses import dataclass
from typing import TypeVar

from napari_medai.core.errors import Cancelled

__all__ = ["Cancelled", "Progress", "Step", "part", "silent", "track"]

T = TypeVar("T")


@dataclass(frozen=True)
class Step:
    """One report: ``done`` of ``total`` units are finished; ``message`` says what goes on."""

    done: float
    total: float
    message: str = ""

    @property
    def fraction(self) -> float:
        """The finished share, between 0 and 1."""
        return min(max(self.done / self.total, 0.0), 1.0) if self.total > 0 else 0.0


Progress = Callable[[Step], None]
"""A reporter. It may raise :class:`Cancelled` to stop the caller."""


def silent(step: Step) -> None:
    """Report nothing and never cancel."""


def track(
    iterable: Iterable[T], progress: Progress, message: str = "", total: float | None = None
) -> Iterator[T]:
    """Yield the items of ``iterable``, reporting before each one and once at the end.

    Parameters
    ----------
    iterable : iterable
        The things to go through.
    progress : Progress
        The reporter; what it raises stops the loop.
    message : str
        Said with every report.
    total : float, optional
        The number of items, where ``iterable`` has no length.
    """
    if total is None:
        if not isinstance(iterable, Sized):
            iterable = list(iterable)
        total = len(iterable)
    done = 0
    for item in iterable:
        progress(Step(done, total, message))
        yield item
        done += 1
    progress(Step(done, total, message))


def part(progress: Progress, start: float, stop: float, message: str = "") -> Progress:
    """Make a reporter for one stretch of a longer job.

    Parameters
    ----------
    progress : Progress
        The reporter of the whole job; it hears fractions with a total of 1.
    start, stop : float
        The share of the whole at which this stretch begins and ends, 0 to 1.
    message : str
        Said where the inner step says nothing.
    """

    def report(step: Step) -> None:
        progress(Step(start + (stop - start) * step.fraction, 1.0, step.message or message))

    return report
