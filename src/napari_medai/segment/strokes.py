"""Painted strokes: what operations ask of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.errors import ArgumentError
from napari_medai.core.image import MedicalImage
from napari_medai.preprocess.check import require_contrast, require_finite, require_spatial
from napari_medai.segment.seeds import require_one_volume


def check_strokes(
    image: MedicalImage, strokes: MedicalImage, operation: str, exactly: int | None = None
) -> NDArray[np.integer[Any]]:
    """Return the painted numbers, shape (z, y, x) or (y, x), after checking that they fit.

    Raises
    ------
    ArgumentError
        If the image has time or channels, is constant or not finite, or too few labels are painted.
    GeometryError
        If the strokes lie on another grid.
    """
    require_one_volume(image, operation)
    require_finite(image, operation)
    require_contrast(np.asarray(image.array), operation)
    image.require_same_grid(strokes, "strokes image")
    require_spatial(strokes, operation, "strokes")
    painted = np.asarray(strokes.array)
    numbers = [int(n) for n in np.unique(painted) if n != 0]
    if len(numbers) < 2 or (exactly is not None and len(numbers) != exactly):
        wanted = "two or more" if exactly is None else str(exactly)
        raise ArgumentError(
            f"{operation}: found {len(numbers)} painted label{'s' * (len(numbers) != 1)}; needed {wanted}.",
            hint="Paint a stroke of one label in the object and of another in the background.",
        )
    return painted


def names_of(strokes: MedicalImage) -> dict[int, str]:
    """Return what the painted numbers stand for."""
    known = strokes.meta.get("labels", {})
    numbers = [int(n) for n in np.unique(np.asarray(strokes.array)) if n != 0]
    return {n: str(known.get(str(n), f"label {n}")) for n in numbers}
