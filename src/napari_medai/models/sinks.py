"""What becomes of finished bricks of scores: labels, labels on another grid, maps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_medai.models.blend import Box
from napari_medai.models.restore import RestoredLabels, label_type, labels_of_scores

if TYPE_CHECKING:
    import torch

Floats = NDArray[np.float32]


class LabelSink:
    """Keeps the label of every voxel, on the grid of the network.

    Parameters
    ----------
    classes : int
        Number of labels, the background counted.
    shape : sequence of int
        Of the grid.
    regions : sequence of int
        The label each channel paints; empty: the likeliest channel is the label.
    """

    def __init__(self, classes: int, shape: Sequence[int], regions: Sequence[int] = ()) -> None:
        self.labels: NDArray[Any] = np.zeros(tuple(shape), label_type(classes))
        self._regions = tuple(regions)

    def put(self, brick: torch.Tensor, box: Box) -> None:
        """Take the scores (channels, *size) of one box."""
        if brick.device.type == "cpu" or self._regions:  # there NumPy finds the largest in half the time
            self.labels[box] = labels_of_scores(brick.cpu().numpy(), self._regions)
        else:
            self.labels[box] = brick.argmax(dim=0).cpu().numpy()


class RestoringSink:
    """Gathers a row of bricks into a slab, and hands the slab on to labels of the image's grid.

    Parameters
    ----------
    restored : RestoredLabels
        Is fed.
    classes : int
        Number of classes.
    shape : sequence of int
        Of the network's grid.
    """

    def __init__(self, restored: RestoredLabels, classes: int, shape: Sequence[int]) -> None:
        self._restored = restored
        self._classes, self._shape = classes, tuple(shape)
        self._rows = slice(0, 0)
        self._slab: Floats | None = None

    def put(self, brick: torch.Tensor, box: Box) -> None:
        """Take the scores (classes, *size) of one box; boxes come row by row along the first axis."""
        if self._slab is None or box[0] != self._rows:
            self._pass_on()
            self._skip_to(box[0].start)
            self._rows = box[0]
            depth = box[0].stop - box[0].start
            self._slab = self._nothing(depth)
        self._slab[(slice(None), slice(None), *box[1:])] = brick.cpu().numpy()

    def finished(self) -> NDArray[Any]:
        """Return the labels once the last brick has come."""
        self._pass_on()
        self._skip_to(self._shape[0])
        return self._restored.labels

    def _pass_on(self) -> None:
        if self._slab is not None:
            slab, self._slab = self._slab, None
            self._restored.feed(self._rows.start, slab)

    def _skip_to(self, plane: int) -> None:
        """Planes that no window covers are background."""
        while self._rows.stop < plane:
            stop = min(plane, self._rows.stop + 32)
            self._rows = slice(self._rows.stop, stop)
            self._restored.feed(self._rows.start, self._nothing(stop - self._rows.start))

    def _nothing(self, depth: int) -> Floats:
        return np.zeros((self._classes, depth, *self._shape[1:]), np.float32)


class MapSink:
    """Keeps maps made of each brick's scores, on the grid of the network.

    Parameters
    ----------
    count : int
        Number of maps.
    shape : sequence of int
        Of the grid.
    make : callable
        From scores (channels, *size) to maps (count, *size).
    outside : sequence of float
        The maps' values where no window is looked at.
    """

    def __init__(
        self,
        count: int,
        shape: Sequence[int],
        make: Callable[[torch.Tensor], torch.Tensor],
        outside: Sequence[float],
    ) -> None:
        self.maps: Floats = np.empty((count, *shape), np.float32)
        self.maps[:] = np.reshape(outside, (-1, *[1] * len(shape)))
        self._make = make

    def put(self, brick: torch.Tensor, box: Box) -> None:
        """Take the scores (channels, *size) of one box."""
        self.maps[(slice(None), *box)] = self._make(brick).cpu().numpy()
