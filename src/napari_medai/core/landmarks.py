"""Named points in the world, with what is known of their uncertainty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.errors import ArgumentError
from napari_medai.core.geometry import FloatArray, Unit

if TYPE_CHECKING:
    from napari_medai.core.history import Record


@dataclass(frozen=True, eq=False)
class Landmarks:
    """Named points.

    Parameters
    ----------
    names : sequence of str
        One name a point, each only once.
    positions : (N, D) array_like
        World positions (x, y, z) or (x, y), LPS, in ``unit``.
    covariance : (N, D, D) array_like, optional
        Uncertainty of each point, in ``unit`` squared.
    confidence : (N,) array_like, optional
        How sure the detector is, 0 to 1.
    unit : {"mm", "pixel"}
        ``"pixel"`` when the image had no spacing.
    name : str
        What a person calls the set.
    history : tuple of Record
        The steps that led here.
    absent : (N,) array_like of bool, optional
        Points the image does not show; their position is a guess, or where the point would be.

    Raises
    ------
    ArgumentError
        If the lengths differ, a name stands twice, or a number is not finite.
    """

    names: tuple[str, ...]
    positions: FloatArray
    covariance: FloatArray | None = None
    confidence: FloatArray | None = None
    unit: Unit = "mm"
    name: str = ""
    history: tuple[Record, ...] = ()
    absent: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        names = tuple(str(n) for n in self.names)
        positions = _frozen(self.positions, "positions")
        count = len(names)
        if positions.ndim != 2 or len(positions) != count or positions.shape[1] not in (2, 3):
            raise ArgumentError(
                f"Found positions of shape {positions.shape} for {count} names; "
                f"needed ({count}, 2) or ({count}, 3)."
            )
        if len(set(names)) != count:
            twice = sorted({n for n in names if names.count(n) > 1})
            raise ArgumentError(f"Found the landmark names {', '.join(twice)} more than once.")
        object.__setattr__(self, "names", names)
        object.__setattr__(self, "positions", positions)
        ndim = positions.shape[1]
        for key, shape in (("covariance", (count, ndim, ndim)), ("confidence", (count,))):
            if getattr(self, key) is not None:
                value = _frozen(getattr(self, key), key)
                if value.shape != shape:
                    raise ArgumentError(f"Found {key} of shape {value.shape}; needed {shape}.")
                object.__setattr__(self, key, value)
        if self.absent is not None:
            object.__setattr__(self, "absent", _flags(self.absent, count))

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, name: str) -> FloatArray:
        """World position (D,) of one point."""
        if name not in self.names:
            raise ArgumentError(f"Found no landmark {name!r}; there are {', '.join(self.names)}.")
        return np.asarray(self.positions[self.names.index(name)])

    def replace(self, **changes: Any) -> Landmarks:
        """Return a copy with some fields changed."""
        return replace(self, **changes)

    def selected(self, names: Sequence[str]) -> Landmarks:
        """Return only these points, in this order, with their uncertainty."""
        missing = [n for n in names if n not in self.names]
        if missing:
            raise ArgumentError(f"Found no landmark {missing[0]!r}; there are {', '.join(self.names)}.")
        rows = [self.names.index(n) for n in names]
        return replace(
            self,
            names=tuple(names),
            positions=self.positions[rows],
            covariance=None if self.covariance is None else self.covariance[rows],
            confidence=None if self.confidence is None else self.confidence[rows],
            absent=None if self.absent is None else self.absent[rows],
        )

    @property
    def present(self) -> Landmarks:
        """Only the points the image shows."""
        if self.absent is None or not self.absent.any():
            return self
        return self.selected([n for n, gone in zip(self.names, self.absent, strict=True) if not gone])


def _flags(values: Any, count: int) -> NDArray[np.bool_]:
    flags = np.array(values)
    if flags.shape != (count,) or flags.dtype != np.bool_:
        found = f"{flags.shape}, {flags.dtype}"
        raise ArgumentError(f"Found absent of shape {found}; needed {count} truth values.")
    flags.flags.writeable = False
    return flags


def _frozen(values: Any, what: str) -> FloatArray:
    array = np.array(values, dtype=np.float64)
    if not np.all(np.isfinite(array)):
        raise ArgumentError(f"Found {what} with NaN or infinite entries; needed finite numbers.")
    array.flags.writeable = False
    return array
