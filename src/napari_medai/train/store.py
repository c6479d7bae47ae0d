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
from napari_medai.models.neighbours import middle_slices, neighbours_of, with_neighbours
from napari_medai.models.prepare import Prepared, prepare
from napari_medai.models.spec import ModelSpec
from napari_medai.train.cases import Case, Cases
from napari_medai.train.marks import marks_on
from napari_medai.train.truth import Shares, largest_share, load_case

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
    neighbours : int
        How many slices on either side a single slice brings along as channels.
    shares : numpy.ndarray or None
        Soft labels: the share of each label above the background, (labels, \\*spatial), float16.
    """

    volume: NDArray[np.float32]
    truth: NDArray[np.uint8]
    places: dict[int, NDArray[np.int32]]
    grid: Geometry
    binary: bool
    sparse: bool
    neighbours: int = 0
    shares: NDArray[np.float16] | None = None

    def slice_at(self, z: int) -> Ready:
        """Return one slice of a volume, with its neighbours, as a 2-D case; its places are left out."""
        grid = Geometry.from_spacing(
            self.truth.shape[1:], self.grid.spacing[1:].tolist(), unit=self.grid.unit
        )
        volume = neighbours_of(self.volume, z, self.neighbours)
        shares = None if self.shares is None else self.shares[:, z]
        return replace(self, volume=volume, truth=self.truth[z], places={}, grid=grid, shares=shares)

    @property
    def inputs(self) -> NDArray[np.float32]:
        """The volume as a network sees it whole: every slice with its neighbours."""
        return with_neighbours(self.volume, self.neighbours)

    @property
    def megabytes(self) -> float:
        """Memory held."""
        places = sum(p.nbytes for p in self.places.values())
        shares = 0 if self.shares is None else self.shares.nbytes
        return (self.volume.nbytes + self.truth.nbytes + shares + places) / 1e6


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
    def soft(self) -> bool:
        """Whether the truth of any case is shares; batches then hold shares of every case."""
        return any(self._cases.is_soft(case) for case in self._cases)

    @property
    def classes(self) -> int:
        """Number of labels, the background counted."""
        return len(self._spec.outputs.labels)

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
        loaded = load_case(case, self._cases)
        seen = prepare(self._spec, loaded.image)
        shares = None if loaded.shares is None else _shares_on(case, loaded.shares, seen, self.classes)
        marks = np.asarray(loaded.labels.array)
        truth = marks_on(marks, seen, self._cases.ignore) if shares is None else largest_share(shares)
        values = _checked(case, truth, self.classes, self._cases.ignore)
        beside = self._spec.preparation.neighbours
        return Ready(
            np.require(middle_slices(seen.volume, beside), requirements=["C", "W"]),
            values,
            _places(values, np.random.default_rng(0)),
            seen.grid,
            int(values.max(initial=0)) <= 1,
            bool((values == IGNORED).any()),
            beside,
            None if shares is None else shares.astype(np.float16),
        )


def _shares_on(case: Case, shares: Shares, seen: Prepared, classes: int) -> Shares:
    """Bring shares along, as labels are."""
    if len(shares) != classes - 1:
        raise ArgumentError(
            f"Case {case.name}: found {len(shares)} maps of shares; the list names {classes - 1} labels.",
            hint="Give one map for each label above the background.",
        )
    return np.stack([marks_on(share, seen, way="linear") for share in shares]).astype(np.float32)


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
