"""From two images to one transform: the linear start, then the deformation on the fixed grid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from napari_medai.core.geometry import FloatArray
from napari_medai.core.image import MedicalImage
from napari_medai.core.landmarks import Landmarks
from napari_medai.core.progress import Progress, never, part, silent
from napari_medai.core.transform import SpatialTransform
from napari_medai.register.anchors import Anchors
from napari_medai.register.deformable import Plan, find_displacement
from napari_medai.register.forces import Measure
from napari_medai.register.level import resized_geometry
from napari_medai.register.linear import Pose, find_linear
from napari_medai.register.motions import LinearKind
from napari_medai.register.points import fit_points
from napari_medai.register.prepare import (
    as_tensor,
    both_scaled,
    mask_weight,
    shared_structures,
    value_range,
)

if TYPE_CHECKING:
    import torch

LINEAR_SHARE = 0.15
"""Of the work, where a deformation follows."""


@dataclass(frozen=True)
class Hints:
    """What a person knows besides the images.

    Parameters
    ----------
    fixed_mask, moving_mask : MedicalImage, optional
        Where to look.
    fixed_labels, moving_labels : MedicalImage, optional
        Structures to be brought onto each other.
    fixed_landmarks, moving_landmarks : Landmarks, optional
        Corresponding points, in one order.
    landmark_error : float
        How exactly they were placed.
    start : (D+1, D+1) array, optional
        Where to begin.
    bent : SpatialTransform, optional
        A deformation to begin from.
    """

    fixed_mask: MedicalImage | None = None
    moving_mask: MedicalImage | None = None
    fixed_labels: MedicalImage | None = None
    moving_labels: MedicalImage | None = None
    fixed_landmarks: Landmarks | None = None
    moving_landmarks: Landmarks | None = None
    landmark_error: float = 2.0
    start: FloatArray | None = None
    bent: SpatialTransform | None = None

    @property
    def anchors(self) -> Anchors | None:
        """The landmarks as the linear engine takes them."""
        if self.fixed_landmarks is None or self.moving_landmarks is None:
            return None
        return Anchors(self.fixed_landmarks.positions, self.moving_landmarks.positions, self.landmark_error)


def find_pose(
    fixed: MedicalImage,
    moving: MedicalImage,
    kind: LinearKind,
    hints: Hints,
    *,
    search: bool = True,
    flips: bool = False,
    measure: Measure = "intensity",
    device: str = "cpu",
    progress: Progress = silent,
) -> Pose:
    """Find the linear transform; see :func:`napari_medai.register.linear.find_linear`.

    Where structures are given they are brought onto each other, not the grey values: they are what
    the person vouches for. Landmarks give the start, where there are enough of them.
    """
    start, anchors = hints.start, hints.anchors
    if start is None and anchors is not None:
        start = fit_points(anchors.fixed, anchors.moving, "rigid" if kind != "translation" else kind)
    masks = [
        mask_weight(hints.fixed_mask, fixed, "fixed"),
        mask_weight(hints.moving_mask, moving, "moving"),
    ]
    images = list(both_scaled(fixed, moving, measure, device))
    if hints.fixed_labels is not None and hints.moving_labels is not None:
        images = [
            as_tensor(np.tensordot(np.arange(len(layers)) + 1.0, np.stack(layers), 1), device)
            for layers in shared_structures(hints.fixed_labels, hints.moving_labels)
        ]
        search, measure = False, "intensity"
    fixed_weight, moving_weight = (None if m is None else as_tensor(m, device) for m in masks)
    return find_linear(
        images[0],
        fixed.geometry,
        images[1],
        moving.geometry,
        kind,
        weight=fixed_weight,
        moving_weight=moving_weight,
        search=search,
        flips=flips,
        start=start,
        anchors=anchors,
        measure=measure,
        progress=progress,
    )


def deform(
    fixed: MedicalImage,
    moving: MedicalImage,
    pose: FloatArray,
    plan: Plan,
    hints: Hints,
    device: str = "cpu",
    enough: Callable[[], bool] = never,
    progress: Progress = silent,
) -> SpatialTransform:
    """Find the deformation of the fixed grid that a linear transform leaves to be done.

    Returns
    -------
    SpatialTransform
        The deformation, then ``pose``.
    """
    here, there = both_scaled(fixed, moving, plan.measure, device)
    turn = np.linalg.inv(moving.geometry.affine) @ pose @ fixed.geometry.affine
    field = find_displacement(
        here,
        there,
        [float(s) for s in fixed.geometry.spacing],
        plan,
        turn=turn,
        start=None if hints.bent is None else _first_field(fixed, hints.bent, pose, device),
        weight=_weight(fixed, moving, pose, hints, device),
        structures=_structures(hints, device),
        points=_points(fixed, pose, hints),
        picture=partial(_picture, fixed, moving),
        enough=enough,
        progress=progress,
    )
    voxels = np.moveaxis(field[0].cpu().numpy(), 0, -1)
    vectors = voxels @ fixed.geometry.matrix.T.astype(np.float32)
    return SpatialTransform.from_displacement(vectors, fixed.geometry).then(
        SpatialTransform.from_matrix(pose)
    )


def align(
    fixed: MedicalImage,
    moving: MedicalImage,
    kind: LinearKind,
    plan: Plan | None,
    hints: Hints,
    *,
    search: bool = True,
    flips: bool = False,
    measure: Measure = "intensity",
    device: str = "cpu",
    enough: Callable[[], bool] = never,
    progress: Progress = silent,
) -> tuple[SpatialTransform, Pose]:
    """Find the whole transform, and how well its linear part explains the fixed image.

    ``measure`` is what the linear part compares by. ``enough`` is asked whether to end with what has been
    found; the linear part is always finished.
    """
    share = 1.0 if plan is None else LINEAR_SHARE
    first = part(progress, 0.0, share, "Aligning")
    pose = find_pose(
        fixed,
        moving,
        kind,
        hints,
        search=search,
        flips=flips,
        measure=measure,
        device=device,
        progress=first,
    )
    if plan is None or enough():
        return SpatialTransform.from_matrix(pose.matrix), pose
    rest = part(progress, share, 1.0, "Deforming")
    return deform(fixed, moving, pose.matrix, plan, hints, device, enough, rest), pose


def _first_field(fixed: MedicalImage, bent: SpatialTransform, pose: FloatArray, device: str) -> torch.Tensor:
    """Return what a deformation does before ``pose``, in voxels of the fixed grid, shape (1, D, *S)."""
    import torch

    rest = bent.then(SpatialTransform.from_matrix(pose).inverse())
    vectors = rest.displacement(fixed.geometry) @ np.linalg.inv(fixed.geometry.matrix).T.astype(np.float32)
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(vectors, -1, 0)))[None].to(device)


def _picture(fixed: MedicalImage, moving: MedicalImage, values: torch.Tensor) -> MedicalImage:
    """Make an image of what is found so far, on a coarser grid over the fixed image."""
    array = values[0, 0].cpu().numpy()
    low, high = value_range(moving)
    grid = resized_geometry(fixed.geometry, array.shape)
    return MedicalImage(low + (high - low) * array, fixed.axes, grid, name=f"{moving.name} so far")


def _weight(
    fixed: MedicalImage, moving: MedicalImage, pose: FloatArray, hints: Hints, device: str
) -> torch.Tensor | None:
    """How much each fixed voxel counts: inside both masks."""
    inside = mask_weight(hints.fixed_mask, fixed, "fixed")
    total = None if inside is None else as_tensor(inside, device)
    there = mask_weight(hints.moving_mask, moving, "moving")
    if there is not None:
        move = SpatialTransform.from_matrix(pose)
        seen = as_tensor(move.apply_to_image(moving.with_array(there), fixed).array, device)
        total = seen if total is None else total * seen
    return total


def _structures(hints: Hints, device: str) -> tuple[torch.Tensor, torch.Tensor] | None:
    import torch

    if hints.fixed_labels is None or hints.moving_labels is None:
        return None
    here, there = (
        torch.cat([as_tensor(m, device) for m in masks], dim=1)
        for masks in shared_structures(hints.fixed_labels, hints.moving_labels)
    )
    return here, there


def _points(fixed: MedicalImage, pose: FloatArray, hints: Hints) -> tuple[FloatArray, FloatArray] | None:
    """The landmarks as voxel indices of the fixed grid, before and after the deformation."""
    anchors = hints.anchors
    if anchors is None:
        return None
    back = SpatialTransform.from_matrix(pose).inverse().apply_to_points(anchors.moving)
    return fixed.geometry.world_to_index(anchors.fixed), fixed.geometry.world_to_index(back)
