"""Where a network at work hears that it shall stop: between its layers, not between windows alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, TypeVar

from napari_medai.core.progress import Progress, Step

if TYPE_CHECKING:
    import torch

T = TypeVar("T")

EVERY_S = 0.1
"""How often a network at work listens."""


class Listener:
    """Says the last report again while the work it was about goes on.

    Parameters
    ----------
    progress : Progress
        Hears every report; it stops the work by raising.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._step = Step(0, 1, "Predicting")
        self._outer = _current.get()
        self._last = time.monotonic()

    def report(self, step: Step) -> None:
        """Pass a report on, and keep it."""
        self._step = step
        self.again()

    def again(self) -> None:
        """Say the last report again."""
        self._last = time.monotonic()
        self._progress(self._step)
        if self._outer is not None:
            self._outer.now_and_then()

    def now_and_then(self) -> None:
        """Say it again where that was some time ago."""
        if time.monotonic() - self._last > EVERY_S:
            self.again()


_current: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextmanager
def listening(progress: Progress) -> Iterator[Listener]:
    """Let networks of this thread be stopped by a reporter for a while."""
    listener = Listener(progress)
    token = _current.set(listener)
    try:
        yield listener
    finally:
        _current.reset(token)


def pause() -> None:
    """Give the reporter a chance to stop the work; for places that come by often."""
    listener = _current.get()
    if listener is not None:
        listener.now_and_then()


def breathe() -> None:
    """Report; for places that come by seldom."""
    listener = _current.get()
    if listener is not None:
        listener.again()


@contextmanager
def between_layers(network: torch.nn.Module) -> Iterator[None]:
    """Let a network pause before each of its layers; afterwards it is as before."""
    if _current.get() is None:
        yield
        return
    layers = [module for module in network.modules() if not any(True for _ in module.children())]
    hooks = [layer.register_forward_pre_hook(lambda *_: pause()) for layer in layers]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


class Aside:
    """A thread for work that cannot be interrupted from within; its caller listens meanwhile.

    Notes
    -----
    Where the caller is stopped, the work under way is asked to stop if it can be; else it ends by itself,
    and nobody waits for it.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="network")

    def do(self, work: Callable[[], T], stop: Callable[[], None] | None = None) -> T:
        """Do some work and return what it returns, or raise what it raises."""
        future = self._pool.submit(work)
        try:
            while not wait([future], EVERY_S).done:
                pause()
        except BaseException:
            if stop is not None:
                stop()
            raise
        return future.result()
