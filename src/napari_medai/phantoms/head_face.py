"""What surrounds the brain: scalp, skull, face, eyes, airways, neck."""

from __future__ import annotations

import numpy as np

from napari_medai.core.geometry import FloatArray
from napari_medai.phantoms.canvas import Canvas
from napari_medai.phantoms.head_brain import FLUID, brain_hull
from napari_medai.phantoms.head_plan import HeadPlan
from napari_medai.phantoms.shapes import Shape, box, capsule, ellipsoid, field, smooth_union

SOFT, SKULL, EYES = 1, 2, 7
"""Labels of the tissues outside the brain."""
EYE_Y, EYE_Z = -70.0, -24.0


def head_surface(plan: HeadPlan) -> Shape:
    """The skin of head, face and neck."""
    cap = brain_hull().grown(plan.csf + plan.skull + plan.scalp)
    face = ellipsoid([0, -44, -60], [64 * plan.face, 58, 66 * plan.face])
    brow = ellipsoid([0, -56, -14], [54, 36, 26])
    jaw = ellipsoid([0, -70, -102], [42 * plan.face, 34, 26])
    neck = capsule([0, 12, -60], [0, 24, -200], 60 * plan.neck, 56 * plan.neck)
    nose = capsule([0, -94, -26], [0, -108, -52], 7 * plan.nose, 13 * plan.nose)
    whole = smooth_union(smooth_union(cap, brow, 20), face, 30)
    whole = smooth_union(smooth_union(whole, jaw, 20), neck, 26)
    ear = ellipsoid([80, 14, -30], [5, 15, 26])
    return smooth_union(smooth_union(whole, nose, 12), ear | ear.mirrored(), 6)


def paint_outside(canvas: Canvas, plan: HeadPlan) -> None:
    """Paint everything but the brain, from the skin inwards."""
    surface = canvas.remember(head_surface(plan))
    hull = canvas.remember(brain_hull())
    canvas.paint(surface, 0.8 * plan.muscle, SOFT)
    canvas.paint(surface.grown(-1.6), plan.fat, SOFT)
    _paint_muscles(canvas, plan, surface)
    _paint_face_bones(canvas, plan)
    canvas.paint(hull.grown(plan.csf + plan.skull), 25, SKULL)
    canvas.paint(hull.grown(plan.csf + 0.68 * plan.skull), plan.marrow, SKULL)
    canvas.paint(hull.grown(plan.csf + 0.32 * plan.skull), 25, SKULL)
    canvas.paint(hull.grown(plan.csf), plan.fluid, FLUID)
    _paint_skull_base(canvas, plan)
    _paint_airways(canvas)
    for side in (-1, 1):
        _paint_eye(canvas, plan, side)


def _paint_muscles(canvas: Canvas, plan: HeadPlan, surface: Shape) -> None:
    """Paint the muscles of the neck, of chewing, and the tongue, in their fat."""
    deep = surface.grown(-7 - 0.4 * plan.scalp)
    low = field(lambda p: np.maximum(p[2] + 30 + 0.25 * (p[1] - 10), -p[1] - 60))

    def strands(p: FloatArray) -> FloatArray:
        angle = np.arctan2(np.abs(p[0]), p[1] - 20)
        ring = np.hypot(p[0], p[1] - 20)
        lean = 0.04 * p[2] * np.sin(3 * angle)
        return np.asarray(np.sin(7 * angle + 0.03 * p[2]) * np.sin(ring / 6.5 + lean) * 3 - 1.9)

    canvas.paint(deep & low & field(strands), plan.muscle, SOFT)
    canvas.paint(capsule([0, 38, -60], [0, 46, -180], 17), plan.marrow, SKULL)
    for side in (-1, 1):
        for solid in (
            ellipsoid([64 * side, -26, -22], [9, 24, 26]),
            ellipsoid([50 * side, -38, -70], [8, 16, 28]),
            ellipsoid([30 * side, -22, -62], [9, 14, 20]),
        ):
            canvas.paint(solid & surface.grown(-5), plan.muscle, SOFT)
    canvas.paint(ellipsoid([0, -58, -92], [24, 32, 17]), 1.1 * plan.muscle, SOFT)


