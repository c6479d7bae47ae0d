"""What lies in the chest: lungs with their vessels, heart, great vessels, airways."""

from __future__ import annotations

import numpy as np

from napari_medai.core.geometry import FloatArray
from napari_medai.phantoms.canvas import Canvas
from napari_medai.phantoms.deformation import pointing, rotation
from napari_medai.phantoms.shapes import (
    Shape,
    capsule,
    curve,
    ellipsoid,
    field,
    smooth_intersection,
    smooth_union,
    tube,
)
from napari_medai.phantoms.torso_frame import above_diaphragm, within_wall
from napari_medai.phantoms.torso_plan import TorsoPlan
from napari_medai.phantoms.torso_skeleton import spine_y

HILUM = np.array([-34.0, 14.0, 58.0])
"""Root of the right lung; the left one is its mirror image."""


def paint_lungs(canvas: Canvas, plan: TorsoPlan, rng: np.random.Generator, label: int) -> None:
    """Paint both lungs, denser towards the back, with branching vessels and bronchi."""

    def density(p: FloatArray) -> FloatArray:
        return np.asarray(plan.lung_hu + 0.75 * np.clip(p[1], -90, 90) + 0.15 * (40 - p[2]))

    both = canvas.remember(lungs(plan))
    canvas.paint(both, density, label)
    blood = 40 + 90 * plan.contrast
    for side in (1, -1):
        for vessel in _vessel_tree(rng, side):
            canvas.paint(vessel & both, blood)
        for bronchus in _bronchi(rng, side):
            canvas.paint(bronchus.grown(1.2) & both, -250)
            canvas.paint(bronchus & both, -960)


def lungs(plan: TorsoPlan) -> Shape:
    """Both lungs: the cage above the diaphragm, rounded at the top, without the mediastinum."""
    space = smooth_intersection(within_wall(9.5), above_diaphragm(2), 6)
    recess = plan.diaphragm - 58.0
    space = smooth_intersection(space, field(lambda p: recess - p[2]), 12)
    apex = ellipsoid([-56, 12, 0], [82, 105, 140]) | ellipsoid([56, 12, 0], [82, 105, 137])
    space = smooth_intersection(space, apex, 14)
    middle = mediastinum(plan)
    outside = field(lambda p: -middle.distance(p))
    shape = smooth_intersection(space, outside, 8)
    return Shape(shape.distance, np.array([-160.0, -120, -110]), np.array([160.0, 120, 170]))


def mediastinum(plan: TorsoPlan) -> Shape:
    """The strip between the lungs: around the spine, behind the breastbone, and around the heart."""

    def strip(p: FloatArray) -> FloatArray:
        back = np.hypot(p[0] / 24, (p[1] - spine_y(p[2]) - 8) / 32) - 1
        narrow = 21 + 5 * np.exp(-(((p[1] - 10) / 30) ** 2)) - 11 * np.exp(-(((p[1] + 62) / 18) ** 2))
        front = np.abs(p[0] - 3) - narrow
        return np.asarray(np.minimum(back * 25, np.maximum(front, p[1] - 60)))

    around_heart = heart(plan).grown(6)
    both = smooth_union(field(strip), around_heart, 10)
    return field(both.distance)


def heart(plan: TorsoPlan) -> Shape:
    """Ventricles pointing left, forward and down, joined with the atria behind."""
    turn = _heart_axis(plan)
    size, floor = plan.heart, plan.diaphragm
    ventricles = ellipsoid([24, -27, 26 + floor], np.array([40, 38, 54]) * size, turn)
    atria = ellipsoid([-8, -4, 46 + floor], np.array([40, 34, 38]) * size)
    return smooth_union(ventricles, atria, 14)


def _heart_axis(plan: TorsoPlan) -> FloatArray:
    """Rotation whose z axis runs from the heart's base to its tip."""
    return rotation([0, 0, plan.heart_turn_deg]) @ pointing([0.66, -0.58, -0.48])


def paint_heart(canvas: Canvas, plan: TorsoPlan, label: int) -> None:
    """Paint the heart in its fat: muscle with four cavities."""
    size, floor = plan.heart, plan.diaphragm
    blood, muscle = 42 + 112 * plan.contrast, 46 + 42 * plan.contrast
    turn = _heart_axis(plan)
    whole = heart(plan)
    above = above_diaphragm(-4)
    canvas.paint(smooth_intersection(whole.grown(5), above_diaphragm(-6), 5), plan.fat_hu + 15)
    canvas.paint(smooth_intersection(whole, above, 8), muscle, label)
    for centre, radii, tilt in [
        ([33, -22, 23], [16, 19, 34], turn),
        ([4, -40, 24], [17, 15, 34], turn),
        ([14, 6, 48], [21, 17, 20], None),
        ([-30, -12, 44], [15, 22, 27], None),
    ]:
        cavity = ellipsoid(np.add(centre, (0, 0, floor)), np.array(radii) * size, tilt)
        canvas.paint(smooth_intersection(cavity, whole.grown(-2.5), 4) & above_diaphragm(0), blood)


