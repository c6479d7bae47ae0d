"""What lies in the belly: liver, spleen, kidneys, stomach, bowel and the muscles behind them."""

from __future__ import annotations

import numpy as np

from napari_medai.core.geometry import FloatArray
from napari_medai.phantoms.canvas import Canvas
from napari_medai.phantoms.deformation import rotation
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
from napari_medai.phantoms.torso_frame import below_diaphragm, within_wall
from napari_medai.phantoms.torso_plan import TorsoPlan
from napari_medai.phantoms.torso_skeleton import spine_y

KIDNEY_RADII = (27.0, 24.0, 54.0)
"""Half-axes of a kidney of usual size: across, through, along; mm."""


def paint_back_muscles(canvas: Canvas) -> None:
    """Paint the muscles along the spine: erectors behind it, psoas beside it."""

    def erector(p: FloatArray) -> FloatArray:
        x, y = np.abs(p[0]), p[1] - spine_y(p[2])
        return np.asarray((np.hypot((x - 25) / 22, (y - 38) / 14) - 1) * 14)

    def psoas(p: FloatArray) -> FloatArray:
        x, y = np.abs(p[0]), p[1] - spine_y(p[2])
        size = np.clip(-(p[2] + 50) / 60, 0.01, 1.4)
        return np.asarray((np.hypot((x - 24 - 8 * size) / 15, (y - 6) / 17) - size) * 15)

    canvas.paint(field(erector, [-50, 50, -1e4], [50, 130, 1e4]), 52)
    canvas.paint(field(psoas, [-60, 10, -1e4], [60, 90, -49]), 55)


def liver(plan: TorsoPlan) -> Shape:
    """Under the right dome, tapering to the left, its lower edge rising from right to left."""
    size = plan.liver
    right = ellipsoid([-64, 2, -42 + plan.diaphragm], np.array([90, 104, 98]) * size)
    lobe = ellipsoid([12, -40, -18 + plan.diaphragm], np.array([70 + plan.left_lobe, 46, 40]) * size)
    whole = smooth_union(right, lobe, 24)
    edge = field(lambda p: (-92 * size + plan.diaphragm + 0.62 * (p[0] + 62) + 0.18 * p[1] - p[2]) * 0.8)
    hollow = ellipsoid([28, 34, -70], [66, 48, 92])
    whole = smooth_intersection(whole, edge, 16)
    behind = ellipsoid([-52, 62, -100 + plan.kidney_level], [46, 58, 84])
    bed = smooth_union(behind, kidney(plan, -1).grown(9), 12)
    hollow = smooth_union(hollow, bed, 16)
    whole = smooth_intersection(whole, field(lambda p: -hollow.distance(p)), 14)
    whole = smooth_intersection(whole, smooth_intersection(within_wall(12), below_diaphragm(3), 6), 8)
    return Shape(whole.distance, np.array([-150.0, -115, -150]), np.array([115.0, 115, 60]))


def paint_liver(canvas: Canvas, plan: TorsoPlan, rng: np.random.Generator, label: int) -> None:
    """Paint the liver with its veins, the porta and the gallbladder."""
    tissue = 58 + 50 * plan.contrast + plan.fatty_liver_hu
    organ = liver(plan)
    canvas.paint(organ, tissue, label)
    top, porta = plan.diaphragm, np.array([-22.0, -8, -48 + plan.diaphragm])
    cava = np.array([-24.0, 6, -2 + top])
    vessels = []
    for start, ends in [
        (cava, [(-90, 20, -35), (-62, -38, -30), (-6, -52, -24)]),
        (porta, [(-78, -30, -62), (-84, 32, -58), (6, -46, -34), (-60, 0, -84)]),
    ]:
        for end in ends:
            last = np.add(end, (0, 0, top))
            middle = (start + last) / 2 + rng.normal(0, 6, 3)
            vessels += tube(curve([start, middle, last], 4), 5.0, 1.6)
    for vessel in vessels:
        canvas.paint(vessel & organ, 44 + 108 * plan.contrast)
    bladder = ellipsoid([-40, -46, -62 + top], [15, 17, 30], rotation([-25, 15, 0]))
    canvas.paint(bladder, 55, 0)
    canvas.paint(bladder.grown(-2), 8, 0)


def kidney(plan: TorsoPlan, side: int) -> Shape:
    """One kidney with its sinus: a bean of known volume; side -1 right, 1 left."""
    size = plan.right_kidney if side < 0 else plan.left_kidney
    turn = rotation([-14, -9 * side, 24 * side])
    radii = np.array(KIDNEY_RADII) * size
    level = (-92 if side < 0 else -80) + plan.kidney_level
    return ellipsoid([64 * side, 38, level], radii, turn, bend_per_mm=-side * 0.0034)


def kidney_volume(plan: TorsoPlan, side: int) -> float:
    """Volume of one kidney in the anatomy, mm3, from the formula of the ellipsoid."""
    size = plan.right_kidney if side < 0 else plan.left_kidney
    return float(4 / 3 * np.pi * np.prod(KIDNEY_RADII) * size**3)


