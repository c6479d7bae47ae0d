"""Two images as the channels of one, as registration networks take them."""

from __future__ import annotations

import numpy as np

from napari_medai.core.image import MedicalImage
from napari_medai.core.transform import SpatialTransform
from napari_medai.register.prepare import Volume, value_range


def as_pair(fixed: MedicalImage, moving: MedicalImage, start: SpatialTransform) -> MedicalImage:
    """Return two images as channels of one on the fixed grid, each from 0 to 1."""
    lowest = float(np.asarray(moving.array).min())
    there = start.apply_to_image(moving, fixed, outside=lowest)
    channels = np.stack([unit_values(fixed), unit_values(moving, there)])
    return fixed.with_array(channels, axes="c" + fixed.axes)


def unit_values(image: MedicalImage, shown: MedicalImage | None = None) -> Volume:
    """Return values (of the image as it is shown) so that its 1st to 99th hundredth span 0 to 1, clipped."""
    low, high = value_range(image)
    values = np.asarray((image if shown is None else shown).array, dtype=np.float32)
    return np.asarray(np.clip((values - low) / (high - low), 0, 1), dtype=np.float32)
