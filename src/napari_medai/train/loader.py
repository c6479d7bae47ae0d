"""Batches drawn ahead by threads: the same batches in the same order, however many threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    import torch

Batch: TypeAlias = "tuple[torch.Tensor, ...]"
"""The network's input first, then whatever the objective compares its output with."""

Draw: TypeAlias = Callable[[np.random.Generator], Batch]
"""Makes one batch; all that is random in it comes from the generator."""


def generator_of(seed: int, number: int) -> np.random.Generator:
    """Return the generator that draws batch ``number``: a resumed training draws what it would have."""
    return np.random.default_rng([seed, number])


def batches(draw: Draw, seed: int, start: int, stop: int, stride: int, workers: int) -> Iterator[Batch]:
    """Yield the batches numbered ``start``, ``start + stride`` ... below ``stop``.

    Parameters
    ----------
    draw : callable
        Makes a batch from a generator; called in threads, so it must keep nothing from call to call.
    seed : int
        Of the training.
    start, stop, stride : int
        Which batches.
    workers : int
        Threads that draw ahead, each two batches at most; 0: none.
    """
    numbers = range(start, stop, stride)
    if workers == 0:
        for number in numbers:
            yield draw(generator_of(seed, number))
        return
    pool = ThreadPoolExecutor(workers, thread_name_prefix="batches")
    ahead: deque[Future[Batch]] = deque()
    try:
        for number in numbers:
            ahead.append(pool.submit(draw, generator_of(seed, number)))
            if len(ahead) > 2 * workers:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
