"""Linear registration: many starts side by side at the coarsest level, the best refined coarse to fine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_medai.core.geometry import FloatArray, Geometry
from napari_medai.core.progress import Progress, silent, track
from napari_medai.register.anchors import Anchors
from napari_medai.register.forces import Measure
from napari_medai.register.level import Level, make_levels
from napari_medai.register.motions import LinearKind, generators
from napari_medai.register.starts import starting_matrices

if TYPE_CHECKING:
    import torch

KEPT = (24, 4, 1)
"""How many starts go on: after scoring, after the coarsest level, after the second."""
STEPS = (10, 12, 8)
GROWTH: dict[LinearKind, tuple[LinearKind, ...]] = {
    "translation": ("translation",),
    "rigid": ("rigid",),
    "similarity": ("similarity",),
    "affine": ("similarity", "affine", "affine"),
}
"""The family of each level, so that shear waits until the pose is found."""
CLOSE = 0.02
"""A refinement ends when a step moves no corner by more than this many voxels."""


@dataclass(frozen=True)
class Pose:
    """One candidate: the matrix from fixed to moving world, and how well it explains the fixed image."""

    matrix: FloatArray
    score: float


def find_linear(
    fixed: torch.Tensor,
    fixed_geometry: Geometry,
    moving: torch.Tensor,
    moving_geometry: Geometry,
    kind: LinearKind = "rigid",
    *,
    weight: torch.Tensor | None = None,
    moving_weight: torch.Tensor | None = None,
    search: bool = True,
    flips: bool = False,
    start: FloatArray | None = None,
    anchors: Anchors | None = None,
    measure: Measure = "intensity",
    progress: Progress = silent,
) -> Pose:
    """Find the linear transform under which the moving image best explains the fixed one.

    Parameters
    ----------
    fixed, moving : torch.Tensor
        Shape (1, 1, *S), any sizes.
    fixed_geometry, moving_geometry : Geometry
        Where they lie.
    kind : {"translation", "rigid", "similarity", "affine"}
        What the transform may do.
    weight, moving_weight : torch.Tensor, optional
        Shape of ``fixed`` and of ``moving``: how much each voxel counts.
    search : bool
        Look at turns all round; else only start from where the images lie, and from their centres.
    flips : bool
        Whether reflections are candidates.
    start : (D+1, D+1) array, optional
        A start of one's own, from fixed to moving world; the others are left out.
    anchors : Anchors, optional
        Corresponding points that pull as well.
    measure : str
        What "alike" means; ``"intensity"`` stands for the correlation ratio.
    progress : Progress
        Hears every round.

    Returns
    -------
    Pose
        The matrix and its correlation ratio at the finest level, less what the landmarks' distances
        cost: 1 says that the moving image explains the fixed one fully, 0 that it says nothing.
    """
    import torch

    levels = make_levels(
        fixed, fixed_geometry, moving, moving_geometry, weight, moving_weight, anchors, measure
    )
    with torch.inference_mode():
        turned = search and kind != "translation"
        scaled = kind in ("similarity", "affine")
        matrices = [start] if start is not None else starting_matrices(levels[0], turned, flips, scaled)
        poses = [Pose(m, levels[0].look(m).score) for m in track(matrices, progress, "Looking all round")]
        for index, level in enumerate(levels):
            kept = KEPT[min(index, len(KEPT) - 1)]
            kept_poses = distinct(sorted(poses, key=lambda p: -p.score), level, kept)
            steps = STEPS[min(index, len(STEPS) - 1)]
            message = f"Refining, level {index + 1} of {len(levels)}"
            poses = [
                _refined(level, pose, kind, steps, index) for pose in track(kept_poses, progress, message)
            ]
        best = max(poses, key=lambda p: p.score)
        return best if measure == "intensity" else Pose(best.matrix, levels[-1].explained(best.matrix))


def distinct(poses: list[Pose], level: Level, count: int) -> list[Pose]:
    """Keep the best poses that differ by more than two voxels somewhere."""
    corners = level.fixed_geometry.corners()
    kept: list[Pose] = []
    for pose in poses:
        moved = _apply(pose.matrix, corners)
        reach = 2 * float(level.fixed_geometry.spacing.max())
        if all(np.linalg.norm(moved - _apply(k.matrix, corners), axis=1).max() > reach for k in kept):
            kept.append(pose)
        if len(kept) == count:
            break
    return kept


def _refined(level: Level, pose: Pose, kind: LinearKind, steps: int, index: int) -> Pose:
    family = GROWTH[kind][min(index, len(GROWTH[kind]) - 1)]
    return gauss_newton(level, pose.matrix, family, steps)


def gauss_newton(level: Level, matrix: FloatArray, kind: LinearKind, steps: int) -> Pose:
    """Improve a transform by least squares of the difference after the best grey-value curve.

    Parameters
    ----------
    level : Level
        The images at one resolution.
    matrix : (D+1, D+1) array
        From fixed to moving world.
    kind : {"translation", "rigid", "similarity", "affine"}
        Which motions are fitted.
    steps : int
        At most; it ends when a step moves no corner.

    References
    ----------
    Malis, Improving vision-based control using efficient second-order minimization techniques, ICRA 2004.
    """
    from scipy.linalg import expm

    basis = level.centred(generators(kind, level.ndim))
    corners = level.fixed_geometry.corners()
    voxel = float(level.fixed_geometry.spacing.min())
    best, damping = level.look(matrix), 1e-3
    for _ in range(steps):
        weights = level.solve(best, basis, damping)
        found = level.look(best.matrix @ expm(np.tensordot(weights, basis, 1)))
        moved = np.linalg.norm(_apply(found.matrix, corners) - _apply(best.matrix, corners), axis=1).max()
        if found.score > best.score:
            best, damping = found, damping / 4
        else:
            damping *= 16
        if moved < CLOSE * voxel or damping > 1e4:
            break
    matrix = np.array(best.matrix)
    matrix[-1] = np.eye(len(matrix))[-1]
    return Pose(matrix, best.score)


def _apply(matrix: FloatArray, points: FloatArray) -> FloatArray:
    return points @ matrix[:-1, :-1].T + matrix[:-1, -1]
