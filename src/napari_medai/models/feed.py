"""Windows brought to where the network runs, and their scores brought back in order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_medai.models.flight import arrived
from napari_medai.models.forward import Forward
from napari_medai.models.resident import on_device
from napari_medai.models.windows import WindowGrid

if TYPE_CHECKING:
    import torch

Index = tuple[int, ...]


class Feed:
    """Gives a network its windows.

    Parameters
    ----------
    volume : numpy.ndarray
        Shape (channels, \\*grid.shape), float32.
    grid : WindowGrid
        The windows.
    place : torch.device
        Where the network takes them. On a GPU a volume that fits lies there whole; of a larger one the
        next windows travel from pinned memory while the network works on these.
    reuse : bool
        Whether windows of one value throughout are predicted once for each value.
    """

    def __init__(
        self, volume: NDArray[np.float32], grid: WindowGrid, place: torch.device, *, reuse: bool
    ) -> None:
        import torch

        there = None if place.type == "cpu" else on_device(volume, place)
        self._pinned = place.type == "cuda" and there is None
        host = volume if volume.flags.writeable else volume.copy()
        self._volume = torch.from_numpy(host) if there is None else there
        self._grid, self._place, self._reuse = grid, place, reuse
        self._known: dict[tuple[float, ...], torch.Tensor] = {}
        self._ahead: dict[tuple[Index, ...], torch.Tensor] = {}

    def outputs(
        self, indices: Sequence[Index], forward: Forward, ahead: Sequence[Index] = ()
    ) -> Iterator[torch.Tensor]:
        """Give the scores (classes, *tile) of one batch of windows in order; they are the caller's own.

        The windows ``ahead`` come next; they are made ready while the network works.
        """
        if not self._reuse:
            yield from self._predicted(indices, forward, ahead)
            return
        flat = {index: self._single_value(index) for index in indices}
        later = [index for index in ahead if self._single_value(index) is None] if self._pinned else []
        uneven = self._predicted([index for index in indices if flat[index] is None], forward, later)
        for index in indices:
            value = flat[index]
            if value is None:
                yield next(uneven)
                continue
            if value not in self._known:
                (self._known[value],) = self._predicted([index], forward)
            yield self._known[value].clone()

    def _predicted(
        self, indices: Sequence[Index], forward: Forward, ahead: Sequence[Index] = ()
    ) -> Iterator[torch.Tensor]:
        if not indices:
            return
        windows = self._ahead.pop(tuple(indices), None)
        scores = forward(self._gather(indices) if windows is None else windows)
        if self._pinned and ahead:
            self._ahead = {tuple(ahead): self._gather(ahead)}
        arrived(self._place)
        yield from scores

    def _gather(self, indices: Sequence[Index]) -> torch.Tensor:
        import torch

        windows = torch.stack([self._volume[(slice(None), *self._grid.box(index))] for index in indices])
        if self._pinned:  # the copy is queued behind the work under way, and the host goes on
            return windows.pin_memory().to(self._place, non_blocking=True)
        return windows.to(self._place)

    def _single_value(self, index: Index) -> tuple[float, ...] | None:
        window = self._volume[(slice(None), *self._grid.box(index))]
        first = window[(slice(None), *[slice(0, 1)] * (window.ndim - 1))]
        if not bool((window == first).all()):
            return None
        return tuple(first.flatten().tolist())
