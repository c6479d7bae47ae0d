"""Known moves, and what else is done to an image whose move is to be found."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from napari_medai.core.geometry import Geometry
from napari_medai.core.image import MedicalImage
from napari_medai.core.transform import SpatialTransform

MOVES = [
    (15, 0, 1),
    (30, 0, 1),
    (45, 0, 1),
    (180, 0, 1),
    (0, 0.25, 1),
    (0, 0.5, 1),
    (0, 0, 0.8),
    (0, 0, 1.25),
]
"""Degrees about a slanted axis, shift as a share of the field of view, scale."""


def known_move(
    fixed: MedicalImage, degrees: float, share: float, scale: float, seed: int
) -> SpatialTransform:
    """A turn about the centre, a scale, and a shift in a drawn direction."""
    rng, ndim = np.random.default_rng(seed), fixed.spatial_ndim
    centre = fixed.geometry.index_to_world((np.array(fixed.spatial_shape) - 1) / 2)
    extent = float((np.array(fixed.spatial_shape) * fixed.geometry.spacing).mean())
    angle, axis = np.deg2rad(degrees), rng.normal(size=3) if ndim == 3 else np.array([0.0, 0, 1])
    x, y, z = axis / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    turn = (np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross)[:ndim, :ndim] * scale
    way = rng.normal(size=ndim)
    matrix = np.eye(ndim + 1)
    matrix[:-1, :-1] = turn
    matrix[:-1, -1] = centre - turn @ centre + share * extent * way / np.linalg.norm(way)
    return SpatialTransform.from_matrix(matrix)


def moved(fixed: MedicalImage, truth: SpatialTransform) -> MedicalImage:
    """The image as the move leaves it, on a grid that holds all of it."""
    corners = truth.apply_to_points(fixed.geometry.corners())
    low, high = corners.min(axis=0), corners.max(axis=0)
    step = float(fixed.geometry.spacing.min())
    shape = np.ceil((high - low) / step).astype(int)[::-1] + 1
    grid = Geometry.from_spacing(shape, [step] * len(shape), low)
    return truth.inverse().apply_to_image(fixed, grid)


def inverted(image: MedicalImage) -> MedicalImage:
    """The other contrast: the ground stays, tissue is turned round."""
    values = np.asarray(image.array)
    limit = 0.02 * values.max()
    return image.with_array(np.where(values > limit, 1.05 * values.max() - values, 0).astype(np.float32))


def spoiled(image: MedicalImage) -> MedicalImage:
    """Noise of 4 % of the range and a bias field of 30 %."""
    rng, values = np.random.default_rng(0), np.asarray(image.array)
    field = ndimage.zoom(rng.uniform(0.7, 1.3, (3,) * values.ndim), [n / 3 for n in values.shape], order=3)
    field = field[tuple(slice(n) for n in values.shape)]
    noise = rng.normal(0, 0.04 * values.max(), values.shape)
    return image.with_array((values * field + noise).astype(np.float32))
