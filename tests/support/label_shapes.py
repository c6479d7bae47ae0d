"""Label images of simple bodies whose measures are known in closed form."""

from __future__ import annotations

import numpy as np

from napari_medai.core.geometry import Geometry
from napari_medai.core.image import MedicalImage

ISOTROPIC = (1.0, 1.0, 1.0)
ANISOTROPIC = (5.0, 1.0, 1.0)


def grid(shape, spacing=ISOTROPIC, origin=None):
    return Geometry.from_spacing(shape, spacing, origin)


def labels(array, spacing=ISOTROPIC, **fields):
    array = np.asarray(array)
    axes = "zyx"[-array.ndim :]
    return MedicalImage(array.astype(np.int32), axes, grid(array.shape, spacing), "labels", **fields)


def intensity(array, spacing=ISOTROPIC, **fields):
    array = np.asarray(array)
    return MedicalImage(array, "zyx"[-array.ndim :], grid(array.shape, spacing), **fields)


def box(shape, start, stop):
    array = np.zeros(shape, dtype=np.uint8)
    array[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))] = 1
    return array


def ball(shape, centre_mm, radius_mm, spacing=ISOTROPIC):
    points = np.indices(shape).reshape(len(shape), -1).T * np.array(spacing)
    inside = np.linalg.norm(points - np.array(centre_mm), axis=1) <= radius_mm
    return inside.reshape(shape).astype(np.uint8)
