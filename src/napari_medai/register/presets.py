"""The settings of the deformable engine that most people ever need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from napari_medai.register.deformable import SLICES, Plan, Precision
from napari_medai.register.forces import Measure
from napari_medai.register.motions import LinearKind

TransformKind: TypeAlias = Literal["translation", "rigid", "similarity", "affine", "deformable"]
Effort: TypeAlias = Literal["fast", "standard", "thorough"]
Preset: TypeAlias = Literal[
    "same_patient",
    "same_patient_other_modality",
    "other_patient_brain",
    "other_patient_body",
    "slices",
]


@dataclass(frozen=True)
class Settings:
    """What a preset stands for.

    Parameters
    ----------
    transform : {"translation", "rigid", "similarity", "affine", "deformable"}
        What may happen to the moving image.
    measure : str
        What a deformation compares.
    smoothness : float
        Above 1 the deformation is smoother.
    """

    transform: TransformKind
    measure: Measure = "intensity"
    smoothness: float = 1.0


PRESETS: dict[Preset, Settings] = {
    "same_patient": Settings("rigid"),
    "same_patient_other_modality": Settings("rigid", "mind"),
    "other_patient_brain": Settings("deformable"),
    # organs slide and fill; a smoother deformation follows what is too different less far
    "other_patient_body": Settings("deformable", smoothness=1.5),
    "slices": Settings("deformable"),
}

ITERATIONS: dict[Effort, tuple[int, ...]] = {
    "fast": (50, 60, 2),
    "standard": (60, 80, 8),
    "thorough": (100, 120, 40),
}
"""Steps at each level; the last is the full grid, where most of the time goes."""

SLICE_ITERATIONS: dict[Effort, tuple[int, ...]] = {
    "fast": (40, 40, 10),
    "standard": (100, 100, 60),
    "thorough": (200, 200, 150),
}


def make_plan(
    ndim: int, measure: Measure, effort: Effort, smoothness: float, precision: Precision = "fp32"
) -> Plan:
    """Return the plan for an image of 2 or 3 dimensions."""
    smooth = SLICES if ndim == 2 else {"fluid": 1.0, "elastic": 0.7}
    iterations = SLICE_ITERATIONS if ndim == 2 else ITERATIONS
    return Plan(
        measure,
        iterations[effort],
        fluid=smooth["fluid"] * smoothness,
        elastic=smooth["elastic"] * smoothness,
        precision=precision,
    )


def settle(
    preset: Preset, transform: TransformKind | None, measure: Measure | None, smoothness: float | None
) -> Settings:
    """Return a preset's settings, with those that are given in their place."""
    usual = PRESETS[preset]
    return Settings(transform or usual.transform, measure or usual.measure, smoothness or usual.smoothness)


def linear_kind(transform: TransformKind) -> LinearKind:
    """Return the linear transform that comes first."""
    return "affine" if transform == "deformable" else transform
