"""How far a device that works on its own may be behind: a few passes, so that a cancel is soon the end."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from napari_medai.models.listen import pause

if TYPE_CHECKING:
    import torch

Forward = Callable[["torch.Tensor"], "torch.Tensor"]

MOST = 2
"""Passes of a network that a device has been given and has not done."""
LOOK_S = 0.0002


class Mark(Protocol):
    """A place in a device's queue."""

    def query(self) -> bool:
        """Whether the device has come to it."""


class Flight:
    """Counts what a device has been given, and waits where that is too much.

    A call to a GPU comes back before its work is done. Without a bound, minutes of work could stand in its
    queue when the caller is stopped, and nothing takes work out of that queue.

    Parameters
    ----------
    place : torch.device
        The device.
    """

    def __init__(self, place: torch.device) -> None:
        self._place = place
        self._marks: deque[Mark] = deque()

    def launched(self) -> None:
        """Say that a pass was given; wait until the device has at most two left, stopped where asked."""
        self._marks.append(mark(self._place))
        while len(self._marks) > MOST:
            wait_for(self._marks.popleft())


def bounded(forward: Forward, place: torch.device) -> Forward:
    """Let a network's passes queue up on a device only so far."""
    flight = Flight(place)

    def given(windows: torch.Tensor) -> torch.Tensor:
        scores = forward(windows)
        flight.launched()
        return scores

    return given


def arrived(place: torch.device) -> None:
    """Wait until a device has done all it was given, stopped where asked."""
    if place.type != "cpu":
        wait_for(mark(place))


def wait_for(reached: Mark) -> None:
    """Wait for a place in a queue, listening."""
    while not reached.query():
        pause()
        time.sleep(LOOK_S)


def mark(place: torch.device) -> Mark:
    """Mark the end of a device's queue."""
    import torch

    if place.type != "cuda":
        return _Waited()
    event: Any = torch.cuda.Event()  # type: ignore[no-untyped-call]
    event.record(torch.cuda.current_stream(place))
    return event  # type: ignore[no-any-return]


class _Waited:
    """Apple's queue, which has no marks that all versions of torch know: waits for all of it, few passes."""

    def query(self) -> bool:
        import torch

        torch.mps.synchronize()
        return True
