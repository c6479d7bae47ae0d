"""Pairs of images of which the true transform is known."""

from __future__ import annotations

import numpy as np
from grids import rotation
from made_images import points
from scipy import ndimage

from napari_medai import Geometry, MedicalImage, SpatialTransform
from napari_medai.core.sampling import sample_volume

SOLID = Geometry.from_spacing((40, 44, 48), (2.0, 1.6, 1.6), (-37.6, -34.4, -39.0))
FLAT = Geometry.from_spacing((90, 100), (1.0, 1.0), (-49.5, -44.5))


def body(geometry: Geometry = SOLID, seed: int = 0) -> MedicalImage:
    """A lopsided body of smooth tissue on an empty ground; no turn brings it onto itself."""
    place = points(geometry)
    rng = np.random.default_rng(seed)
    tissue = ndimage.gaussian_filter(rng.normal(size=geometry.shape), 3.0 / geometry.spacing)
    tissue = (tissue - tissue.min()) / np.ptp(tissue)
    radii = np.array([22.0, 28.0, 18.0])[: geometry.ndim]
    inside = ((place / radii) ** 2).sum(-1) < 1
    bump = np.linalg.norm(place - radii * 0.75, axis=-1) < 9
    values = np.where(inside | bump, 40 + 80 * tissue + 40 * bump, 0.0)
    return MedicalImage(values.astype(np.float32), "zyx"[-geometry.ndim :], geometry, name="body")


def move(
    angles_deg=(0.0, 0.0, 0.0), shift_mm=(0.0, 0.0, 0.0), scale: float = 1.0, ndim: int = 3
) -> SpatialTransform:
    """A turn about the origin, a scale, then a shift; in 2-D the turn is the third angle."""
    matrix = np.eye(ndim + 1)
    turn = rotation((0.0, 0.0, angles_deg[2]) if ndim == 2 else tuple(angles_deg))
    matrix[:-1, :-1] = scale * turn[:ndim, :ndim]
    matrix[:-1, -1] = shift_mm[:ndim]
    return SpatialTransform.from_matrix(matrix)


def moved(fixed: MedicalImage, truth: SpatialTransform, margin: int = 24) -> MedicalImage:
    """The image that the true transform (fixed to moving) leads to, on a larger grid around it."""
    corners = truth.apply_to_points(fixed.geometry.corners())
    low, high = corners.min(axis=0) - 4, corners.max(axis=0) + 4
    step = 1.7 if fixed.spatial_ndim == 3 else 1.1
    shape = np.ceil((high - low) / step).astype(int)[::-1]
    grid = Geometry.from_spacing(shape, [step] * len(shape), low)
    back = truth.inverse()
    array = sample_volume(fixed.array, fixed.geometry, grid, world_map=back.places)
    return fixed.with_array(array, geometry=grid, name="moved")


def inverted(image: MedicalImage) -> MedicalImage:
    """Another contrast: the ground stays, the tissue is turned round."""
    values = np.asarray(image.array)
    return image.with_array(np.where(values > 1, 200 - values, 0).astype(np.float32))


def noisy_copy(image: MedicalImage, sigma: float = 5.0, seed: int = 1) -> MedicalImage:
    noise = np.random.default_rng(seed).normal(0, sigma, image.array.shape)
    return image.with_array((image.array + noise).astype(np.float32))


def mean_error(found: SpatialTransform, truth: SpatialTransform, fixed: MedicalImage) -> float:
    """Mean distance in voxels between where two transforms take the body's voxels."""
    index = np.argwhere(np.asarray(fixed.array) > 1)[::17]
    place = fixed.geometry.index_to_world(index)
    gap = found.apply_to_points(place) - truth.apply_to_points(place)
    return float(np.linalg.norm(gap, axis=1).mean() / fixed.geometry.spacing.mean())


def bend(geometry: Geometry, height: float = 4.0) -> SpatialTransform:
    """A smooth deformation without folds that moves nothing at the border."""
    place = points(geometry)
    index = np.moveaxis(np.indices(geometry.shape), 0, -1)
    window = np.prod(np.sin(np.pi * (index + 0.5) / np.array(geometry.shape)), axis=-1)
    waves = np.stack([np.sin(0.08 * place[..., k - 1] + k) for k in range(geometry.ndim)], axis=-1)
    return SpatialTransform.from_displacement(height * window[..., None] * waves, geometry)
