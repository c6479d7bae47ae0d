"""How long work tells how far it is, and how it is stopped: every report is a point of cancellation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

from napari_medai.core.errors import Cancelled, Finish

if TYPE_CHECKING:
    from napari_medai.core.image import MedicalImage

__all__ = ["Cancelled", "Ending", "Finish", "Progress", "Step", "never", "part", "silent", "track"]

T = TypeVar("T")


@dataclass(frozen=True)
class Step:
    """One report: ``done`` of ``total`` units are finished; ``message`` says what goes on.

    Parameters
    ----------
    done, total : float
        How far the work is.
    message : str
        What goes on.
    values : mapping of float
        Numbers to be followed while the work goes on, by name: a likeness, a loss.
    preview : callable, optional
        Makes the picture of the result so far. It is called while the report is heard, or not at all;
        the same object stands for the same picture.
    """

    done: float
    total: float
    message: str = ""
    values: Mapping[str, float] = field(default_factory=dict)
    preview: Callable[[], MedicalImage] | None = None

    @property
    def fraction(self) -> float:
        """The finished share, between 0 and 1."""
        return min(max(self.done / self.total, 0.0), 1.0) if self.total > 0 else 0.0


Progress = Callable[[Step], None]
"""A reporter. It may raise :class:`Cancelled` to stop the caller, or :class:`Finish` to end it early."""


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
        done = start + (stop - start) * step.fraction
        progress(replace(step, done=done, total=1.0, message=step.message or message))

    return report


class Ending:
    """A reporter for work that can end early: the wish is remembered, and the work asks for it.

    Parameters
    ----------
    progress : Progress
        Hears every report; where it raises :class:`Finish` the work goes on to the next place at which
        it can end with what it has.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self.asked = False

    def __call__(self, step: Step) -> None:
        """Pass a report on."""
        try:
            self._progress(step)
        except Finish:
            self.asked = True

    def enough(self) -> bool:
        """Whether the work shall end."""
        return self.asked


def never() -> bool:
    """Work to the end."""
    return False
