"""Windows weighed together, as if the volume were one, with no more kept of each than a method needs."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from napari_medai.core.errors import ArgumentError
from napari_medai.explain.layers import Layer
from napari_medai.explain.weightings import CELL_BY_CELL, WEIGHTINGS, ByChannel, combined

if TYPE_CHECKING:
    import torch

MAX_BYTES = 2 * 2**30


class Gathering(ABC):
    """Takes windows one by one, and gives the map of each when all are there.

    Parameters
    ----------
    method : str
        A key of ``WEIGHTINGS``.
    layer : Layer
        Where the network is looked at.
    windows : int
        How many will come.

    Raises
    ------
    ArgumentError
        If what is kept would take more than 2 GiB.
    """

    def __init__(self, method: str, layer: Layer, windows: int) -> None:
        import torch

        shape = self.shape_of(layer, windows)
        needed = 4 * math.prod(shape)
        if needed > MAX_BYTES:
            raise ArgumentError(
                f"The layer {layer.name!r} would take {needed / 2**30:.1f} GiB over {windows} windows; "
                f"at most {MAX_BYTES / 2**30:.0f} GiB are used.",
                hint="Choose a coarser layer.",
            )
        self.method, self.layer, self.windows = method, layer, windows
        self.kept = torch.empty(shape)  # one piece: many small ones would scatter the memory between them

    @staticmethod
    @abstractmethod
    def shape_of(layer: Layer, windows: int) -> tuple[int, ...]:
        """Return the shape of what is kept of all windows."""

    @abstractmethod
    def add(self, window: int, activations: torch.Tensor, gradients: torch.Tensor) -> None:
        """Take the activations and gradients of one window, both (1, K, *cells)."""

    @abstractmethod
    def maps(self) -> torch.Tensor:
        """Return the windows' maps (windows, *cells), negative values included."""


class CellByCell(Gathering):
    """Keeps the maps: no window changes that of another."""

    @staticmethod
    def shape_of(layer: Layer, windows: int) -> tuple[int, ...]:
        """Return one value a cell."""
        return windows, *layer.cells

    def add(self, window: int, activations: torch.Tensor, gradients: torch.Tensor) -> None:
        """Make the window's map."""
        self.kept[window] = WEIGHTINGS[self.method](activations, gradients)[0]

    def maps(self) -> torch.Tensor:
        """Return the maps as they came."""
        return self.kept


class WeighedByChannel(Gathering):
    """Keeps activations, and of the gradients a few sums over each window's cells."""

    def __init__(self, method: str, layer: Layer, windows: int) -> None:
        super().__init__(method, layer, windows)
        self._sums: list[torch.Tensor] = []

    @staticmethod
    def shape_of(layer: Layer, windows: int) -> tuple[int, ...]:
        """Return one value a channel and cell."""
        return windows, layer.channels, *layer.cells

    def add(self, window: int, activations: torch.Tensor, gradients: torch.Tensor) -> None:
        """Keep a window's activations and its sums."""
        self.kept[window] = activations[0]
        self._sums.append(self._way.sums(activations, gradients).cpu())

    def maps(self) -> torch.Tensor:
        """Weigh all windows' channels by the sums over all."""
        weights = self._way.weights(
            sum(self._sums[1:], self._sums[0]), self.windows * math.prod(self.layer.cells)
        )
        return combined(weights.expand(self.windows, -1), self.kept)

    @property
    def _way(self) -> ByChannel:
        way = WEIGHTINGS[self.method]
        if not isinstance(way, ByChannel):
            raise TypeError(f"{self.method} does not weigh whole channels")
        return way


class SideBySide(Gathering):
    """Keeps activations and gradients, and lays all windows' cells side by side as those of one."""

    @staticmethod
    def shape_of(layer: Layer, windows: int) -> tuple[int, ...]:
        """Return two values a channel and cell, the windows one after the other along the first axis."""
        first, *others = layer.cells
        return 2, 1, layer.channels, windows * first, *others

    def add(self, window: int, activations: torch.Tensor, gradients: torch.Tensor) -> None:
        """Keep both."""
        first = self.layer.cells[0]
        for row, cells in zip(self.kept, (activations, gradients), strict=True):
            row[:, :, window * first : (window + 1) * first] = cells

    def maps(self) -> torch.Tensor:
        """Make one map, and part it into windows."""
        activations, gradients = self.kept
        whole = WEIGHTINGS[self.method](activations, gradients)
        return whole[0].reshape(self.windows, *self.layer.cells)


def gathering(method: str, layer: Layer, windows: int) -> Gathering:
    """Return what keeps least for a method; see :class:`Gathering`."""
    if method in CELL_BY_CELL:
        return CellByCell(method, layer, windows)
    if isinstance(WEIGHTINGS[method], ByChannel):
        return WeighedByChannel(method, layer, windows)
    return SideBySide(method, layer, windows)