def _paint_face_bones(canvas: Canvas, plan: HeadPlan) -> None:
    """Paint upper jaw, cheek bones, lower jaw: marrow in dark cortex."""
    parts = [
        ellipsoid([0, -74, -60], [34, 22, 22]),
        ellipsoid([0, -78, -8], [44, 13, 12]),
        capsule([0, -92, -104], [34, -62, -104], 9) | capsule([0, -92, -104], [-34, -62, -104], 9),
    ]
    for side in (-1, 1):
        parts.append(capsule([38 * side, -80, -42], [62 * side, -40, -36], 6))
        parts.append(capsule([34 * side, -62, -104], [50 * side, -22, -60], 7.5, 5))
    for part in parts:
        canvas.paint(part, 28, SKULL)
        canvas.paint(part.grown(-2.4), 0.85 * plan.marrow, SKULL)


def _paint_skull_base(canvas: Canvas, plan: HeadPlan) -> None:
    """Paint clivus and petrous bones, which reach in between brain and face."""
    canvas.paint(capsule([0, -14, -28], [0, 6, -54], 9), 28, SKULL)
    canvas.paint(capsule([0, -14, -28], [0, 6, -54], 6.5), plan.marrow, SKULL)
    for side in (-1, 1):
        canvas.paint(capsule([18 * side, 8, -42], [60 * side, 26, -36], 7, 9), 35, SKULL)
        canvas.paint(capsule([10 * side, -24, -18], [48 * side, -30, -12], 4), 30, SKULL)


def _paint_airways(canvas: Canvas) -> None:
    """Paint sinuses, nose with its shells, throat, ear canals: no signal, no label."""
    air = 4.0
    spaces = [
        ellipsoid([0, -30, -26], [13, 12, 9]),
        ellipsoid([0, -84, -2], [17, 5, 9]),
        box([0, -74, -46], [12, 26, 19], rounding_mm=6),
        capsule([0, -34, -56], [0, -18, -82], 9) | capsule([0, -18, -82], [0, -14, -180], 7),
    ]
    for side in (-1, 1):
        spaces.append(ellipsoid([25 * side, -72, -52], [11, 15, 14]))
        spaces.append(capsule([48 * side, 14, -36], [88 * side, 12, -34], 3.0))
    canvas.paint_all(spaces, air, 0)
    canvas.paint(box([0, -74, -44], [1.4, 25, 18]), 150, SOFT)
    for side in (-1, 1):
        for z in (-40, -54):
            shell = ellipsoid([6.5 * side, -74, z], [3.2, 20, 4.2])
            canvas.paint(shell, 300, SOFT)


def _paint_eye(canvas: Canvas, plan: HeadPlan, side: int) -> None:
    """Paint one orbit: fat, muscles, nerve, eyeball, lens."""
    x, radius = plan.eye_x * side, plan.eye_radius
    fat = ellipsoid([x * 0.95, EYE_Y + 13, EYE_Z], [17, 27, 16])
    canvas.paint(fat.grown(1.5), 35, SKULL)
    canvas.paint(fat, 0.97 * plan.fat, SOFT)
    apex = np.array([12 * side, -32, EYE_Z + 4])
    for dx, dz in [(11, 0), (-11, 0), (0, 11), (0, -11)]:
        canvas.paint(capsule([x + dx, EYE_Y + 3, EYE_Z + dz], apex, 1.9), plan.muscle, SOFT)
    canvas.paint(capsule([x, EYE_Y + radius, EYE_Z], apex, 2.3), 0.9 * plan.white, SOFT)
    canvas.paint(ellipsoid([x, EYE_Y - 9, EYE_Z], [19, 8, 13]), 1.1 * plan.muscle, SOFT)
    ball = ellipsoid([x, EYE_Y, EYE_Z], [radius] * 3)
    canvas.paint(ball, 0.85 * plan.muscle, EYES)
    canvas.paint(ball.grown(-1.3), 1.1 * plan.fluid, EYES)
    canvas.paint(ellipsoid([x, EYE_Y - radius + 4.0, EYE_Z], [4.5, 2.2, 4.5]), 1.2 * plan.muscle, EYES)
