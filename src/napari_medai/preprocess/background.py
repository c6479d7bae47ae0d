"""Long library calls that cannot be interrupted, run so that their caller can be."""

from __future__ import annotations

import atexit
import os
import sys
import time
from collections.abc import Callable
from threading import Thread
from typing import TypeVar

from napari_medai.core.progress import Progress, Step

T = TypeVar("T")

POLL_S = 0.1
GRACE_S = 3.0
STOPPED = 130
"""How a process ends that was told to stop, as shells have it for Ctrl-C."""
_LEFT: list[Thread] = []
"""Threads of calls that nobody waits for any more."""


def in_background(
    function: Callable[[], T], progress: Progress, message: str = "", share: Callable[[], float] = lambda: 0.0
) -> T:
    """Call a function in a thread of its own and report until it is done.

    When the reporter raises, that is raised at once. The call ends by itself later; nobody sees its
    result. Only for functions that change nothing but what they return.

    Parameters
    ----------
    function : callable
        What to call. It must let other threads run, as NumPy, SciPy and SimpleITK do.
    progress : Progress
        Hears one report before the call, then ten a second.
    message : str
        What the reports say.
    share : callable
        How much is done, 0 to 1.

    Returns
    -------
    object
        What the function returns; what it raises is raised here.
    """
    progress(Step(0, 1, message))
    results: list[T] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            results.append(function())
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            errors.append(error)

    thread = Thread(target=work, name="napari-medai", daemon=True)
    thread.start()
    try:
        thread.join(POLL_S)
        while thread.is_alive():
            progress(Step(share(), 1, message))
            thread.join(POLL_S)
    except BaseException:
        _LEFT.append(thread)
        raise
    if errors:
        raise errors[0]
    progress(Step(1, 1, message))
    return results[0]


@atexit.register
def _let_end() -> None:
    """Wait a moment for calls that were left; then end without them.

    A call that comes back to a Python that is being taken down crashes it.
    """
    limit = time.monotonic() + GRACE_S
    for thread in _LEFT:
        thread.join(max(0.0, limit - time.monotonic()))
    if any(thread.is_alive() for thread in _LEFT):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(STOPPED)
