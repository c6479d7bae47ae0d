"""What a prediction will take, said before it starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_medai.core.image import MedicalImage
from napari_medai.models.blend import kept_shapes
from napari_medai.models.engine import How
from napari_medai.models.infer import default_batch
from napari_medai.models.orient import turned
from napari_medai.models.prepare import channel_count
from napari_medai.models.restore import SLAB_VOXELS
from napari_medai.models.spec import ModelSpec
from napari_medai.models.windows import window_grid

BYTES = 4
FEATURES = 32
"""Feature channels at full size, where the description does not say."""
ALIVE = 4
"""Copies of the widest full-size layer that live at one time: two in a convolution, a skip, one more."""


@dataclass(frozen=True)
class Estimate:
    """What a prediction will take.

    Parameters
    ----------
    windows : int
        How many windows are predicted for each time point.
    bytes : int
        Memory beyond the image: its prepared copy, the network at work, sums, labels.
    at_most : bool
        Whether fewer windows may do, which the voxels will tell.
    """

    windows: int
    bytes: int
    at_most: bool = False

    def __str__(self) -> str:
        size = self.bytes / 1e9
        amount = f"{size:.1f} GB" if size >= 1 else f"{1000 * size:.0f} MB"
        most = "at most " if self.at_most and self.windows > 1 else ""
        return f"{most}{self.windows} window{'s' * (self.windows != 1)}, about {amount}"


def estimate(spec: ModelSpec, image: MedicalImage, how: How) -> Estimate:
    """Estimate windows and memory of a prediction; nothing is loaded and no voxel is read.

    Parameters
    ----------
    spec : ModelSpec
        The model's description.
    image : MedicalImage
        What is to be labelled.
    how : How
        How carefully.
    """
    shape = seen_shape(spec, image)
    tile = (1,) * (len(shape) - len(spec.tile)) + tuple(spec.tile)
    padded = [max(n, t) for n, t in zip(shape, tile, strict=True)]
    grid = window_grid(padded, tile, how.step_back, spec.windows.spread)
    classes, window = spec.outputs.channels, int(np.prod(tile))
    voxels, own = int(np.prod(padded)), int(np.prod(image.spatial_shape))
    prepared = 2 * (channel_count(image) + len(spec.previous)) * voxels
    sums = sum(int(np.prod(kept)) for kept in kept_shapes(grid, classes + 1))
    network = default_batch(spec.tile) * window * (ALIVE * full_size_features(spec) + 2 * classes)
    same = tuple(shape) == image.spatial_shape
    back = 0 if same else classes * (tile[0] + 1) * int(np.prod(padded[1:])) + 4 * SLAB_VOXELS
    labels = own * (1 if classes <= 256 else 2) // BYTES
    return Estimate(
        len(grid), BYTES * (prepared + sums + network + back + 2 * labels), how.quality != "exact"
    )


def seen_shape(spec: ModelSpec, image: MedicalImage) -> tuple[int, ...]:
    """Return the size of the grid the network sees, before anything is cropped."""
    way = spec.preparation
    grid = turned(image.geometry, way.orientation, way.axes).apply_geometry(image.geometry)
    if spec.spacing is None:
        return grid.shape
    kept = tuple(grid.spacing[:1]) if way.slicewise else ()
    fine = np.array(grid.shape) * grid.spacing / np.array((*kept, *spec.spacing))
    return tuple(max(1, int(n)) for n in np.ceil(fine - 1e-6))


def full_size_features(spec: ModelSpec) -> int:
    """Return how many feature channels the widest layer of full size has, as the description says."""
    said = spec.network.arguments
    for name in ("widths", "features", "filters", "init_filters", "feature_size"):
        value = said.get(name)
        if isinstance(value, Sequence) and not isinstance(value, str) and value:
            return int(value[0])  # type: ignore[arg-type]
        if isinstance(value, int):
            return value
    return FEATURES
