"""Boxes around things found in an image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_medai.core.errors import ArgumentError
from napari_medai.core.geometry import FloatArray, Unit

if TYPE_CHECKING:
    from napari_medai.core.history import Record


@dataclass(frozen=True, eq=False)
class Boxes:
    """Axis-aligned boxes in the world.

    Parameters
    ----------
    lower, upper : (N, D) array_like
        World positions (x, y, z) of the two opposite corners, LPS, in ``unit``; lower <= upper.
    labels : sequence of str
        What each box holds.
    scores : (N,) array_like, optional
        How sure the detector is, 0 to 1.
    unit : {"mm", "pixel"}
        ``"pixel"`` when the image had no spacing.
    name : str
        What a person calls the set.
    history : tuple of Record
        The steps that led here.

    Raises
    ------
    ArgumentError
        If the lengths differ or a corner is not finite or out of order.
    """

    lower: FloatArray
    upper: FloatArray
    labels: tuple[str, ...]
    scores: FloatArray | None = None
    unit: Unit = "mm"
    name: str = ""
    history: tuple[Record, ...] = ()

    def __post_init__(self) -> None:
        labels = tuple(str(label) for label in self.labels)
        lower, upper = (np.array(c, dtype=np.float64) for c in (self.lower, self.upper))
        if lower.shape != upper.shape or lower.ndim != 2 or len(lower) != len(labels):
            raise ArgumentError(
                f"Found corners of shape {lower.shape} and {upper.shape} for {len(labels)} labels; "
                f"needed ({len(labels)}, 2) or ({len(labels)}, 3) for both."
            )
        if not (np.all(np.isfinite(lower)) and np.all(np.isfinite(upper)) and np.all(lower <= upper)):
            raise ArgumentError("Found a box with a lower corner above its upper one, or not finite.")
        scores = None if self.scores is None else np.array(self.scores, dtype=np.float64)
        if scores is not None and scores.shape != (len(labels),):
            raise ArgumentError(f"Found scores of shape {scores.shape}; needed ({len(labels)},).")
        for key, value in (("lower", lower), ("upper", upper), ("labels", labels), ("scores", scores)):
            if isinstance(value, np.ndarray):
                value.flags.writeable = False
            object.__setattr__(self, key, value)

    def __len__(self) -> int:
        return len(self.labels)
