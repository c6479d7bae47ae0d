"""Our deformable engine: coarse to fine, small smoothed steps composed one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from napari_medai.core.geometry import FloatArray
from napari_medai.core.progress import Progress, Step, never, part, silent
from napari_medai.register.anchors import hold_points
from napari_medai.register.forces import Measure, make_force
from napari_medai.register.jacobian import mend_folds
from napari_medai.register.pair import Pair
from napari_medai.register.regression import squared_correlation
from napari_medai.register.tensors import gaussian, identity_grid, resize_displacement, sample

if TYPE_CHECKING:
    import torch

    from napari_medai.core.image import MedicalImage

Precision: TypeAlias = Literal["fp32", "bf16", "fp16"]


@dataclass(frozen=True)
class Plan:
    """How a deformation is found.

    Parameters
    ----------
    measure : str
        What "alike" means; see :func:`napari_medai.register.images.register_images`.
    iterations : tuple of int
        Steps at each level, coarsest first; the last level is the full grid if ``finest`` is 1. The
        first entry is repeated for coarser levels.
    finest : int
        Shrink factor of the finest level.
    fluid : float
        Smoothing of each step, in voxels of the level.
    elastic : float
        Smoothing of the whole displacement after each step, in voxels of the level.
    step : float
        Longest step, in voxels of the level.
    precision : {"fp32", "bf16", "fp16"}
        Of grey values, slopes and forces; sums, smoothing and the displacement are fp32 throughout.
    """

    measure: Measure = "intensity"
    iterations: tuple[int, ...] = (60, 80, 16)
    finest: int = 1
    fluid: float = 1.0
    elastic: float = 0.7
    step: float = 2.0
    precision: Precision = "fp32"


REFRESH = 20
"""Steps after which the moving image's grey values are fitted to the fixed one's again."""

SLICES = {"fluid": 0.5, "elastic": 0.8}
"""Smoothing in 2-D, where a level has few voxels to learn from and structures leave the plane."""

SMALLEST_SIDE = 20
"""The coarsest level keeps at least this many voxels along its longest side over four."""


def find_displacement(
    fixed: torch.Tensor,
    moving: torch.Tensor,
    spacing: Sequence[float],
    plan: Plan,
    *,
    turn: FloatArray | None = None,
    start: torch.Tensor | None = None,
    weight: torch.Tensor | None = None,
    structures: tuple[torch.Tensor, torch.Tensor] | None = None,
    points: tuple[FloatArray, FloatArray] | None = None,
    picture: Callable[[torch.Tensor], MedicalImage] | None = None,
    enough: Callable[[], bool] = never,
    progress: Progress = silent,
) -> torch.Tensor:
    """Find where each voxel of the fixed image lies in the moving image.

    Parameters
    ----------
    fixed, moving : torch.Tensor
        Shape (1, 1, *S) and (1, 1, *T).
    spacing : sequence of float
        Voxel size along each axis; coarser levels are nearly isotropic.
    plan : Plan
        Measure, steps and smoothing.
    turn : (D+1, D+1) array, optional
        From voxel indices of the fixed to those of the moving grid, the best linear guess; without it
        both lie on one grid.
    start : torch.Tensor, optional
        Shape (1, D, *S): a displacement in voxels to begin from.
    weight : torch.Tensor, optional
        Shape (1, 1, *S): how much each fixed voxel counts.
    structures : tuple of torch.Tensor, optional
        Fixed and moving masks, (1, K, *S) and (1, K, *T), of structures to be brought onto each other.
    points : tuple of (N, D) array, optional
        Points to be brought onto each other, as fixed voxel indices before and after the displacement.
    picture : callable, optional
        Makes an image of grey values (1, 1, *S) on the grid of a level; the steps then show the moving
        image as it lies when their level begins.
    enough : callable
        Asked before every step whether to end with the displacement found so far.
    progress : Progress
        Hears every step, with the share of the fixed image that is explained.

    Returns
    -------
    torch.Tensor
        Displacement in voxels, shape (1, D, *S); moving index = turn(fixed index + displacement).
    """
    import torch

    levels = level_shapes(fixed.shape[2:], spacing, plan)
    costs = [float(torch.tensor(shape).prod()) * count for shape, count in levels]
    turn = np.eye(fixed.ndim - 1) if turn is None else turn
    pair = Pair(fixed, moving, turn, plan.measure, weight, structures, picture)
    done = 0.0
    with torch.inference_mode():
        field = fixed.new_zeros((1, fixed.ndim - 2, *levels[0][0])) if start is None else start
        for (shape, count), cost in zip(levels, costs, strict=True):
            inner = part(progress, done / sum(costs), (done + cost) / sum(costs), "Deforming")
            field = _refine(field, pair, shape, count, plan, enough, inner)
            if points is not None:
                field = hold_points(field, *(_rescaled(p, fixed.shape[2:], shape) for p in points))
            done += cost
        return mend_folds(resize_displacement(field, fixed.shape[2:]))


def level_shapes(
    shape: Sequence[int], spacing: Sequence[float], plan: Plan
) -> list[tuple[tuple[int, ...], int]]:
    """Return the grid size and the number of steps of each level, coarsest first."""
    finest = min(spacing)
    levels = []
    factor, counts = plan.finest, list(plan.iterations)
    while True:
        ratios = [max(1.0, factor * finest / s) for s in spacing]
        size = tuple(max(1, round(n / r)) for n, r in zip(shape, ratios, strict=True))
        levels.append((size, counts.pop() if len(counts) > 1 else counts[0]))
        thin = min(size) < SMALLEST_SIDE and max(size) < 4 * SMALLEST_SIDE
        if thin or max(size) < 2 * SMALLEST_SIDE:
            break
        factor *= 2
    return levels[::-1]


def compose(field: torch.Tensor, step: torch.Tensor, grid: torch.Tensor) -> torch.Tensor:
    """Return the displacement that goes ``step`` first and ``field`` from there."""
    return sample(field, grid + step) + step


def _refine(
    field: torch.Tensor,
    pair: Pair,
    shape: tuple[int, ...],
    count: int,
    plan: Plan,
    enough: Callable[[], bool],
    progress: Progress,
) -> torch.Tensor:
    field = resize_displacement(field, shape)
    grid, preview, kind = identity_grid(shape, field), pair.preview(shape, field), _kind(plan.precision)
    fixed = pair.fixed_at(shape).to(kind)
    force, weight, structures = (
        make_force(plan.measure, fixed),
        pair.weight_at(shape),
        pair.structures_at(shape),
    )
    fit = None if structures is None else make_force("ssd", structures[0])
    for index in range(0 if enough() else count):
        if index % REFRESH == 0:
            moving = pair.moving_at(shape, field)
        warped = moving.at(grid + field).to(kind)
        progress(Step(index, count, "", {"explained": _explained(fixed, warped)}, preview))
        if enough():
            break
        pull = force(warped).to(field.dtype)
        pull = pull if weight is None else pull * weight
        if fit is not None and structures is not None:
            pull = pull + fit(structures[1].at(grid + field))
        step = gaussian(pull, plan.fluid)
        field = gaussian(compose(field, _bounded(step, plan.step), grid), plan.elastic)
    return field


def _explained(fixed: torch.Tensor, warped: torch.Tensor) -> float:
    return squared_correlation(fixed.float(), warped.float())


def _kind(precision: Precision) -> torch.dtype:
    import torch

    return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]


def _rescaled(points: FloatArray, full: Sequence[int], shape: Sequence[int]) -> FloatArray:
    """Turn voxel indices of the full grid into those of a level."""
    ratio = np.array(shape) / np.array(full)
    return np.asarray((points + 0.5) * ratio - 0.5)


def _bounded(step: torch.Tensor, longest: float) -> torch.Tensor:
    length = float(step.pow(2).sum(1).max().sqrt())
    return step * (longest / length) if length > longest else step