def paint_kidneys(canvas: Canvas, plan: TorsoPlan, label: int) -> None:
    """Paint both kidneys in their fat: cortex, medulla, sinus; and the vessels to them."""
    cortex = 34 + 150 * plan.contrast
    medulla = 34 + (60 + 90 * plan.kidney_phase) * plan.contrast
    for side in (-1, 1):
        bean = kidney(plan, side)
        canvas.paint(bean.grown(8) & within_wall(10), plan.fat_hu)
        canvas.paint(bean, cortex, label)
        level = (-92 if side < 0 else -80) + plan.kidney_level
        for angle in np.radians([-62, -38, -13, 13, 38, 62]):
            for y in (30, 46):
                place = [(52 + 18 * np.cos(angle)) * side, y, level + 38 * np.sin(angle)]
                canvas.paint(ellipsoid(place, [6, 6.5, 6]) & bean.grown(-4), medulla)
        sinus = ellipsoid([47 * side, 35, level], [19, 9, 21], rotation([-14, 0, 0]))
        canvas.paint(sinus & bean, plan.fat_hu + 50)
        path = curve([(10 * side, 26, level + 6), (30 * side, 34, level + 4), (52 * side, 36, level)])
        canvas.paint_all(tube(path, 4), 42 + 110 * plan.contrast)


def paint_spleen(canvas: Canvas, plan: TorsoPlan, label: int) -> None:
    """Paint the spleen: against the wall, behind the stomach, under the left dome."""
    turn = rotation([-22, 12, 38])
    radii = np.array([29, 46, 56]) * plan.spleen
    bulk = ellipsoid([90, 30, -38 + plan.diaphragm], radii, turn, bend_per_mm=-0.003)
    near = smooth_intersection(within_wall(12), below_diaphragm(3), 6)
    organ = smooth_intersection(bulk, near, 8)
    canvas.paint(organ, 46 + 72 * plan.contrast, label)


def paint_stomach(canvas: Canvas, plan: TorsoPlan) -> None:
    """Paint the stomach, food below and gas above as in a person lying on the back, and the pancreas."""
    size, top = plan.stomach, plan.diaphragm
    vault = ellipsoid([52, -4, -32 + top], np.array([36, 42, 38]) * size)
    body = capsule([50, -22, -40 + top], [34, -52, -74 + top], 27 * size, 20 * size)
    outlet = capsule([34, -52, -74 + top], [-14, -40, -72 + top], 19 * size, 11 * size)
    whole = smooth_union(smooth_union(vault, body, 14), outlet, 12)
    whole = smooth_intersection(whole, smooth_intersection(within_wall(12), below_diaphragm(4), 6), 8)
    canvas.paint(whole, 45 + 30 * plan.contrast)
    canvas.paint(whole.grown(-3.5), 22)
    level = -66 + plan.gas * 50
    canvas.paint(whole.grown(-3.5) & field(lambda p: p[1] - level), -920)
    pancreas = curve([(-22, 2, -72 + top), (-4, -6, -62 + top), (26, 2, -54 + top), (56, 22, -46 + top)])
    canvas.paint_all([s & within_wall(14) for s in tube(pancreas, 13, 8)], 36 + 55 * plan.contrast)


def paint_bowel(canvas: Canvas, plan: TorsoPlan, rng: np.random.Generator) -> None:
    """Paint the colon, framing the belly and partly gas-filled, and loops of small bowel within."""
    ascending = curve([(-88, 8, -190), (-92, 10, -150), (-84, -6, -118), (-72, -34, -112)], 5)
    transverse = curve([(-72, -34, -112), (-30, -66, -122), (20, -68, -120), (66, -44, -88)], 6)
    descending = curve([(66, -44, -88), (94, 6, -92), (98, 14, -130), (94, 10, -190)], 5)
    inner = within_wall(15)
    colon = np.concatenate([ascending, transverse[1:], descending[1:]])
    for place in colon:
        radius = rng.uniform(15, 21)
        _paint_loop(canvas, ellipsoid(place + rng.normal(0, 3, 3), [radius] * 3) & inner, rng, plan, 0.5)
    for _ in range(70):
        place = rng.uniform([-62, -66, -190], [66, -8, -112])
        radii = rng.uniform(9, 17, 3)
        loop = ellipsoid(place, radii, rotation(rng.uniform(0, 180, 3))) & inner
        _paint_loop(canvas, loop, rng, plan, 0.12)


def _paint_loop(
    canvas: Canvas, loop: Shape, rng: np.random.Generator, plan: TorsoPlan, gas_chance: float
) -> None:
    wall, filling = 40 + 40 * plan.contrast, rng.uniform(5, 45)
    gas = rng.random() < gas_chance
    level = rng.uniform(-50, 10)
    canvas.paint(loop.grown(2), plan.fat_hu)
    canvas.paint(loop, wall)
    canvas.paint(loop.grown(-2.5), filling)
    if gas:
        canvas.paint(loop.grown(-2.5) & field(lambda p: p[1] - level), -900)
