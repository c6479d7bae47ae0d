"""A volume that lies on a device as a whole, and stays there as long as its preparation is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_medai.models.kept import copies_of, drop_copies, root_of

if TYPE_CHECKING:
    import torch

RESIDENT_SHARE = 0.25
"""Of a GPU's free memory: a volume that takes less lies there whole, a larger one goes window by window."""


def on_device(volume: NDArray[np.float32], place: torch.device) -> torch.Tensor | None:
    """Return a volume on a device.

    Parameters
    ----------
    volume : numpy.ndarray
        The volume of a kept preparation, or a part of it, is copied once; anything else every time.
    place : torch.device
        Not the processor.

    Returns
    -------
    torch.Tensor or None
        Not to be written to. None where the volume would take too much of the free memory; copies of
        other volumes are dropped before.
    """
    root, copies = root_of(volume), copies_of(volume)
    if copies is None or not _same_order(root, volume):
        return _copied(volume, place) if _has_room(volume.nbytes, place) else None
    if str(place) not in copies:
        if not _has_room(root.nbytes, place):
            return None
        copies[str(place)] = _copied(root, place)
    offset = (volume.ctypes.data - root.ctypes.data) // root.itemsize
    steps = [n // root.itemsize for n in volume.strides]
    return copies[str(place)].as_strided(volume.shape, steps, offset)


def _has_room(size: int, place: torch.device) -> bool:
    return _fits(size, place) or (drop_copies() > 0 and _fits(size, place))


def _fits(size: int, place: torch.device) -> bool:
    import torch

    if place.type != "cuda":
        return True
    free, _ = torch.cuda.mem_get_info(place)
    unused = torch.cuda.memory_reserved(place) - torch.cuda.memory_allocated(place)
    return size < RESIDENT_SHARE * (free + unused)


def _same_order(root: NDArray[np.float32], part: NDArray[np.float32]) -> bool:
    """Whether a part lies in a copy of the whole as it lies in the whole."""
    return root.flags.c_contiguous and root.dtype == part.dtype


def _copied(volume: NDArray[np.float32], place: torch.device) -> torch.Tensor:
    import torch

    return torch.from_numpy(volume if volume.flags.writeable else volume.copy()).to(place)
