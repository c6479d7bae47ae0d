"""The numbers that make one head differ from the next, drawn from a seed."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from napari_medai.phantoms.deformation import Deformation, draw_shears, rotation


@dataclass(frozen=True)
class HeadPlan:
    """One head: sizes in mm, intensities in the scanner's arbitrary units, others as factors of the usual."""

    scalp: float
    skull: float
    csf: float
    sulcus: float
    sulcus_depth: float
    cortex: float
    ventricles: float
    eye_radius: float
    eye_x: float
    nose: float
    face: float
    neck: float
    white: float
    grey: float
    fluid: float
    fat: float
    muscle: float
    marrow: float
    bias: float
    noise: float
    texture: float


RANGES: dict[str, tuple[float, float]] = {
    "scalp": (4, 8),
    "skull": (5.5, 9),
    "csf": (2.0, 4.5),
    "sulcus": (0.4, 1.4),
    "sulcus_depth": (14, 21),
    "cortex": (2.6, 3.4),
    "ventricles": (0.75, 1.5),
    "eye_radius": (11.2, 12.8),
    "eye_x": (29, 34),
    "nose": (0.8, 1.2),
    "face": (0.92, 1.08),
    "neck": (0.85, 1.1),
    "white": (380, 420),
    "grey": (265, 305),
    "fluid": (75, 115),
    "fat": (520, 640),
    "muscle": (190, 240),
    "marrow": (330, 440),
    "bias": (0.15, 0.35),
    "noise": (8, 18),
    "texture": (3, 7),
}
"""Each number is drawn evenly from its range."""


def draw_plan(rng: np.random.Generator) -> HeadPlan:
    """Draw one head."""
    drawn = {f.name: float(rng.uniform(*RANGES[f.name])) for f in fields(HeadPlan)}
    return HeadPlan(**drawn)


def draw_pose(rng: np.random.Generator) -> Deformation:
    """Draw the head's size and how it lies in the scanner."""
    turn = rotation(rng.uniform(-1, 1, 3) * [8, 5, 6])
    stretch = np.diag(1 / rng.uniform(0.92, 1.04, 3))
    centre = rng.uniform(-1, 1, 3) * [5, 4, 4] + [0, -4, -4]
    return Deformation(stretch @ turn.T, centre, draw_shears(rng, 1.2, (60, 160)))
