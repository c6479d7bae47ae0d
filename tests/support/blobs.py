"""A small volume of bright blobs, and the same one shifted."""

from __future__ import annotations

import numpy as np

from napari_medai import Geometry, MedicalImage

GRID = Geometry.from_spacing((24, 28, 32), (2.0, 2.0, 2.0))
SHIFT = (6.0, -4.0, 2.0)


def blobs(shift=(0.0, 0.0, 0.0)):
    z, y, x = np.indices(GRID.shape) * 2.0
    places = [(20, 24, 30, 9, 700), (30, 34, 22, 6, 400), (16, 36, 44, 5, 900)]
    array = sum(
        h
        * np.exp(-((z - a - shift[2]) ** 2 + (y - b - shift[1]) ** 2 + (x - c - shift[0]) ** 2) / (2 * s * s))
        for a, b, c, s, h in places
    )
    return MedicalImage(array.astype("float32"), "zyx", GRID, name="moving" if any(shift) else "fixed")
