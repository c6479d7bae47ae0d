"""Cases as the network sees them, read when needed and kept within a memory budget."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.errors import ArgumentError
from napari_medai.core.geometry import Geometry
from napari_medai.core.sampling import sample_volume
from napari_medai.models.prepare import Prepared, prepare
from napari_medai.models.spec import ModelSpec
from napari_medai.train.cases import Case, Cases, load_case

IGNORED = 255
"""What voxels that nobody marked are called inside the training."""

PLACES = 20_000
"""Places kept for each label of a case; patches are centred on them."""


@dataclass(frozen=True, eq=False)
class Ready:
    """A case on the network's grid.

    Parameters
    ----------
    volume : numpy.ndarray
        Shape (channels, \\*spatial), float32.
    truth : numpy.ndarray
        Label values (\\*spatial), uint8; 255 where nobody marked.
    places : dict
        For each label that occurs up to 20 000 of its voxels, (n, D).
    grid : Geometry
        Of both.
    binary, sparse : bool
        Whether there is no label above 1, and whether something is not marked.
    """

    volume: NDArray[np.float32]
    truth: NDArray[np.uint8]
    places: dict[int, NDArray[np.int32]]
    grid: Geometry
    binary: bool
    sparse: bool

    def slice_at(self, z: int) -> Ready:
        """Return one slice of a volume as a 2-D case; its places are left out."""
        grid = Geometry.from_spacing(
            self.truth.shape[1:], self.grid.spacing[1:].tolist(), unit=self.grid.unit
        )
        return replace(self, volume=self.volume[:, z], truth=self.truth[z], places={}, grid=grid)

    @property
    def megabytes(self) -> float:
        """Memory held."""
        places = sum(p.nbytes for p in self.places.values())
        return (self.volume.nbytes + self.truth.nbytes + places) / 1e6


class CaseStore:
    """Hands out prepared cases; those not asked for lately are dropped when the budget is full.

    Parameters
    ----------
    cases : Cases
        The cases.
    spec : ModelSpec
        How images are prepared.
    cache_mb : float
        Memory for prepared cases. One that is larger is prepared each time it is needed.
    """

    def __init__(self, cases: Cases, spec: ModelSpec, cache_mb: float = 2000) -> None:
        self._items = {case.name: case for case in cases}
        self._cases, self._spec, self._budget = cases, spec, cache_mb
        self._kept: OrderedDict[str, Ready] = OrderedDict()
        self._lock = Lock()

    @property
    def names(self) -> list[str]:
        """The cases' names."""
        return list(self._items)

    @property
    def held_mb(self) -> float:
        """Memory that prepared cases take now."""
        return sum(ready.megabytes for ready in self._kept.values())

    def get(self, name: str) -> Ready:
        """Return a prepared case."""
        with self._lock:
            if name in self._kept:
                self._kept.move_to_end(name)
                return self._kept[name]
        ready = self._prepare(self._items[name])
        with self._lock:
            self._kept[name] = ready
            while self._kept and self.held_mb > self._budget:
                self._kept.popitem(last=False)
        return ready

    def _prepare(self, case: Case) -> Ready:
        image, labels = load_case(case, self._cases.repair)
        seen = prepare(self._spec, image)
        truth = _truth_on(np.asarray(labels.array), seen)
        values = _checked(case, truth, len(self._spec.outputs.labels), self._cases.ignore)
        rng = np.random.default_rng(0)
        largest = int(values.max(initial=0))
        places = _places(values, rng)
        volume = np.require(seen.volume, requirements=["C", "W"])
        return Ready(volume, values, places, seen.grid, largest <= 1, bool((values == IGNORED).any()))


def _truth_on(labels: NDArray[np.integer], seen: Prepared) -> NDArray[np.integer]:
    """Bring labels along: turned and cropped like the image, then resampled like it."""
    upright = np.ascontiguousarray(seen.reorientation.apply(labels))
    part = upright if seen.crop is None else np.ascontiguousarray(upright[seen.crop])
    if seen.grid == seen.own:
        return part
    return np.asarray(sample_volume(part, seen.own, seen.grid, interpolation="nearest"))


def _checked(case: Case, truth: NDArray[np.integer], count: int, ignore: int | None) -> NDArray[np.uint8]:
    found = np.unique(truth)
    strange = [int(v) for v in found if not 0 <= v < count and v != ignore]
    if strange:
        raise ArgumentError(
            f"Case {case.name}: found label {strange[0]}; the list names 0 to {count - 1}.",
            hint="Name every label in the plan, or say which value means not marked (ignore).",
        )
    values = truth.astype(np.uint8)
    if ignore is not None:
        values[truth == ignore] = IGNORED
    return values


def _places(truth: NDArray[np.uint8], rng: np.random.Generator) -> dict[int, NDArray[np.int32]]:
    places = {}
    for value in np.unique(truth):
        if value == IGNORED:
            continue
        flat = np.flatnonzero(truth == value)
        if len(flat) > PLACES:
            flat = flat[np.sort(rng.choice(len(flat), PLACES, replace=False))]
        places[int(value)] = np.stack(np.unravel_index(flat, truth.shape), axis=1).astype(np.int32)
    return places


def all_labels(store: CaseStore, names: Sequence[str]) -> set[int]:
    """Return every label value that occurs in some cases."""
    return {value for name in names for value in store.get(name).places}
