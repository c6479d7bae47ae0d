"""Cases bent towards one another: shapes between two patients', by registration on a coarse grid."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.geometry import Geometry
from napari_medai.core.image import MedicalImage
from napari_medai.train.store import CaseStore, Ready

EDGE = 40
"""Voxels of the coarse grid along each axis: shapes matter here, not detail."""
KEPT = 64
"""Fields kept; the pairs looked at longest ago are dropped."""


class Deformations:
    """Registers pairs of cases when they are first asked for, and keeps the fields.

    Parameters
    ----------
    store : CaseStore
        Where the cases come from. They should show about the same field of view: cases are laid over each
        other edge to edge.
    """

    def __init__(self, store: CaseStore) -> None:
        self._store = store
        self._kept: OrderedDict[tuple[str, str], NDArray[np.float32]] = OrderedDict()
        self._lock = Lock()

    def bent(
        self, rng: np.random.Generator, name: str, other: str, places: NDArray[np.floating]
    ) -> NDArray[np.floating]:
        """Move places of a case part of the way on which it comes to look like another.

        Parameters
        ----------
        rng : numpy.random.Generator
            Draws which part, up to all of it.
        name, other : str
            The case that is looked up, and the one it is bent towards.
        places : (..., D) array
            Fractional indices of the case.
        """
        from scipy import ndimage

        field = self._field(name, other)
        shape = np.asarray(self._store.get(name).truth.shape, dtype=float)
        scale = shape / EDGE
        coarse = np.moveaxis((places + 0.5) / scale - 0.5, -1, 0)
        moved = np.stack(
            [ndimage.map_coordinates(part, coarse, order=1, mode="nearest") for part in field], axis=-1
        )
        return np.asarray(places + rng.uniform(0, 1) * moved * scale)

    def _field(self, name: str, other: str) -> NDArray[np.float32]:
        with self._lock:
            if (name, other) in self._kept:
                self._kept.move_to_end((name, other))
                return self._kept[name, other]
        field = _registered(self._store.get(other), self._store.get(name))
        with self._lock:
            self._kept[name, other] = field
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return field


def _registered(fixed: Ready, moving: Ready) -> NDArray[np.float32]:
    """Return the displacement (D, *coarse), in coarse voxels, from the fixed case to the moving one."""
    from napari_medai.register.classical import register_classical

    found: Any = register_classical(_coarse(fixed), _coarse(moving), method="demons")
    vectors = found.transform.displacement(_coarse_grid(fixed.truth.ndim))
    # world components are (x, y, z), one voxel a unit; array axes are (z, y, x)
    return np.ascontiguousarray(np.moveaxis(np.asarray(vectors, dtype=np.float32)[..., ::-1], -1, 0))


def _coarse_grid(ndim: int) -> Geometry:
    return Geometry.from_spacing((EDGE,) * ndim, (1.0,) * ndim)


def _coarse(ready: Ready) -> MedicalImage:
    import torch

    volume = torch.from_numpy(ready.volume[:1])[None]
    small = torch.nn.functional.interpolate(volume, size=(EDGE,) * ready.truth.ndim, mode="area")[0, 0]
    ndim = ready.truth.ndim
    return MedicalImage(small.numpy(), "zyx"[-ndim:], _coarse_grid(ndim), name="coarse")
