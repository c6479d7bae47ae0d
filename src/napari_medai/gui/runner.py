"""One computation at a time in napari's own worker thread, with progress and a cancel that works."""

from __future__ import annotations

import gc
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from qtpy.QtCore import QEvent, QObject, QTimer, Signal

from napari_medai.core.errors import Cancelled, Finish, MedAIError
from napari_medai.core.progress import Progress, Step
from napari_medai.gui.activity import move, new_bar

Work = Callable[[Progress], Any]
_POLL_MS = 100
_SWITCH_S = 0.001


@dataclass(frozen=True)
class Failure:
    """An error that a person is meant to read, carried out of the worker."""

    error: MedAIError


_STOPPED = object()


@dataclass(repr=False)
class Job:
    """What the worker thread and the main thread share: the latest report, and the wish to stop."""

    title: str
    work: Work | None
    worker: Any = None
    latest: Step = field(default_factory=lambda: Step(0, 0))
    picture: Any = None
    finishing: bool = False
    told: bool = False

    def __repr__(self) -> str:
        """Name the job as napari's task manager shows it."""
        return self.title

    def report(self, step: Step) -> None:
        """Take a report in the worker thread; stop the work there if that was asked for."""
        if self.worker.abort_requested:
            raise Cancelled
        if step.preview is not None and step.preview is not self.latest.preview:
            self.picture = step.preview()
        self.latest = step
        if self.finishing and not self.told:
            self.told = True
            raise Finish

    def __call__(self) -> Any:
        """Do the work, in the worker thread."""
        # There napari lets every warning through, this one of the main thread among them.
        warnings.filterwarnings("ignore", message="Non-orthogonal slicing is being requested")
        assert self.work is not None
        try:
            return self.work(self.report)
        except Cancelled:
            return _STOPPED
        except MedAIError as error:
            return Failure(error)


class Runner(QObject):
    """Runs one piece of work at a time beside the event loop, as long as its parent is part of the viewer.

    The work gets a progress reporter and returns a value; it must not touch layers or widgets.
    The worker is napari's own, so that napari's task manager knows and can cancel it.

    Signals
    -------
    progressed(Step, float)
        About ten times a second: the latest report, and the seconds that remain (negative: unknown).
    succeeded(object)
        With the value, on the main thread.
    failed(object)
        With a :class:`MedAIError`, or nothing where an unexpected exception has been shown already.
    stopped()
        After a cancelled run.
    finished()
        After each of these.
    """

    progressed = Signal(object, float)
    succeeded = Signal(object)
    failed = Signal(object)
    stopped = Signal()
    finished = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs: list[Job] = []
        self._outcome: Any = None
        self._crashed = False
        self._started = 0.0
        self._usual_interval = sys.getswitchinterval()
        self._bar: Any = None
        self._timer = QTimer(self)
        self._timer.setInterval(_POLL_MS)
        self._timer.timeout.connect(self._poll)
        if parent is not None:
            parent.installEventFilter(self)

    @property
    def running(self) -> bool:
        """Whether work is under way."""
        return bool(self._jobs)

    @property
    def cancelling(self) -> bool:
        """Whether the work under way has been asked to stop."""
        return any(job.worker.abort_requested for job in self._jobs)

    @property
    def picture(self) -> Any:
        """The image of the result so far, or nothing."""
        return self._jobs[-1].picture if self._jobs else None

    def start(self, work: Work, title: str) -> None:
        """Begin.

        Parameters
        ----------
        work : callable
            Called with a progress reporter in the worker thread.
        title : str
            Shown in napari's activity dock.

        Raises
        ------
        MedAIError
            If work is under way already.
        """
        if self.running:
            raise MedAIError("A step is running already.", hint="Wait for it, or cancel it first.")
        from napari.qt.threading import create_worker
        from superqt.utils import FunctionWorker

        job = Job(title, work)
        # The plain worker class: whether napari's own shows exceptions once, twice or never depends on
        # the Qt binding, so that is done here.
        job.worker = create_worker(
            job, _start_thread=False, _ignore_errors=True, _worker_class=FunctionWorker
        )
        job.worker.returned.connect(self._take)
        job.worker.errored.connect(self._show_crash)
        job.worker.warned.connect(_pass_on)
        job.worker.finished.connect(self._finish)
        self._jobs.append(job)
        self._outcome, self._crashed = None, False
        self._started = time.monotonic()
        # A full collection of a session's garbage stops every thread for a third of a second, and in the
        # worker it could delete widgets; what is there already is left out until the step has been shown.
        gc.freeze()
        # With Python's usual 5 ms the event loop waits that long again and again for a busy worker.
        self._usual_interval = sys.getswitchinterval()
        sys.setswitchinterval(_SWITCH_S)
        self._bar = new_bar(title)
        self._timer.start()
        job.worker.start()

    def cancel(self) -> None:
        """Ask the work to stop at its next report."""
        for job in self._jobs:
            job.worker.quit()

    def finish(self) -> None:
        """Ask the work to end at its next report with what it has; what cannot do so stops."""
        for job in self._jobs:
            job.finishing = True

    def eventFilter(self, watched: Any, event: Any) -> bool:  # noqa: N802 - Qt's name
        """Cancel when the panel is taken out of the viewer."""
        if event.type() == QEvent.Type.ParentChange and watched.parent() is None:
            self.cancel()
        return False

    def _poll(self) -> None:
        if not self._jobs or self._bar is None:
            return
        step = self._jobs[-1].latest
        elapsed = time.monotonic() - self._started
        share = step.fraction
        remaining = elapsed * (1 - share) / share if share > 0.02 and elapsed > 1 else -1.0
        self.progressed.emit(step, remaining)
        # Last, because napari's bar lets other events in, the end of this very job among them.
        move(self._bar, step)

    def _take(self, outcome: Any) -> None:
        self._outcome = outcome

    def _show_crash(self, error: Exception) -> None:
        from napari.utils.notifications import notification_manager

        self._crashed = True
        notification_manager.receive_error(type(error), error, error.__traceback__)

    def _finish(self) -> None:
        outcome, self._outcome = self._outcome, None
        cancelled = self.cancelling or outcome is _STOPPED
        for job in self._jobs:
            job.work = None  # napari remembers the job for ever; its images must not stay with it
        self._jobs.clear()
        self._timer.stop()
        bar, self._bar = self._bar, None
        bar.close()
        if self._crashed:
            self.failed.emit(None)
        elif cancelled:
            self.stopped.emit()
        elif isinstance(outcome, Failure):
            self.failed.emit(outcome.error)
        else:
            self.succeeded.emit(outcome)
        self.finished.emit()
        gc.unfreeze()
        sys.setswitchinterval(self._usual_interval)


def _pass_on(warning: tuple[Any, ...]) -> None:
    """Let a warning of the worker go its usual way, on the main thread."""
    message, category, filename, line = warning[:4]
    warnings.warn_explicit(message, category, filename, line)
