"""How far a training is, by its steps and by its time budget, whichever is further."""

from __future__ import annotations

import time

from napari_medai.train.processes import slowest
from napari_medai.train.settings import LoopSettings


class Clock:
    """The time a training has taken, earlier sittings included.

    Parameters
    ----------
    settings : LoopSettings
        Its epochs, steps and minutes.
    world : int
        How many processes train together; the slowest one's time counts.
    """

    def __init__(self, settings: LoopSettings, world: int) -> None:
        self.before = 0.0
        """Seconds of earlier sittings."""
        self.total = settings.epochs * settings.steps
        """Steps at most."""
        self._minutes, self._world = settings.minutes, world
        self._started = time.monotonic()

    def seconds(self) -> float:
        """Return how long the training has taken."""
        return self.before + time.monotonic() - self._started

    def share_of_time(self) -> float:
        """Return how much of the time budget is spent, 0 where there is none; 1 and more: all of it."""
        return slowest(self.seconds() / (60 * self._minutes), self._world) if self._minutes else 0.0

    def is_up(self) -> bool:
        """Tell whether the time budget is spent."""
        return self.share_of_time() >= 1

    def share_done(self, step: int) -> float:
        """Return how much of the training is done after a step."""
        return max(step / self.total, self.share_of_time())