def aorta(plan: TorsoPlan) -> list[Shape]:
    """From the valve over the arch and down along the spine."""
    floor = plan.diaphragm
    path = [
        (4, -16, 48 + floor), (-10, -26, 75), (-8, -16, 96), (6, 4, 106), (18, 26, 98), (23, 36, 78),
        (22, 38, 40), (18, 34, 0), (10, 24, -50), (6, 19, -100), (5, 20, -160), (5, 22, -200),
    ]  # fmt: skip
    points = curve(path, 5)
    radii = np.where(points[:, 2] > 60, 1.25, 1.0) * plan.aorta_radius
    radii *= np.interp(points[:, 2], [-160, 0], [0.78, 1.0])
    ends = zip(points, points[1:], radii, radii[1:], strict=False)
    return [capsule(a, b, float(r), float(s)) for a, b, r, s in ends]


def paint_great_vessels(canvas: Canvas, plan: TorsoPlan, aorta_label: int) -> None:
    """Paint veins, the pulmonary trunk, airways, the gullet, and the aorta over all of them."""
    venous, arterial = 40 + 85 * plan.contrast, 42 + 115 * plan.contrast
    floor = plan.diaphragm
    upper_cava = curve([(-26, -18, 160), (-27, -16, 100), (-26, -10, 62 + floor)])
    lower_cava = curve([(-24, -2, 30 + floor), (-24, 8, -5), (-22, 18, -60), (-20, 22, -200)])
    trunk = curve([(22, -34, 62), (18, -18, 78), (0, 2, 78), (-34, 10, 68)])
    left_branch = curve([(18, -16, 78), (36, 12, 72)])
    for path, radius in [(upper_cava, 9), (lower_cava, 11), (trunk, 12), (left_branch, 11)]:
        canvas.paint_all(tube(path, radius), venous)
    gullet = curve([(2, 30, 190), (4, 28, 90), (10, 22, 30), (22, 8, 0), (32, -2, -18)])
    canvas.paint_all(tube(gullet, 7), 35)
    canvas.paint_all(tube(gullet[:12], 2.5), -300)
    windpipe = tube(curve([(0, 8, 200), (0, 12, 140), (-1, 16, 92)]), 8.5)
    mains = tube(curve([(-1, 16, 92), (-18, 17, 74), tuple(HILUM)]), 6.5)
    mains += tube(curve([(-1, 16, 92), (20, 17, 76), tuple(HILUM * [-1, 1, 1])]), 6)
    canvas.paint_all([s.grown(2) for s in windpipe + mains], 30)
    canvas.paint_all(aorta(plan), arterial, aorta_label)
    canvas.paint_all(windpipe + mains, -985)


def _vessel_tree(rng: np.random.Generator, side: int) -> list[Shape]:
    """Vessels of one lung: seven stems from the hilum, each forking three times."""
    rods: list[Shape] = []
    root = HILUM * [side, 1, 1]
    aims = [(0.5, -0.75, 0.5), (0.6, 0.1, 0.9), (0.6, 0.75, 0.4), (0.95, -0.2, 0.0), (0.75, -0.7, -0.45),
            (0.6, 0.2, -0.95), (0.6, 0.75, -0.7)]  # fmt: skip
    for aim in aims:
        _fork(rods, rng, root, np.array(aim) * [-side, 1, 1], 5.2, 37, 5)
    return rods


def _fork(
    rods: list[Shape],
    rng: np.random.Generator,
    start: FloatArray,
    direction: FloatArray,
    radius: float,
    length: float,
    depth: int,
) -> None:
    direction = direction / np.linalg.norm(direction)
    middle = start + direction * length * 0.5 + rng.normal(0, 2.5, 3)
    end = start + direction * length + rng.normal(0, 3, 3)
    rods.append(capsule(start, middle, radius, radius * 0.85))
    rods.append(capsule(middle, end, radius * 0.85, radius * 0.7))
    if depth > 1:
        spread = rng.normal(0, 0.55, 3)
        for sign in (1, -1):
            _fork(rods, rng, end, direction + sign * spread, radius * 0.72, length * 0.74, depth - 1)


def _bronchi(rng: np.random.Generator, side: int) -> list[Shape]:
    """First branches of the airway beside the vessels of one lung."""
    root = HILUM * [side, 1, 1]
    aims = np.array([(0.5, -0.5, 0.7), (0.7, 0.3, 0.5), (0.7, -0.5, -0.5), (0.5, 0.5, -0.9)])
    ends = [root + (aim + rng.normal(0, 0.1, 3)) * [-side, 1, 1] * 38 for aim in aims]
    return [capsule(root, end, 3.6, 2.0) for end in ends]
