"""The settings of the deformable engine that most people ever need."""

from __future__ import annotations

from typing import Literal, TypeAlias

from napari_medai.register.deformable import SLICES, Plan
from napari_medai.register.forces import Measure
from napari_medai.register.motions import LinearKind

TransformKind: TypeAlias = Literal["translation", "rigid", "similarity", "affine", "deformable"]
Effort: TypeAlias = Literal["fast", "standard", "thorough"]

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


def make_plan(ndim: int, measure: Measure, effort: Effort, smoothness: float) -> Plan:
    """Return the plan for an image of 2 or 3 dimensions."""
    smooth = SLICES if ndim == 2 else {"fluid": 1.0, "elastic": 0.7}
    iterations = SLICE_ITERATIONS if ndim == 2 else ITERATIONS
    return Plan(
        measure,
        iterations[effort],
        fluid=smooth["fluid"] * smoothness,
        elastic=smooth["elastic"] * smoothness,
    )


def linear_kind(transform: TransformKind) -> LinearKind:
    """Return the linear transform that comes first."""
    return "affine" if transform == "deformable" else transform
