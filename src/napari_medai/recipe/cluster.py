"""Cases on a Dask cluster that is already there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from napari_medai.core.errors import ArgumentError, MedAIError
from napari_medai.core.progress import Progress, Step
from napari_medai.recipe.one_case import Job, Outcome, run_job
from napari_medai.recipe.workers import Started

_CONNECT_S = 15
_RETRIES = 3


def run_on_cluster(
    jobs: Sequence[Job], scheduler: str, progress: Progress, started: Started
) -> Iterator[Outcome]:
    """Run cases on the workers of a cluster, which must see the same folders.

    A case whose worker dies is given to another one. With a device of CUDA each case asks for one ``GPU``
    resource; start the workers with ``--resources GPU=1``.

    Parameters
    ----------
    jobs : sequence of Job
        What to do.
    scheduler : str
        ``tcp://host:8786``, or the path of a scheduler file.
    progress : Progress
        Asked while waiting; when it stops the batch, cases that did not begin are taken back.
    started : callable
        Told the name of each case as it is handed over.

    Raises
    ------
    MedAIError
        If ``distributed`` is not installed or the scheduler does not answer.
    """
    if not jobs:
        return
    client = _client(scheduler)
    try:
        needs = {"resources": {"GPU": 1}} if jobs and jobs[0].device.startswith("cuda") else {}
        futures = {}
        for job in jobs:
            started(job.case.name)
            futures[client.submit(run_job, job, pure=False, retries=_RETRIES, **needs)] = job
        yield from _outcomes(client, futures, progress)
    finally:
        client.close()


def _outcomes(client: Any, futures: dict[Any, Job], progress: Progress) -> Iterator[Outcome]:
    total, waiting = len(futures), set(futures)
    while waiting:
        try:
            progress(Step(total - len(waiting), total))
        except BaseException:
            client.cancel(list(waiting), force=True)
            raise
        for future in _finished(client, waiting):
            waiting.discard(future)
            yield _outcome(future, futures[future])
            future.release()


def _finished(client: Any, waiting: set[Any]) -> set[Any]:
    """Return the futures that ended, after a short wait for the first."""
    import distributed

    try:
        with client.as_current():
            ended: Any = distributed.wait(waiting, timeout=0.2, return_when="FIRST_COMPLETED")  # type: ignore[no-untyped-call]
    except distributed.TimeoutError:
        return set()
    return set(ended.done)


def _outcome(future: Any, job: Job) -> Outcome:
    """Return what the worker returned; a case no worker could finish is one that failed."""
    error = future.exception()
    if error is None:
        outcome: Outcome = future.result()
        return outcome
    return Outcome(
        job.case.name, "failed", reason=f"No worker could finish it: {type(error).__name__}: {error}"
    )


def _client(scheduler: str) -> Any:
    if find_spec("distributed") is None:
        raise MedAIError(
            "Running on a cluster needs dask.distributed, which is not installed.",
            hint="Run: pip install 'napari-medai[cluster]'",
        )
    from distributed import Client

    is_file = "://" not in scheduler
    if is_file and not Path(scheduler).is_file():
        raise ArgumentError(
            f"Found no scheduler file {scheduler}.", hint="Give tcp://host:8786, or the file dask wrote."
        )
    try:
        given = {"scheduler_file": scheduler} if is_file else {"address": scheduler}
        return Client(**given, timeout=_CONNECT_S, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, TimeoutError, ValueError) as error:
        raise MedAIError(
            f"No scheduler answers at {scheduler} within {_CONNECT_S} s.",
            hint="Start one with `dask scheduler`, and workers with `dask worker ADDRESS`.",
        ) from error
