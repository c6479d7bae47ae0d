"""Scans small enough for a thousand runs: a bright ball in noise."""

import numpy as np

from napari_medai import Geometry, MedicalImage


def small_scan(number=0):
    """A ball of 7 mm radius on a grid of 2 x 1 x 1 mm; the number seeds the noise."""
    z, y, x = np.mgrid[:12, :20, :20]
    inside = np.sqrt((2 * z - 11) ** 2 + (y - 9.5) ** 2 + (x - 9.5) ** 2) < 7
    noise = np.random.default_rng(number).normal(0, 5, inside.shape)
    array = (100.0 * inside + noise).astype(np.float32)
    geometry = Geometry.from_spacing(array.shape, (2, 1, 1))
    return MedicalImage(array, "zyx", geometry, name=f"ball {number}")
