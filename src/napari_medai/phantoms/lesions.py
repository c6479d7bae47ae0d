"""A piece of tissue with or without a lesion, in 2-D and 3-D, and a tag burned into its corner if wished."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.errors import ArgumentError
from napari_medai.core.geometry import FloatArray, Geometry
from napari_medai.core.image import MedicalImage
from napari_medai.phantoms.texture import blur, smooth_noise

LESION_LABELS: dict[int, str] = {1: "lesion", 2: "tag"}
"""What each number in the labels of a piece of tissue stands for."""

LESION_SHAPES = {2: (96, 96), 3: (48, 48, 48)}
LESION_SPACING = {2: (1.0, 1.0), 3: (2.0, 2.0, 2.0)}
VESSELS = {2: 4, 3: 8}
SOFT_EDGE_MM = 1.0
TAG_HU = 600.0


def tissue_with_lesion(
    seed: int = 0,
    ndim: int = 2,
    *,
    lesion: bool = True,
    tag: bool = False,
    shape: Sequence[int] | None = None,
    spacing: Sequence[float] | None = None,
) -> tuple[MedicalImage, MedicalImage]:
    """Make a CT-like piece of tissue with vessels, with or without one round lesion.

    The lesion is about as bright as the vessels: its brightness alone does not give it away, its form
    does. The same seed with and without lesion gives the same tissue.

    Parameters
    ----------
    seed : int
        Which piece; 0 or more.
    ndim : int
        2 or 3.
    lesion : bool
        Whether there is a lesion, 9 to 16 mm wide in 2-D, 14 to 24 mm in 3-D.
    tag : bool
        Whether a bright sign is burned into the corner, as a scanner's marker would be.
    shape : sequence of int, optional
        Voxels along the axes; 96 x 96 or 48 x 48 x 48 by default.
    spacing : sequence of float, optional
        Voxel size along the axes, mm; 1 or 2 by default.

    Returns
    -------
    image : MedicalImage
        Hounsfield units, float32.
    labels : MedicalImage
        uint8: 1 lesion, 2 tag; ``meta["labels"]`` names them.

    Raises
    ------
    ArgumentError
        If the seed is negative or the dimension is neither 2 nor 3.

    Examples
    --------
    >>> image, labels = tissue_with_lesion(3, 2)
    >>> image.array.shape, int(labels.array.max())
    ((96, 96), 1)
    """
    if seed < 0 or ndim not in LESION_SHAPES:
        raise ArgumentError(f"Found seed {seed} and {ndim} dimensions; needed 0 or more, and 2 or 3.")
    geometry = _centred(shape or LESION_SHAPES[ndim], spacing or LESION_SPACING[ndim])
    points = geometry.index_to_world(np.indices(geometry.shape).reshape(ndim, -1).T)
    place = points.T.reshape(ndim, *geometry.shape)
    half = 0.46 * np.array(geometry.shape)[::-1] * geometry.spacing[::-1]
    rng = np.random.default_rng([seed, ndim, 1])
    values = _tissue(place, half, geometry, rng)
    labels = np.zeros(geometry.shape, np.uint8)
    distance = _lesion(place, half, ndim, np.random.default_rng([seed, ndim, 2]))
    if lesion:
        share = np.clip(0.5 - distance / (2 * SOFT_EDGE_MM), 0, 1)
        values += share * (rng.uniform(70, 120) + 40 - values)
        labels[distance <= 0] = 1
    values = _exposed(values, geometry, np.random.default_rng([seed, ndim, 3]))
    if tag:
        _burn(values, labels)
    return _as_images(values, labels, geometry, seed)


def _centred(shape: Sequence[int], spacing: Sequence[float]) -> Geometry:
    size = (np.array(shape) - 1) * np.array(spacing)
    return Geometry.from_spacing(tuple(shape), tuple(spacing), origin=tuple(-size[::-1] / 2))


def _tissue(
    place: FloatArray, half: FloatArray, geometry: Geometry, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Paint air, an oval of tissue with soft texture, and vessels that run through it."""
    ndim = len(half)
    radii = half * rng.uniform(0.85, 1.0, ndim)
    level = np.sqrt(sum((place[k] / radii[k]) ** 2 for k in range(ndim)))
    texture = 12 * smooth_noise(rng, geometry, 0.14 * float(half.max()))
    values = np.where(level < 1, 40 + texture, -1000.0)
    for _ in range(VESSELS[ndim]):
        knots = rng.uniform(-0.85, 0.85, (3, ndim)) * radii
        radius, bright = rng.uniform(0.025, 0.05) * half.max(), rng.uniform(70, 130)
        distance = np.minimum(_rod(place, knots[0], knots[1]), _rod(place, knots[1], knots[2])) - radius
        share = np.clip(0.5 - distance / (2 * SOFT_EDGE_MM), 0, 1) * (level < 0.95)
        values = values + share * (40 + bright - values)
    return np.asarray(values, np.float64)


