"""A bar in napari's activity dock for work on the main thread."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from napari_medai.core.progress import Progress, Step

TICKS = 1000
_SECONDS_BETWEEN = 0.1


def new_bar(title: str) -> Any:
    """Add a bar of ``TICKS`` steps; whoever asks for it closes it.

    Parameters
    ----------
    title : str
        What the bar is called.
    """
    from napari.utils import progress

    return progress(total=TICKS, desc=title)


@contextmanager
def activity(title: str) -> Iterator[Progress]:
    """Yield a reporter that moves a bar at most ten times a second, and lets the viewer breathe then.

    Parameters
    ----------
    title : str
        What the bar is called.
    """
    bar = new_bar(title)
    last = time.monotonic()

    def report(step: Step) -> None:
        nonlocal last
        now = time.monotonic()
        ticks = int(step.fraction * TICKS) - bar.n
        if ticks > 0 and now - last >= _SECONDS_BETWEEN:
            last = now
            bar.update(ticks)

    try:
        yield report
    finally:
        bar.close()
