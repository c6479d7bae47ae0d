"""The search of a tree told as it goes on, so that it can be stopped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from napari_medai.core.progress import Progress, Step

T = TypeVar("T")
_EVERY = 20


def counted(items: Iterable[T], progress: Progress) -> Iterator[T]:
    """Pass on what is found, and tell how much that is; nobody knows how much is left.

    Parameters
    ----------
    items : iterable
        Found one by one.
    progress : Progress
        Hears every twentieth; raises to stop the search.
    """
    for number, item in enumerate(items):
        if number % _EVERY == 0:
            progress(Step(0, 0, f"Looking for cases: {number} files"))
        yield item
