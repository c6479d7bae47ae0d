"""The numbers that make one torso differ from the next, drawn from a seed."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from napari_medai.core.geometry import FloatArray
from napari_medai.phantoms.deformation import Deformation, draw_shears, rotation


@dataclass(frozen=True)
class TorsoPlan:
    """One person: sizes in mm, intensities in HU, others as factors of the usual."""

    cage_half_width: float
    cage_half_depth: float
    muscle: float
    fat: float
    belly: float
    diaphragm: float
    heart: float
    heart_turn_deg: float
    liver: float
    left_lobe: float
    spleen: float
    right_kidney: float
    left_kidney: float
    kidney_level: float
    stomach: float
    gas: float
    aorta_radius: float
    rib_phase: float
    contrast: float
    kidney_phase: float
    lung_hu: float
    fat_hu: float
    fatty_liver_hu: float
    bone_gain: float
    noise_hu: float
    texture_hu: float
    table_gap: float


RANGES: dict[str, tuple[float, float]] = {
    "cage_half_width": (117, 134),
    "cage_half_depth": (80, 97),
    "muscle": (9, 15),
    "fat": (5, 25),
    "belly": (0.8, 1.9),
    "diaphragm": (-14, 14),
    "heart": (0.86, 1.16),
    "heart_turn_deg": (-12, 12),
    "liver": (0.88, 1.12),
    "left_lobe": (-20, 20),
    "spleen": (0.8, 1.3),
    "right_kidney": (0.86, 1.12),
    "left_kidney": (0.86, 1.12),
    "kidney_level": (-16, 12),
    "stomach": (0.75, 1.2),
    "gas": (0.05, 0.6),
    "aorta_radius": (9, 14),
    "rib_phase": (-12, 12),
    "contrast": (0.25, 1.0),
    "kidney_phase": (0.0, 1.0),
    "lung_hu": (-885, -790),
    "fat_hu": (-112, -90),
    "fatty_liver_hu": (-18, 8),
    "bone_gain": (0.75, 1.25),
    "noise_hu": (7, 20),
    "texture_hu": (3, 8),
    "table_gap": (2, 12),
}
"""Each number is drawn evenly from its range."""


def draw_plan(rng: np.random.Generator) -> TorsoPlan:
    """Draw one person."""
    drawn = {f.name: float(rng.uniform(*RANGES[f.name])) for f in fields(TorsoPlan)}
    return TorsoPlan(**drawn)


def draw_pose(rng: np.random.Generator) -> Deformation:
    """Draw how the person's build, posture and place in the scanner differ from the usual."""
    turn = rotation(rng.uniform(-1, 1, 3) * [3, 3, 6])
    stretch = np.diag(1 / rng.uniform(0.93, 1.05, 3))
    centre: FloatArray = rng.uniform(-1, 1, 3) * [8, 8, 14]
    broad = draw_shears(rng, 3.0, (130, 320))
    fine = draw_shears(rng, 0.9, (35, 80))
    return Deformation(stretch @ turn.T, centre, broad + fine)
