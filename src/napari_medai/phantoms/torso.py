"""A CT of a chest and belly that nobody ever had, with the exact outline of its organs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_medai.core.errors import ArgumentError
from napari_medai.core.geometry import FloatArray, Geometry
from napari_medai.core.image import MedicalImage
from napari_medai.phantoms.canvas import Canvas
from napari_medai.phantoms.deformation import Deformation, rotation
from napari_medai.phantoms.shapes import field
from napari_medai.phantoms.texture import blur, smooth_noise
from napari_medai.phantoms.torso_abdomen import (
    kidney_volume,
    paint_back_muscles,
    paint_bowel,
    paint_kidneys,
    paint_liver,
    paint_spleen,
    paint_stomach,
)
from napari_medai.phantoms.torso_chest import paint_great_vessels, paint_heart, paint_lungs
from napari_medai.phantoms.torso_frame import body, frame, muscle_wall, within_wall
from napari_medai.phantoms.torso_plan import TorsoPlan, draw_plan, draw_pose
from napari_medai.phantoms.torso_skeleton import paint_skeleton

TORSO_LABELS: dict[int, str] = {
    1: "lung",
    2: "heart",
    3: "liver",
    4: "kidney",
    5: "spleen",
    6: "bone",
    7: "aorta",
}
"""What each number in the labels of a torso stands for."""

TORSO_SHAPE = (60, 128, 128)
TORSO_SPACING = (5.0, 3.0, 3.0)
OBLIQUE_TURN_DEG = (12.0, -7.0, 9.0)
"""By how much an oblique scan's axes are turned about x, y and z."""


def ct_torso(
    seed: int = 0,
    shape: Sequence[int] = TORSO_SHAPE,
    spacing: Sequence[float] = TORSO_SPACING,
    *,
    oblique: bool = False,
) -> tuple[MedicalImage, MedicalImage]:
    """Make a CT-like torso with its exact labels.

    The person's build, organs, contrast phase and noise follow from the seed alone. Labels say what
    lies at each voxel's centre: they come from the shapes, not from the image, and another grid over
    the same seed sees the same person.

    Parameters
    ----------
    seed : int
        Which person; 0 or more.
    shape : (int, int, int)
        Voxels along (z, y, x).
    spacing : (float, float, float)
        Voxel size along (z, y, x), mm.
    oblique : bool
        Turn the scan's axes against the patient's.

    Returns
    -------
    image : MedicalImage
        Whole Hounsfield units in float32, clipped to -1024 ... 3071.
    labels : MedicalImage
        Numbers in uint8; ``meta["labels"]`` names them. ``meta["kidney_volume_mm3"]`` is the volume of
        both kidneys by formula, if they lie wholly inside the grid.

    Raises
    ------
    ArgumentError
        If the seed is negative.

    Examples
    --------
    >>> image, labels = ct_torso(3, shape=(12, 32, 32), spacing=(25, 12, 12))
    >>> labels.meta["labels"]["3"]
    'liver'
    """
    if seed < 0:
        raise ArgumentError(f"Found seed {seed}; needed 0 or more.")
    geometry = scan_geometry(shape, spacing, OBLIQUE_TURN_DEG if oblique else (0.0, 0.0, 0.0))
    plan, pose = draw_torso(seed)
    canvas = paint_torso(plan, pose, geometry, np.random.default_rng([seed, 3]))
    voxels = expose(canvas, plan, np.random.default_rng([seed, 4]))
    shared = {"phantom": {"seed": seed}}
    meta = {**shared, "modality": "CT", "value_unit": "HU", "window": {"center": 40.0, "width": 400.0}}
    image = MedicalImage(voxels, "zyx", geometry, name="ct torso", meta=meta)
    kidneys = (kidney_volume(plan, -1) + kidney_volume(plan, 1)) * pose.volume_factor
    names = {str(number): name for number, name in TORSO_LABELS.items()}
    facts = {**shared, "labels": names, "kidney_volume_mm3": kidneys}
    labels = MedicalImage(canvas.labels, "zyx", geometry, kind="labels", name="ct torso labels", meta=facts)
    return image, labels


def draw_torso(seed: int) -> tuple[TorsoPlan, Deformation]:
    """Draw the person of a seed: the plan, and the map from patient to anatomy."""
    return draw_plan(np.random.default_rng([seed, 1])), draw_pose(np.random.default_rng([seed, 2]))


def scan_geometry(
    shape: Sequence[int], spacing: Sequence[float], turn_deg: Sequence[float] = (0.0, 0.0, 0.0)
) -> Geometry:
    """Give the grid of a scan centred on the patient's origin, its axes turned about x, y and z."""
    straight = Geometry.from_spacing(shape, spacing)
    affine = np.eye(4)
    affine[:3, :3] = rotation(turn_deg) @ straight.matrix
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return Geometry(tuple(shape), np.round(affine, 9))


def paint_torso(plan: TorsoPlan, pose: Deformation, geometry: Geometry, rng: np.random.Generator) -> Canvas:
    """Paint a person on a grid, from the skin to what lies deepest."""
    edge = max(1.0, float(np.sort(geometry.spacing)[1]))
    canvas = Canvas(geometry, pose, -1000.0, edge, frame(plan))
    number = {name: label for label, name in TORSO_LABELS.items()}
    _paint_table(canvas, plan)
    canvas.paint(body(plan), 20)
    canvas.paint(body(plan).grown(-2.0), plan.fat_hu)
    canvas.paint(muscle_wall(plan), 54)
    canvas.paint(within_wall(10), plan.fat_hu + 8)
    paint_back_muscles(canvas)
    paint_lungs(canvas, plan, rng, number["lung"])
    paint_great_vessels(canvas, plan, number["aorta"])
    paint_heart(canvas, plan, number["heart"])
    paint_bowel(canvas, plan, rng)
    paint_stomach(canvas, plan)
    paint_liver(canvas, plan, rng, number["liver"])
    paint_spleen(canvas, plan, number["spleen"])
    paint_skeleton(canvas, plan, number["bone"])
    paint_kidneys(canvas, plan, number["kidney"])
    return canvas


def expose(canvas: Canvas, plan: TorsoPlan, rng: np.random.Generator) -> FloatArray:
    """Turn painted values into what a scanner shows: tissue texture, blur, noise, whole HU."""
    geometry, values = canvas.geometry, canvas.values
    tissue = np.clip((values + 950) / 400, 0, 1)
    values = values + tissue * plan.texture_hu * smooth_noise(rng, geometry, 14)
    trabeculae = np.clip((values - 120) / 200, 0, 1)
    values = values + trabeculae * 35 * smooth_noise(rng, geometry, 5)
    values = blur(values, geometry, 0.38 * geometry.spacing)
    values += plan.noise_hu * smooth_noise(rng, geometry, 3)
    return np.clip(np.round(values), -1024, 3071).astype(np.float32)


def _paint_table(canvas: Canvas, plan: TorsoPlan) -> None:
    """Paint the couch under the back, where the scanner has it: a hollowed shell over foam."""
    lowest = plan.cage_half_depth * 1.02 + plan.muscle + plan.fat + plan.table_gap

    def top(p: FloatArray) -> FloatArray:
        return np.asarray(p[1] - canvas.deformation.centre[1] - lowest + (p[0] / 200) ** 2 * 28)

    within = field(lambda p: np.abs(p[0]) - 205)
    foam = field(lambda p: np.abs(top(p) - 9) - 7)
    shell = field(lambda p: np.abs(np.abs(top(p) - 9) - 8) - 1.2)
    canvas.paint_still(foam & within, -930)
    canvas.paint_still(shell & within, -420)
