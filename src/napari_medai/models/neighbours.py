"""The slices beside a slice as further input channels of a 2-D network (2.5-D)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from napari_medai.models.spec import ModelSpec

Floats = NDArray[np.float32]


def with_neighbours(volume: Floats, count: int) -> Floats:
    """Give every slice of a volume its neighbours as channels.

    Parameters
    ----------
    volume : numpy.ndarray
        Shape (channels, z, y, x).
    count : int
        Slices on either side; beyond the first and the last slice these stand in.

    Returns
    -------
    numpy.ndarray
        Shape (channels * (2 * count + 1), z, y, x): all slices of the first channel, from the one ``count``
        before to the one ``count`` behind, then those of the next. The same volume where ``count`` is 0.
    """
    if not count:
        return volume
    slices = range(volume.shape[1])
    return np.stack([neighbours_of(volume, z, count) for z in slices], axis=1)


def neighbours_of(volume: Floats, z: int, count: int) -> Floats:
    """Return one slice of a volume with its neighbours: (channels * (2 * count + 1), y, x)."""
    near = np.clip(np.arange(z - count, z + count + 1), 0, volume.shape[1] - 1)
    return volume[:, near].reshape(-1, *volume.shape[2:])


def middle_slices(volume: Floats, count: int) -> Floats:
    """Return the volume that :func:`with_neighbours` was given."""
    return volume[count :: 2 * count + 1]


def input_names(spec: ModelSpec) -> tuple[str, ...]:
    """Return the name of every input channel of a model's network: a slice's own channel keeps its name."""
    count = spec.preparation.neighbours
    beside = [f" {k:+d}" if k else "" for k in range(-count, count + 1)]
    return (*(f"{name}{place}" for name in spec.channels for place in beside), *spec.previous)
