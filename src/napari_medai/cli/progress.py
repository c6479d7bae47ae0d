"""A progress bar on a terminal, silence in a pipe, and Ctrl-C that stops the step under way."""

from __future__ import annotations

import signal
import sys
import threading
import time
from types import FrameType, TracebackType
from typing import Any, TextIO

from napari_medai.core.progress import Cancelled, Step

_WIDTH = 24
_EVERY_S = 0.1


class Bar:
    """Hears the reports of one command; use as a context.

    Within it the first Ctrl-C lets the step end at its next report, the second at once.

    Parameters
    ----------
    title : str
        What stands before the bar.
    stream : file, optional
        Where it is drawn: the error stream by default. Nothing is drawn unless that is a terminal.
    """

    def __init__(self, title: str, stream: TextIO | None = None) -> None:
        self.title = title
        self._stream = stream or sys.stderr
        self._shown = self._stream.isatty()
        self._stop = False
        self._drawn = 0.0
        self._start = time.monotonic()
        self._previous: Any = None

    def __call__(self, step: Step) -> None:
        if self._stop:
            raise Cancelled
        now = time.monotonic()
        if self._shown and now - self._drawn >= _EVERY_S:
            self._drawn = now
            self._stream.write(f"\r\x1b[K{self._line(step, now - self._start)}")
            self._stream.flush()

    def __enter__(self) -> Bar:
        if threading.current_thread() is threading.main_thread():
            self._previous = signal.signal(signal.SIGINT, self._interrupt)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)
        self.clear()

    def clear(self) -> None:
        """Wipe the line, so that something else can be said."""
        if self._shown and self._drawn:
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        if self._stop:
            raise KeyboardInterrupt
        self._stop = True

    def _line(self, step: Step, elapsed: float) -> str:
        filled = round(_WIDTH * step.fraction)
        bar = "█" * filled + "░" * (_WIDTH - filled)
        left = f"  {_clock(elapsed / step.fraction - elapsed)} left" if step.fraction > 0.02 else ""
        return f"{self.title}  {bar} {step.fraction:4.0%}{left}  {step.message}"[:110]


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
