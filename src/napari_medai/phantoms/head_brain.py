"""The brain: folded cortex, white matter, deep nuclei, ventricles, cerebellum, brainstem."""

from __future__ import annotations

import numpy as np

from napari_medai.core.geometry import FloatArray
from napari_medai.phantoms.canvas import Canvas
from napari_medai.phantoms.deformation import rotation
from napari_medai.phantoms.head_plan import HeadPlan
from napari_medai.phantoms.shapes import (
    Shape,
    capsule,
    curve,
    ellipsoid,
    field,
    smooth_minimum,
    smooth_union,
    tube,
)

FLUID, GREY, WHITE, VENTRICLES = 3, 4, 5, 6
"""Labels of the tissues in the skull."""

GENU, SPLENIUM = (0.0, -33.0, 7.0), (0.0, 45.0, 13.0)
POSTERIOR_COMMISSURE = (0.0, 26.0, 0.0)
FOURTH_VENTRICLE = (0.0, 41.0, -32.0)
FRONTAL_HORN, ATRIUM = (10.0, -27.0, 9.0), (27.0, 45.0, 9.0)
"""Points of the left side (x > 0), mm from the anterior commissure."""
PONS = (0.0, 13.0, -33.0)


def cerebrum() -> Shape:
    """The hull over both hemispheres, without folds."""
    upper = ellipsoid([0, 17, 17], [68, 88, 57])
    lower = ellipsoid([0, 26, 2], [62, 76, 34])
    temporal = ellipsoid([45, -4, -22], [20, 43, 21], rotation([-8, 0, 0]))
    frontal = ellipsoid([0, -36, 6], [46, 32, 22])
    whole = smooth_union(smooth_union(upper, lower, 12), frontal, 10)
    return smooth_union(whole, temporal | temporal.mirrored(), 10)


def cerebellum() -> Shape:
    """Both hemispheres of the cerebellum and the vermis."""
    half = ellipsoid([25, 60, -43], [28, 27, 21])
    vermis = ellipsoid([0, 60, -40], [14, 23, 22])
    return smooth_union(half | half.mirrored(), vermis, 8)


def brainstem() -> Shape:
    """Midbrain, pons, medulla and the beginning of the cord."""
    stem = capsule([0, 20, -6], [0, 20, -26], 13, 12) | capsule([0, 24, -44], [0, 36, -74], 10, 7)
    stem = smooth_union(stem, ellipsoid(PONS, [17, 13, 14]), 8)
    return stem | capsule([0, 36, -74], [0, 42, -140], 7, 6)


def brain_hull() -> Shape:
    """Cerebrum, cerebellum and brainstem together; what the skull is moulded on."""
    stem = capsule([0, 18, -10], [0, 30, -62], 18, 13)
    return smooth_union(smooth_union(cerebrum(), cerebellum(), 14), stem, 12)


def paint_brain(canvas: Canvas, plan: HeadPlan, rng: np.random.Generator) -> None:
    """Paint all tissues in the skull but the fluid around them."""
    folds = Folds(rng)
    hull = cerebrum()
    parenchyma = canvas.remember(field(lambda p: -_pia(p, hull, folds, plan), hull.low, hull.high))
    canvas.paint(parenchyma, plan.grey, GREY)
    canvas.paint(parenchyma.grown(-plan.cortex), plan.white, WHITE)
    _paint_cerebellum(canvas, plan)
    _paint_deep(canvas, plan)
    canvas.paint(brainstem(), 0.97 * plan.white, WHITE)
    _paint_ventricles(canvas, plan)
    _paint_commissures(canvas, plan)


class Folds:
    """A random pattern of furrows that run straight inwards from the brain's surface.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of the pattern.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        count = 26
        directions = rng.normal(size=(count, 3))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        self.waves = directions * (2 * np.pi / rng.uniform(0.30, 0.48, count))[:, None]
        self.phases = rng.uniform(0, 2 * np.pi, count)

    def furrow_distance(self, points: FloatArray) -> FloatArray:
        """Distance, mm, of points (3, ...) from the nearest furrow's middle, to first order."""
        scaled = [(points[i] - c) / r for i, (c, r) in enumerate(zip((0, 17, 8), (68, 88, 64), strict=True))]
        radius = np.sqrt(sum(s**2 for s in scaled)) + 1e-6
        u = [s / radius for s in scaled]
        value = np.zeros_like(radius)
        slope = [np.zeros_like(radius) for _ in range(3)]
        for wave, phase in zip(self.waves, self.phases, strict=True):
            angle = wave[0] * u[0] + wave[1] * u[1] + wave[2] * u[2] + phase
            value += np.cos(angle)
            sine = np.sin(angle)
            for i in range(3):
                slope[i] -= wave[i] * sine
        along = sum(s * d for s, d in zip(slope, u, strict=True))
        tangential = np.sqrt(np.clip(sum(s**2 for s in slope) - along**2, 0, None)) + 8
        return np.asarray(np.abs(value) / tangential * radius * 70)


