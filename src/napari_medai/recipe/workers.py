"""Cases on this machine: one after the other here, or side by side in processes as memory allows."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

from napari_medai.core.progress import Progress, Step, part
from napari_medai.core.settings import Settings, set_source, settings
from napari_medai.recipe.memory import BASE, estimate_bytes, input_bytes
from napari_medai.recipe.one_case import Job, Outcome, run_job

Started = Callable[[str], None]
_POLL_S = 0.2


def run_here(jobs: Sequence[Job], progress: Progress, started: Started) -> Iterator[Outcome]:
    """Run cases one after the other in this process.

    Parameters
    ----------
    jobs : sequence of Job
        What to do.
    progress : Progress
        Hears every step of every case.
    started : callable
        Told the name of each case as it begins.
    """
    for index, job in enumerate(jobs):
        started(job.case.name)
        yield run_job(job, part(progress, index / len(jobs), (index + 1) / len(jobs), job.case.name))


def run_in_processes(
    jobs: Sequence[Job],
    count: int,
    memory: int,
    progress: Progress,
    started: Started,
    gpus: Sequence[str] = (),
) -> Iterator[Outcome]:
    """Run cases side by side.

    A case begins only while what all running ones are expected to hold stays below ``memory``; one that
    alone is expected to hold more runs alone. A process that dies takes no case with it: the case is
    tried once more, alone, and then reported.

    Parameters
    ----------
    jobs : sequence of Job
        What to do.
    count : int
        How many processes at most.
    memory : int
        Bytes that may be used.
    progress : Progress
        Asked every 0.2 s, so that it can stop the batch.
    started : callable
        Told the name of each case as it begins.
    gpus : sequence of str
        Where there are any, each process has one of them to itself, and there are no more processes than
        these.
    """
    pool = _Pool(deque(jobs), min(count, len(gpus)) if gpus else count, memory, started, gpus)
    try:
        while pool.queue or pool.busy:
            progress(Step(len(jobs) - len(pool.queue) - len(pool.busy), len(jobs)))
            pool.start_what_fits()
            yield from pool.collect()
    finally:
        pool.close()


@dataclass
class _Worker:
    process: Any
    pipe: Connection
    job: Job | None = None
    expected: int = 0
    gpu: str = ""


class _Pool:
    """Processes, what each works on, and how much memory a case has been seen to take."""

    def __init__(
        self, queue: deque[Job], count: int, memory: int, started: Started, gpus: Sequence[str] = ()
    ) -> None:
        self.queue, self.memory, self.started = queue, memory, started
        self.gpus = gpus
        self.workers: list[_Worker] = []
        self.count = count
        self._retried: set[str] = set()
        self._per_byte: float | None = None

    @property
    def busy(self) -> list[_Worker]:
        return [w for w in self.workers if w.job is not None]

    def start_what_fits(self) -> None:
        while self.queue and len(self.busy) < self.count:
            job = self.queue[0]
            expected = self._expected(job)
            held = sum(w.expected for w in self.busy)
            alone = bool(self._retried & {job.case.name, *(w.job.case.name for w in self.busy if w.job)})
            if self.busy and (alone or held + expected > self.memory):
                return
            self._give(self.queue.popleft(), expected)

    def collect(self) -> Iterator[Outcome]:
        """Yield the cases that ended within a short while."""
        waited = {w.pipe: w for w in self.busy} | {w.process.sentinel: w for w in self.busy}
        for worker in {id(waited[r]): waited[r] for r in wait(list(waited), _POLL_S)}.values():
            outcome = self._outcome(worker)
            if outcome is not None:
                yield outcome

    def close(self) -> None:
        for worker in self.workers:
            if worker.job is not None:
                worker.process.terminate()
            worker.pipe.close()
        for worker in self.workers:
            worker.process.join()

    def _give(self, job: Job, expected: int) -> None:
        idle = next((w for w in self.workers if w.job is None), None) or self._new_worker()
        idle.job, idle.expected = job, expected
        self.started(job.case.name)
        idle.pipe.send(job)

    def _new_worker(self) -> _Worker:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        preferred = settings()
        threads = preferred.threads or max(1, (os.cpu_count() or 1) // self.count)
        taken = {worker.gpu for worker in self.workers}
        gpu = next((gpu for gpu in self.gpus if gpu not in taken), "")
        variables = visible_gpu(gpu, os.environ) if len(self.gpus) > 1 else {}
        process = context.Process(target=_work, args=(theirs, threads, preferred, variables), daemon=True)
        process.start()
        theirs.close()
        self.workers.append(_Worker(process, ours, gpu=gpu))
        return self.workers[-1]

    def _outcome(self, worker: _Worker) -> Outcome | None:
        job = worker.job
        assert job is not None
        try:
            outcome: Outcome = worker.pipe.recv()
        except (EOFError, OSError):
            return self._after_death(worker, job)
        worker.job = None
        self._learn(job, outcome)
        return outcome

    def _after_death(self, worker: _Worker, job: Job) -> Outcome | None:
        worker.process.join()
        worker.pipe.close()
        self.workers.remove(worker)
        if job.case.name in self._retried:
            code = worker.process.exitcode
            return Outcome(job.case.name, "failed", reason=f"Its process died twice (exit code {code}); "
                           "there may not be enough memory for it.")  # fmt: skip
        self._retried.add(job.case.name)
        self.queue.append(job)
        return None

    def _expected(self, job: Job) -> int:
        inputs = job.case.inputs.values()
        return estimate_bytes(inputs) if self._per_byte is None else estimate_bytes(inputs, self._per_byte)

    def _learn(self, job: Job, outcome: Outcome) -> None:
        size = sum(map(input_bytes, job.case.inputs.values()))
        if outcome.state == "done" and outcome.peak_bytes and size:
            seen = max(outcome.peak_bytes - BASE, 0) / size
            self._per_byte = max(self._per_byte or 0.0, 1.2 * seen)


def visible_gpu(gpu: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment variable that lets a process see one graphics processor only.

    Parameters
    ----------
    gpu : str
        ``"cuda:1"``: the second of those that this process sees.
    environment : mapping
        Of this process; it may see fewer than there are.
    """
    kind, _, number = gpu.partition(":")
    if kind != "cuda" or not number:
        return {}
    seen = [word for word in environment.get("CUDA_VISIBLE_DEVICES", "").split(",") if word.strip()]
    return {"CUDA_VISIBLE_DEVICES": seen[int(number)].strip() if seen else number}


def _work(
    pipe: Connection, threads: int, preferred: Settings, variables: Mapping[str, str] | None = None
) -> None:
    """Run jobs as they come, until the parent closes the pipe or is gone."""
    os.environ.update(variables or {})
    set_source("the batch", lambda: asdict(preferred))
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"):
        os.environ.setdefault(name, str(threads))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the parent decides
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    while True:
        try:
            job = pipe.recv()
        except (EOFError, OSError):
            return
        pipe.send(run_job(job))


def _leave_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
