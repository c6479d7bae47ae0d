"""Bars in napari's activity dock, and work that must end before napari goes on."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any, TypeVar

from napari_medai.core.progress import Progress, Step, silent

TICKS = 1000
_PAUSE_S = 0.03

T = TypeVar("T")


def new_bar(title: str) -> Any:
    """Add a bar of ``TICKS`` steps; whoever asks for it closes it.

    Parameters
    ----------
    title : str
        What the bar is called.
    """
    from napari.utils import progress

    return progress(total=TICKS, desc=title)


def wait_for(work: Callable[[Progress], T], title: str) -> T:
    """Do work in another thread and wait for it, while windows are drawn and a bar moves.

    Readers and samples must return their layers to napari, so they cannot run behind its back. Clicks
    and keys wait until the end.

    Parameters
    ----------
    work : callable
        Called with a progress reporter.
    title : str
        What the bar is called.
    """
    from qtpy.QtCore import QEventLoop, QThread
    from qtpy.QtWidgets import QApplication

    app = QApplication.instance()
    if app is None or QThread.currentThread() is not app.thread():
        return work(silent)
    latest = Step(0, 0)

    def report(step: Step) -> None:
        nonlocal latest
        latest = step

    bar = new_bar(title)
    try:
        with ThreadPoolExecutor(1) as pool:
            future = pool.submit(work, report)
            while not future.done():
                app.processEvents(QEventLoop.ProcessEventsFlag.ExcludeUserInputEvents)
                move(bar, latest)
                wait([future], timeout=_PAUSE_S)
            return future.result()
    finally:
        bar.close()


def move(bar: Any, step: Step) -> None:
    """Bring a bar to where a report says the work is; never back. napari lets events in meanwhile."""
    ticks = int(step.fraction * TICKS) - bar.n
    if ticks > 0:
        bar.update(ticks)
