"""The bones of the torso: spine, ribs with their cartilage, breastbone, shoulder blades, collar bones."""

from __future__ import annotations

import numpy as np

from napari_medai.core.geometry import FloatArray
from napari_medai.phantoms.canvas import Canvas
from napari_medai.phantoms.shapes import Shape, capsule, field
from napari_medai.phantoms.torso_frame import WALL
from napari_medai.phantoms.torso_plan import TorsoPlan

SEGMENT_MM = 25.0
"""Height of a vertebra with its disc, and distance from rib to rib."""
RIB_FALL = 0.6
"""How much a rib falls for each mm that it comes forward."""
FIRST_RIB_MM = 150.0
"""Height of the first rib half-way between back and front."""
_BONY_ARC = np.array([0.80] * 7 + [0.73, 0.67, 0.60, 0.45, 0.27])
_CARTILAGE_ARC = np.array([0.97] * 7 + [0.80, 0.74, 0.67, 0.47, 0.29])


def spine_y(z: FloatArray) -> FloatArray:
    """Depth (y) of the middle of the vertebral bodies at height z: kyphosis above, lordosis below."""
    return np.asarray(51 + 8 * np.sin(2 * np.pi * z / 420))


def paint_skeleton(canvas: Canvas, plan: TorsoPlan, label: int) -> None:
    """Paint every bone, cortex over marrow, and the discs and cartilage between bones."""
    marrow, cortex = 230 * plan.bone_gain, 620 * plan.bone_gain
    canvas.paint(discs(), 85)
    canvas.paint(ribs(plan, _CARTILAGE_ARC), 95)
    canvas.paint(spinal_canal(), 25)
    for solid, shell in [
        (vertebral_bodies(plan), 1.6),
        (vertebral_arches(plan), 2.2),
        (ribs(plan, _BONY_ARC), 1.8),
        (breastbone(), 1.5),
        (shoulder_blade(), 1.8),
        (collar_bone(), 2.2),
    ]:
        canvas.paint(solid, cortex, label)
        canvas.paint(solid.grown(-shell), marrow)


def discs() -> Shape:
    """The column of discs; vertebral bodies are painted over it."""
    return field(lambda p: _column(p, 15.5, 13), [-28, 15, -np.inf], [28, 85, np.inf])


def vertebral_bodies(plan: TorsoPlan) -> Shape:
    """All vertebral bodies, waisted, growing downwards."""

    def distance(p: FloatArray) -> FloatArray:
        along = _from_segment_centre(p[2], plan)
        growth = 1 - 0.0012 * p[2]
        waist = 1 - 0.10 * np.clip(1 - (along / 10) ** 2, 0, 1)
        side = _column(p, 17.5 * growth * waist, 14 * growth * waist)
        return np.asarray(np.maximum(side, np.abs(along) - 10))

    return field(distance, [-32, 10, -1e4], [32, 92, 1e4])


def spinal_canal() -> Shape:
    """The canal behind the bodies, with the cord in it."""

    def distance(p: FloatArray) -> FloatArray:
        return np.asarray(np.hypot(p[0], p[1] - spine_y(p[2]) - 24) - 9)

    return field(distance, [-12, 55, -1e4], [12, 100, 1e4])


def vertebral_arches(plan: TorsoPlan) -> Shape:
    """Laminae around the canal, with spinous and transverse processes."""

    def distance(p: FloatArray) -> FloatArray:
        along = _from_segment_centre(p[2], plan)
        x, y = np.abs(p[0]), p[1] - spine_y(p[2])
        ring = np.abs(np.hypot(x / 1.15, y - 24) - 10.5) - 2.6
        ring = np.maximum(ring, np.abs(along) - 9)
        slant = along + 0.35 * (y - 34)
        spinous = np.maximum.reduce([x - 3.2, np.abs(y - 43) - 10, np.abs(slant) - 7])
        transverse = np.maximum(x - 32, np.hypot((y - 29 - 0.25 * (x - 14)), (along - 3) * 0.8) - 4.4)
        transverse = np.maximum(transverse, 11 - x)
        return np.asarray(np.minimum.reduce([ring, spinous, transverse]))

    return field(distance, [-36, 50, -1e4], [36, 120, 1e4])


def ribs(plan: TorsoPlan, arc: FloatArray) -> Shape:
    """Twelve pairs in the wall of the cage, each as far forward as ``arc`` says (0 back, 1 front)."""

    def distance(p: FloatArray) -> FloatArray:
        x, y, z = p[:3]
        falling = z - RIB_FALL * y - FIRST_RIB_MM - plan.rib_phase
        number = np.clip(np.round(-falling / SEGMENT_MM), 0, 11)
        height = falling + SEGMENT_MM * number
        level = np.hypot((p[WALL] + 4) / 3.6, height / 5.8)
        tube = (level - 1) * 3.6
        forward = np.arctan2(np.abs(x), y) / np.pi
        end = (forward - arc[number.astype(int)]) * 200
        return np.asarray(np.maximum.reduce([tube, end, 18 - np.abs(x)]))

    return field(distance, [-160, -120, -190], [160, 120, 230])


def breastbone() -> Shape:
    """Handle, body and tip, in the front wall of the cage."""

    def distance(p: FloatArray) -> FloatArray:
        width = 13 + 9 / (1 + np.exp(-(p[2] - 92) / 5))
        front = np.maximum(np.abs(p[0]) - width, p[1])
        tall = np.abs(p[2] - 68) - 62
        return np.asarray(np.maximum.reduce([np.abs(p[WALL] + 3) - 5.5, front, tall]))

    return field(distance, [-26, -130, 5], [26, 0, 131])


def shoulder_blade() -> Shape:
    """Both blades: thin plates behind the upper ribs, with their ridges."""

    def distance(p: FloatArray) -> FloatArray:
        x, y, z = np.abs(p[0]), p[1], p[2]
        plate = np.abs(p[WALL] - 11 - 0.05 * (x - 60)) - 3.0
        inner, lower = 62 - 0.12 * (z - 40) - x, 52 + 0.5 * np.abs(x - 78) - z
        outline = np.maximum.reduce([inner, lower, x - 118, 22 - y])
        return np.asarray(np.maximum(plate, outline))

    return field(distance, [-120, 15, 45], [120, 150, 400])


def collar_bone() -> Shape:
    """Both collar bones."""
    right = capsule([-20, -66, 133], [-75, -58, 148], 6) | capsule([-75, -58, 148], [-125, -28, 165], 6)
    return right | right.mirrored()


def _column(p: FloatArray, half_width: FloatArray | float, half_depth: FloatArray | float) -> FloatArray:
    """First-order distance to an elliptic column along the spine."""
    u, v = p[0] / half_width, (p[1] - spine_y(p[2])) / half_depth
    return np.asarray((np.hypot(u, v) - 1) * np.minimum(half_width, half_depth))


def _from_segment_centre(z: FloatArray, plan: TorsoPlan) -> FloatArray:
    phase = FIRST_RIB_MM + plan.rib_phase
    return np.asarray((z - phase + SEGMENT_MM / 2) % SEGMENT_MM - SEGMENT_MM / 2)