def _pia(points: FloatArray, hull: Shape, folds: Folds, plan: HeadPlan) -> FloatArray:
    """Distance from the nearest fluid outside the cortex, mm; negative in the fluid."""
    x, y, z = np.abs(points[0]), points[1], points[2]
    depth = -hull.distance(points)
    furrow = depth - plan.sulcus_depth
    near = (depth > -5) & (furrow < 10)  # elsewhere the furrows change neither label nor brightness
    furrow[near] = np.maximum(folds.furrow_distance(points[:3, near]) - plan.sulcus, furrow[near])
    base = np.minimum(26 - np.hypot(x, y - 14), -z)
    furrow = np.maximum(furrow, base)
    level = -6 + 0.30 * (y + 10) + 3 * np.sin(y / 8) + 2 * np.sin(x / 5)
    gap = np.abs(z - level) - 0.6 - 0.5 * plan.sulcus
    sylvian = np.maximum.reduce([gap, 40 - x, np.abs(y - 2) - 32])
    insula = np.maximum(np.abs(x - 40 + 0.004 * (y - 2) ** 2) - 0.8, np.hypot(y - 2, 1.6 * (z - level)) - 24)
    midline = np.maximum(x - 1.0 - 0.5 * plan.sulcus, _below_callosum(y, z))
    fissures = np.minimum.reduce([sylvian, insula, midline])
    return smooth_minimum(np.minimum(depth, furrow), fissures, 1.5)


def _below_callosum(y: FloatArray, z: FloatArray) -> FloatArray:
    """Positive where the corpus callosum and what lies under it join the hemispheres."""
    return np.asarray((1 - np.sqrt(((y - 6) / 45) ** 2 + ((z + 2) / 35) ** 2)) * 30)


def _paint_cerebellum(canvas: Canvas, plan: HeadPlan) -> None:
    whole = cerebellum()

    def leaves(p: FloatArray) -> FloatArray:
        rays = np.arctan2(p[2] + 38, p[1] - 42)
        wave = np.sin(26 * rays + 0.12 * np.abs(p[0]))
        return np.asarray(whole.distance(p) + 5.5 + 2.6 * wave)

    core = ellipsoid([21, 52, -40], [19, 13, 9])
    trunk = ellipsoid([0, 52, -38], [6, 11, 12])
    canvas.paint(whole, plan.grey * 1.03, GREY)
    canvas.paint(field(leaves, whole.low, whole.high), 0.6 * plan.white + 0.4 * plan.grey, WHITE)
    for part in (core, core.mirrored(), trunk):
        canvas.paint(part, plan.white, WHITE)


def _paint_deep(canvas: Canvas, plan: HeadPlan) -> None:
    """Paint thalamus, caudate, putamen, pallidum: grey, some of it paler."""
    mid = 0.5 * (plan.grey + plan.white)
    tail = curve([(13, -24, 6), (15, -8, 16), (18, 12, 23), (22, 28, 22)], 5)
    for solid, value in [
        (ellipsoid([11, 15, 5], [8.5, 15, 9], rotation([0, 0, -22])), 0.6 * plan.grey + 0.4 * mid),
        (ellipsoid([26, 0, 3], [5.5, 17, 10], rotation([0, 0, -10])), 0.9 * plan.grey + 0.1 * mid),
        (ellipsoid([19, 3, 1], [4, 10, 6.5], rotation([0, 0, -22])), 0.3 * plan.grey + 0.7 * mid),
        *((rod, plan.grey) for rod in tube(tail, 6.5, 2.5)),
    ]:
        canvas.paint(solid, value, GREY)
        canvas.paint(solid.mirrored(), value, GREY)


def ventricles(plan: HeadPlan) -> list[Shape]:
    """Both lateral ventricles with all horns, third and fourth ventricle, and the duct between."""
    size = plan.ventricles
    main = curve([FRONTAL_HORN, (11, -8, 20), (14, 14, 26), (20, 34, 22), ATRIUM], 4)
    lower = curve([ATRIUM, (33, 30, -10), (35, 8, -17)], 4)
    back = curve([ATRIUM, (24, 66, 7)], 4)
    left = tube(main, 5.0 * size, 7.0 * size) + tube(lower, 5.5 * size, 2.0) + tube(back, 6.0 * size, 2.0)
    third = ellipsoid([0, 13, -3], [1.7 * size, 11.5, 11])
    duct = capsule([0, 29, -6], [0, 36, -22], 1.1)
    fourth = ellipsoid(FOURTH_VENTRICLE, [8 * size, 4.5 * size, 11])
    return [*left, *(rod.mirrored() for rod in left), third, duct, fourth]


def _paint_ventricles(canvas: Canvas, plan: HeadPlan) -> None:
    canvas.paint_all(ventricles(plan), plan.fluid * 0.95, VENTRICLES)
    septum = field(lambda p: np.abs(p[0]) - 0.9, [-1, -24, 4], [1, 24, 26])
    canvas.paint(septum & field(lambda p: np.abs(p[2] - 15) - 10) & field(lambda p: np.abs(p[1]) - 22),
                 plan.white, WHITE)  # fmt: skip


def _paint_commissures(canvas: Canvas, plan: HeadPlan) -> None:
    """Paint the corpus callosum and both commissures across the midline."""
    arc = curve([(0, -20, -2), GENU, (0, -20, 26), (0, 8, 34), (0, 34, 28), SPLENIUM], 5)
    for offset in (-6.0, 0.0, 6.0):
        canvas.paint_all(tube(np.add(arc, (offset, 0, 0)), 4.2), plan.white * 1.03, WHITE)
    for y in (0.0, POSTERIOR_COMMISSURE[1]):
        canvas.paint(capsule([-9, y, 0], [9, y, 0], 2.4), plan.white * 1.02, WHITE)
