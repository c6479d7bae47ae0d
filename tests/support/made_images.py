"""Images with a known content, sampled on any grid, and reporters that watch or stop."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from napari_medai import Geometry, MedicalImage
from napari_medai.core.errors import Cancelled

FINE, COARSE = (1.0, 1.0, 1.0), (4.0, 1.0, 1.0)
"""The two voxel sizes (z, y, x) in mm between which a physical answer must not change."""


def grid(spacing: Sequence[float] = FINE, size_mm: Sequence[float] = (48, 48, 48)) -> Geometry:
    """A box of the given extent, centred on the world's origin whatever the voxel size."""
    shape = [max(1, round(m / s)) for m, s in zip(size_mm, spacing, strict=True)]
    origin = [-(n - 1) * s / 2 for n, s in zip(shape, spacing, strict=True)][::-1]
    return Geometry.from_spacing(shape, spacing, origin)


def points(geometry: Geometry) -> np.ndarray:
    """World positions (..., D) of every voxel centre."""
    return geometry.index_to_world(np.moveaxis(np.indices(geometry.shape), 0, -1))


def from_world(
    function: Callable[[np.ndarray], np.ndarray], geometry: Geometry, kind: str = "intensity", **fields
) -> MedicalImage:
    """Sample a function of the world point (..., D) on a grid."""
    values = function(points(geometry))
    array = values.astype(np.uint8) if kind == "labels" else values.astype(np.float32)
    return MedicalImage(array, "zyx"[-geometry.ndim :], geometry, kind=kind, **fields)


def ball(geometry: Geometry, radius: float = 14.0, centre: Sequence[float] | None = None) -> MedicalImage:
    """Label 1 inside a ball (a disc in 2-D)."""
    middle = np.zeros(geometry.ndim) if centre is None else np.asarray(centre)
    return from_world(lambda p: np.linalg.norm(p - middle, axis=-1) < radius, geometry, "labels")


def bright_ball(
    geometry: Geometry,
    radius: float = 14.0,
    noise: float = 0.0,
    levels: tuple[float, float] = (20.0, 100.0),
    seed: int = 0,
) -> MedicalImage:
    """A bright ball on a dark ground, with Gaussian noise if wished."""
    inside = ball(geometry, radius).array > 0
    clean = np.where(inside, levels[1], levels[0])
    drawn = np.random.default_rng(seed).normal(0, noise, clean.shape) if noise else 0.0
    return MedicalImage((clean + drawn).astype(np.float32), "zyx"[-geometry.ndim :], geometry)


def noisy(shape: Sequence[int] = (8, 10, 12), axes: str = "zyx", seed: int = 0, spacing=None) -> MedicalImage:
    """Random positive values."""
    spatial = [n for n, a in zip(shape, axes, strict=True) if a in "zyx"]
    array = np.random.default_rng(seed).uniform(10, 200, shape).astype(np.float32)
    steps = spacing or (2.0, 1.0, 1.0)[-len(spatial) :]
    return MedicalImage(array, axes, Geometry.from_spacing(spatial, steps))


def colour(shape: tuple[int, int] = (16, 20), seed: int = 0) -> MedicalImage:
    """Random 8-bit RGB."""
    array = np.random.default_rng(seed).integers(0, 256, (*shape, 3), dtype=np.uint8)
    return MedicalImage(array, "yxs", Geometry.from_spacing(shape, (1.0, 1.0)))


def dice(found: np.ndarray, truth: np.ndarray) -> float:
    """Overlap of two regions, 0 to 1."""
    a, b = np.asarray(found) > 0, np.asarray(truth) > 0
    return float(2 * np.count_nonzero(a & b) / (np.count_nonzero(a) + np.count_nonzero(b)))


def volume_mm3(image: MedicalImage, label: int | None = None) -> float:
    """Volume of one label, or of all."""
    array = np.asarray(image.array)
    return float(
        np.count_nonzero(array > 0 if label is None else array == label) * image.geometry.voxel_volume
    )


class StopAt:
    """A reporter that cancels at its n-th report and counts."""

    def __init__(self, report: int = 1) -> None:
        self.report, self.count = report, 0

    def __call__(self, step) -> None:
        self.count += 1
        if self.count >= self.report:
            raise Cancelled
