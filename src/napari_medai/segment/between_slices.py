"""A volume seen also between its slices, so that an edge there can be found where it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.geometry import FloatArray
from napari_medai.preprocess.arrays import FloatVolume, Volume

_MOST_VOXELS = 100_000_000
_MOST = 8


@dataclass(frozen=True)
class BetweenSlices:
    """A finer grid that holds every voxel of a coarse one, and some between them.

    Parameters
    ----------
    steps : tuple of int
        Along each axis, the steps of the finer grid from one voxel to the next.
    """

    steps: tuple[int, ...]

    @classmethod
    def of(cls, shape: tuple[int, ...], spacing: FloatArray) -> BetweenSlices:
        """Return the grid whose voxels are about as long as they are wide, as memory allows.

        Parameters
        ----------
        shape : tuple of int
            Of the volume.
        spacing : (D,) ndarray
            Voxel size along the array axes.
        """
        wanted = np.clip(np.rint(spacing / spacing.min()), 1, _MOST).astype(int)
        while np.prod((np.array(shape) - 1) * wanted + 1, dtype=float) > _MOST_VOXELS and wanted.max() > 1:
            wanted[wanted.argmax()] -= 1
        return cls(tuple(int(n) for n in wanted))

    def spacing(self, spacing: FloatArray) -> FloatArray:
        """Return the voxel size of the finer grid."""
        return np.asarray(spacing / np.array(self.steps))

    def values(self, volume: FloatVolume) -> FloatVolume:
        """Return intensities on the finer grid, linear between voxels."""
        for axis, steps in enumerate(self.steps):
            if steps > 1 and volume.shape[axis] > 1:
                at = np.arange((volume.shape[axis] - 1) * steps + 1)
                low = np.minimum(at // steps, volume.shape[axis] - 2)
                share = (at / steps - low).astype(np.float32).reshape([-1] + [1] * (volume.ndim - 1 - axis))
                first, second = np.take(volume, low, axis), np.take(volume, low + 1, axis)
                volume = first + (second - first) * share
        return np.asarray(volume, dtype=np.float32)

    def nearest(self, volume: FloatVolume) -> FloatVolume:
        """Return intensities on the finer grid, those of the nearest voxel."""
        for axis, steps in enumerate(self.steps):
            at = (np.arange((volume.shape[axis] - 1) * steps + 1) + steps // 2) // steps
            volume = np.take(volume, at, axis)
        return volume

    def marks(self, painted: Volume) -> Volume:
        """Return labels on the finer grid: where a voxel is, and 0 between voxels."""
        fine = np.zeros(
            [(n - 1) * k + 1 for n, k in zip(painted.shape, self.steps, strict=True)], painted.dtype
        )
        fine[self._voxels] = painted
        return fine

    def places(self, indices: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return where voxels lie on the finer grid."""
        return np.asarray(indices * np.array(self.steps))

    def back(self, fine: Volume) -> Volume:
        """Return what the finer grid holds at the voxels."""
        return np.ascontiguousarray(fine[self._voxels])

    @property
    def _voxels(self) -> tuple[slice, ...]:
        return tuple(slice(None, None, steps) for steps in self.steps)
