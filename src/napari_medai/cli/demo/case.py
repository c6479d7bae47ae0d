"""What the demo has to show of one case."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from napari_medai.cli.demo.pictures import Picture
from napari_medai.core.history import Record


@dataclass(frozen=True)
class Score:
    """Overlap with the truth of one structure: the model's and the trivial method's Dice, 0 to 1."""

    name: str
    label: int
    dice: float
    baseline: float


@dataclass(frozen=True)
class Timing:
    """Wall time of one step."""

    name: str
    seconds: float


@dataclass(frozen=True)
class Case:
    """One case of the report.

    Parameters
    ----------
    key : str
        For links: ``"ct"``.
    title, story : str
        What it is and what was done, in words.
    facts : sequence of (name, value)
        About the input.
    pictures : sequence of Picture
        Left to right.
    legend : mapping
        Label number to name.
    scores : sequence of Score
        Empty where nobody knows the truth.
    score_note : str
        How to read the scores, or why there are none.
    known : sequence of (name, value)
        Figures of the model elsewhere.
    table : pandas.DataFrame
        One row a region.
    timings : sequence of Timing
        In order.
    history : sequence of Record
        How the result was made.
    files : sequence of str
        Names of what was written, beside the report.
    notices : sequence of str
        What a person must know of the input.
    """

    key: str
    title: str
    story: str
    facts: Sequence[tuple[str, str]]
    pictures: Sequence[Picture]
    legend: dict[int, str]
    scores: Sequence[Score]
    score_note: str
    table: Any
    timings: Sequence[Timing]
    history: Sequence[Record]
    files: Sequence[str]
    notices: Sequence[str] = ()
    known: Sequence[tuple[str, str]] = ()

    @property
    def seconds(self) -> float:
        """Time of all steps."""
        return sum(t.seconds for t in self.timings)


@dataclass
class Clock:
    """Times the steps of a case and says each as it begins."""

    say: Callable[[str], None]
    timings: list[Timing] = field(default_factory=list)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time what happens inside."""
        self.say(name)
        start = time.perf_counter()
        yield
        self.timings.append(Timing(name, time.perf_counter() - start))
