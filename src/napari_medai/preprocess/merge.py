"""Stacks of thick slices along different planes merged into one isotropic volume."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from annotated_types import Gt

from napari_medai.core.errors import ArgumentError
from napari_medai.core.geometry import FloatArray, Geometry
from napari_medai.core.image import MedicalImage
from napari_medai.core.operation import IntensityImage, operation
from napari_medai.core.progress import Progress, part, silent
from napari_medai.core.sampling import sample_volume
from napari_medai.preprocess.arrays import FloatVolume, as_float, new_meta
from napari_medai.preprocess.check import require_contrast, require_finite, require_grey, require_volume
from napari_medai.preprocess.itk import execute, to_itk
from napari_medai.preprocess.planes import straight_grid

_NEAR_SLICE = 0.02
"""Weight of a point half way between two slices, beside 1 on a slice."""


@operation(group="preprocess", title="Merge orthogonal stacks", new_grid=True)
def merge_stacks(
    images: Sequence[IntensityImage],
    *,
    spacing_mm: Annotated[float, Gt(0)] = 1.0,
    align: bool = True,
    progress: Progress = silent,
) -> MedicalImage:
    """Merge volumes of one object, cut along different planes, into one with cubic voxels.

    Each volume is aligned to the first by a rigid motion, looked up on a common grid, and averaged with
    the others; a point counts most where it lies on one of a volume's own slices.

    Parameters
    ----------
    images : sequence of MedicalImage
        Two or more volumes of one modality, not colour, without time or channels.
    spacing_mm : float
        Side of the new voxels.
    align : bool
        Undo small movements between the scans (rigid, by correlation). Without it they are merged as
        they lie.
    progress : Progress
        Hears how far it is.

    Returns
    -------
    MedicalImage
        float32 on a straight grid over the field of view of the first volume.

    Raises
    ------
    ArgumentError
        If there are fewer than two, one is constant or not finite, or none overlaps the first.
    """
    _check(images)
    target = straight_grid(images[0].geometry, np.full(3, spacing_mm))
    total = np.zeros(target.shape, dtype=np.float32)
    weights = np.zeros(target.shape, dtype=np.float32)
    for k, image in enumerate(images):
        report = part(progress, k / len(images), (k + 1) / len(images), f"Merging volume {k + 1}")
        motion = np.eye(4)
        if align and k:
            motion = _motion(images[0], image, part(report, 0, 0.7))
        values, weight = _looked_up(image, target, motion, part(report, 0.7, 1))
        total += values * weight
        weights += weight
    covered = weights > 0
    total[covered] /= weights[covered]
    first = images[0]
    return first.with_array(total, geometry=target, meta=new_meta(first))


def _check(images: Sequence[MedicalImage]) -> None:
    if len(images) < 2:
        raise ArgumentError(f"merge_stacks: found {len(images)} volume; needed two or more.")
    for image in images:
        require_grey(image, "merge_stacks")
        require_volume(image, "merge_stacks")
        require_finite(image, "merge_stacks")
        require_contrast(np.asarray(image.array), "merge_stacks")
        if image.axes != "zyx":
            raise ArgumentError(f"merge_stacks: found axes {image.axes!r}; needed 'zyx'.")


def _looked_up(
    image: MedicalImage, target: Geometry, motion: FloatArray, progress: Progress
) -> tuple[FloatVolume, FloatVolume]:
    """Return the values on the target, and how much each is worth: its nearness to a slice."""
    volume = as_float(np.asarray(image.array))
    values = sample_volume(
        volume,
        image.geometry,
        target,
        world_map=motion,
        interpolation="cubic",
        outside=np.nan,
        progress=progress,
    )
    thick = int(np.argmax(image.geometry.spacing))
    to_index = np.linalg.inv(image.geometry.affine) @ motion @ target.affine
    position = np.full((1, 1, 1), to_index[thick, 3])
    for axis, count in enumerate(target.shape):
        line = to_index[thick, axis] * np.arange(count)
        position = position + line.reshape([-1 if k == axis else 1 for k in range(3)])
    off = np.abs(position - np.round(position)) * 2
    weight = as_float(np.broadcast_to(_NEAR_SLICE ** (off**2), target.shape))
    inside = np.isfinite(values)
    return np.where(inside, values, 0), np.where(inside, weight, 0)


def _motion(fixed: MedicalImage, moving: MedicalImage, progress: Progress) -> FloatArray:
    """Return the rigid map from fixed to moving world points."""
    import SimpleITK as sitk

    method: Any = sitk.ImageRegistrationMethod()
    method.SetMetricAsCorrelation()
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(1.0, 1e-4, 100, relaxationFactor=0.6)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([2, 1])
    method.SetSmoothingSigmasPerLevel([2.0, 1.0])
    method.SetSmoothingSigmasAreSpecifiedInPhysicalUnits(True)
    start = sitk.Euler3DTransform()
    start.SetCenter(fixed.geometry.corners().mean(axis=0).tolist())
    method.SetInitialTransform(start, inPlace=False)
    pair = [_placed(image) for image in (fixed, moving)]
    found = execute(method, *pair, progress=progress, message="Aligning", iterations=200)
    found = sitk.Euler3DTransform(found.GetNthTransform(0) if hasattr(found, "GetNthTransform") else found)
    matrix = np.eye(4)
    matrix[:3, :3] = np.reshape(found.GetMatrix(), (3, 3))
    centre = np.array(found.GetCenter())
    matrix[:3, 3] = centre + np.array(found.GetTranslation()) - matrix[:3, :3] @ centre
    return matrix


def _placed(image: MedicalImage) -> Any:
    """Return a SimpleITK image at its place in the world."""
    geometry = image.geometry
    result = to_itk(as_float(np.asarray(image.array)), tuple(geometry.spacing))
    result.SetOrigin(geometry.origin.tolist())
    result.SetDirection(geometry.direction[:, ::-1].ravel().tolist())
    return result
