"""A region made ready for radiomics: intensities, its two masks, and its grey levels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.geometry import FloatArray

Mask = NDArray[np.bool_]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Roi:
    """Intensities around a region, and which voxels count.

    Parameters
    ----------
    intensities : (z, y, x) float array
        Intensities in and around the region.
    shape_mask : (z, y, x) bool array
        The region as drawn (IBSI: morphological mask).
    intensity_mask : (z, y, x) bool array
        The voxels of the region whose intensities count, after resegmentation.
    spacing : tuple of float
        Voxel size along z, y, x in mm.
    """

    intensities: FloatArray
    shape_mask: Mask
    intensity_mask: Mask
    spacing: tuple[float, float, float]

    @property
    def values(self) -> FloatArray:
        """The intensities that count, (N,)."""
        return self.intensities[self.intensity_mask]


@dataclass(frozen=True, eq=False)
class Levels:
    """The grey levels of a region.

    Parameters
    ----------
    grid : (z, y, x) int array
        Levels from 1; 0 outside the intensity mask. Cropped to the region.
    count : int
        The number of levels, empty ones among them.
    shape_mask : (z, y, x) bool array
        The region as drawn, cropped alike.
    """

    grid: IntArray
    count: int
    shape_mask: Mask

    @property
    def voxels(self) -> int:
        """How many voxels carry a level."""
        return int(np.count_nonzero(self.grid))

    def slice(self, position: int) -> Levels:
        """Return one slice, still with three axes."""
        cut = np.s_[position : position + 1]
        return Levels(self.grid[cut], self.count, self.shape_mask[cut])


def crop_to(mask: Mask, margin: tuple[int, ...]) -> tuple[slice, ...]:
    """Return the box around a mask with a margin, kept inside the array."""
    box: list[Any] = []
    for axis, extra in enumerate(margin):
        hit = np.flatnonzero(mask.any(axis=tuple(k for k in range(mask.ndim) if k != axis)))
        box.append(slice(max(0, int(hit[0]) - extra), min(mask.shape[axis], int(hit[-1]) + 1 + extra)))
    return tuple(box)
