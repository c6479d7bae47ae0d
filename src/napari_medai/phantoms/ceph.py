"""A cephalogram of a head that nobody ever had, with exact landmarks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.errors import ArgumentError
from napari_medai.core.geometry import FloatArray, Geometry
from napari_medai.core.image import MedicalImage
from napari_medai.core.landmarks import Landmarks
from napari_medai.phantoms.ceph_drawing import POINTS, outlines, point
from napari_medai.phantoms.ceph_plan import PARTS, CephPlan, draw_ceph_plan
from napari_medai.phantoms.texture import blur, smooth_noise

CEPH_POINTS = tuple(POINTS)
"""The names of the points, those of the ISBI 2015 set first and in its order."""

CEPH_SHAPE = (400, 360)
CEPH_SPACING = (0.5, 0.5)
_CENTRE = np.array([12.0, 32.0])
_EDGE_MM = 2.0
_FINER = 2
_TRIES = 50


@dataclass(frozen=True, eq=False)
class CephPhantom:
    """A cephalogram with what is exactly known about it.

    Parameters
    ----------
    image : MedicalImage
        What the detector shows, 2-D: bone bright, 0 to 1.
    landmarks : Landmarks
        All points of ``CEPH_POINTS``, mm; ``absent`` tells which this picture does not show, because the
        tooth is missing or the point lies outside.
    """

    image: MedicalImage
    landmarks: Landmarks


def cephalogram(
    seed: int = 0, shape: Sequence[int] = CEPH_SHAPE, spacing: Sequence[float] = CEPH_SPACING
) -> CephPhantom:
    """Make a cephalogram-like picture.

    Parameters
    ----------
    seed : int
        Which head; 0 or more. Anatomy and landmarks follow from it and the size of the field.
    shape : (int, int)
        Pixels along (y, x).
    spacing : (float, float)
        Pixel size along (y, x), mm.

    Returns
    -------
    CephPhantom
        Image and landmarks.

    Raises
    ------
    ArgumentError
        If the seed is negative.

    Examples
    --------
    >>> ceph = cephalogram(1, shape=(100, 90), spacing=(2, 2))
    >>> ceph.landmarks["sella"].shape
    (2,)
    """
    if seed < 0:
        raise ArgumentError(f"Found seed {seed}; needed 0 or more.")
    geometry = Geometry.from_spacing(tuple(shape), tuple(spacing))
    rng = np.random.default_rng([seed, 21])
    plan, points = _draw(rng, geometry)
    absent = _absent(plan, points, geometry)
    facts = {"modality": "DX", "phantom": {"seed": seed}}
    image = MedicalImage(_expose(plan, geometry, rng), "yx", geometry, name="cephalogram", meta=facts)
    landmarks = Landmarks(CEPH_POINTS, points, absent=absent, name="cephalogram landmarks")
    return CephPhantom(image, landmarks)


def _draw(rng: np.random.Generator, geometry: Geometry) -> tuple[CephPlan, FloatArray]:
    """Draw a head none of whose points lies just at the edge of the picture, where nobody could tell."""
    centres = _part_centres()
    for _ in range(_TRIES):
        plan = draw_ceph_plan(rng, centres)
        points = np.concatenate(
            [_placed(plan, part, np.array([at]), geometry) for part, at in POINTS.values()]
        )
        if np.all(np.abs(_depth(points, geometry)) > _EDGE_MM):
            break
    return plan, points


def _part_centres() -> dict[str, FloatArray]:
    """About which point of the drawing each part turns."""
    centres: dict[str, FloatArray] = {}
    for part in PARTS:
        own = [point(name) for name, (owner, _) in POINTS.items() if owner == part]
        centres[part] = np.mean(own, axis=0) if own else np.array([-40.0, 90.0])
    return {**centres, "mandible": point("articulare"), "skull": np.zeros(2)}


def _placed(plan: CephPlan, part: str, points: FloatArray, geometry: Geometry) -> FloatArray:
    middle = geometry.index_to_world((np.array(geometry.shape) - 1) / 2)
    return np.asarray(plan.place(part, points - _CENTRE) + middle)


def _depth(points: FloatArray, geometry: Geometry) -> FloatArray:
    """How far (mm) points lie within the field; negative outside."""
    low, high = geometry.origin, geometry.index_to_world(np.array(geometry.shape) - 1)
    return np.asarray(np.minimum(points - low, high - points).min(axis=1))


def _absent(plan: CephPlan, points: FloatArray, geometry: Geometry) -> NDArray[np.bool_]:
    lost = np.array([part in plan.missing for part, _ in POINTS.values()])
    return np.asarray(lost | (_depth(points, geometry) < 0))


def _expose(plan: CephPlan, geometry: Geometry, rng: np.random.Generator) -> FloatArray:
    """Add up what the parts absorb, then blur, expose and add noise."""
    finer = np.array(geometry.shape) * _FINER
    depth = np.zeros(finer)
    for outline in outlines():
        if outline.part not in plan.missing:
            weight = outline.weight * plan.strength[outline.part]
            depth += weight * _cover(_placed(plan, outline.part, outline.points, geometry), geometry)
    depth = depth.reshape(geometry.shape[0], _FINER, geometry.shape[1], _FINER).mean(axis=(1, 3))
    depth += 0.025 * smooth_noise(rng, geometry, 6) + 0.02 * smooth_noise(rng, geometry, 1.5)
    depth *= 1 + 0.12 * smooth_noise(rng, geometry, 120)
    seen = 1 - np.exp(-1.6 * plan.exposure * np.clip(blur(depth, geometry, plan.blur_mm), 0, None))
    seen = seen**plan.gamma + plan.noise * rng.standard_normal(geometry.shape)
    return np.clip(seen, 0, 1).astype(np.float32)


def _cover(outline: FloatArray, geometry: Geometry) -> FloatArray:
    """Which pixels of a grid twice as fine lie inside an outline given in mm (x, y)."""
    from skimage.draw import polygon2mask

    index = (geometry.world_to_index(outline) + 0.5) * _FINER - 0.5
    finer = tuple(n * _FINER for n in geometry.shape)
    return np.asarray(polygon2mask(finer, index), dtype=float)