def _lesion(place: FloatArray, half: FloatArray, ndim: int, rng: np.random.Generator) -> FloatArray:
    """Give the distance to the surface of an ellipsoid inside the tissue, to first order, mm."""
    size = rng.uniform(4.5, 8.0) if ndim == 2 else rng.uniform(7.0, 12.0)
    radii = size * rng.uniform(0.85, 1.15, ndim)
    direction = rng.standard_normal(ndim)
    reach = rng.uniform(0, 1) ** (1 / ndim) * (0.85 * half - radii - 2)
    centre = direction / np.linalg.norm(direction) * reach
    scaled = [(place[k] - centre[k]) / radii[k] for k in range(ndim)]
    return np.asarray((np.sqrt(sum(s**2 for s in scaled)) - 1) * radii.mean())


def _rod(place: FloatArray, start: FloatArray, end: FloatArray) -> FloatArray:
    """Give the distance of each point (D, ...) to the line from start to end."""
    axis = end - start
    offset = place - start.reshape(-1, *[1] * (place.ndim - 1))
    along = np.clip(np.tensordot(axis, offset, 1) / (axis @ axis), 0, 1)
    return np.asarray(np.sqrt(sum((offset[k] - along * axis[k]) ** 2 for k in range(len(axis)))))


def _exposed(
    values: NDArray[np.float64], geometry: Geometry, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Add a scanner's blur and noise."""
    seen = blur(values, geometry, 0.5 * geometry.spacing)
    return np.asarray(seen + rng.uniform(6, 14) * rng.standard_normal(values.shape))


def _burn(values: NDArray[np.float64], labels: NDArray[np.uint8]) -> None:
    """Write an L into the last corner, a sixth of the image wide, through a third of a volume's slices."""
    height, width = values.shape[-2:]
    rows, columns, stroke = height // 6, width // 6, max(2, width // 32)
    sign = np.zeros((height, width), bool)
    top, left = height - rows - 2, width - columns - 2
    sign[top : top + rows, left : left + stroke] = True
    sign[top + rows - stroke : top + rows, left : left + columns] = True
    where: tuple[slice, ...] = (slice(None),) * values.ndim
    if values.ndim == 3:
        middle, third = len(values) // 2, max(1, len(values) // 6)
        where = (slice(middle - third, middle + third), slice(None), slice(None))
    values[where] = np.where(sign, TAG_HU, values[where])
    labels[where] = np.where(sign, 2, labels[where])


def _as_images(
    values: NDArray[np.float64], labels: NDArray[np.uint8], geometry: Geometry, seed: int
) -> tuple[MedicalImage, MedicalImage]:
    axes = "zyx"[-geometry.ndim :]
    shared = {"phantom": {"seed": seed}}
    meta = {**shared, "modality": "CT", "value_unit": "HU", "window": {"center": 40.0, "width": 400.0}}
    voxels = np.clip(np.round(values), -1024, 3071).astype(np.float32)
    image = MedicalImage(voxels, axes, geometry, name="tissue", meta=meta)
    facts = {**shared, "labels": {str(number): name for number, name in LESION_LABELS.items()}}
    return image, MedicalImage(labels, axes, geometry, kind="labels", name="tissue labels", meta=facts)
