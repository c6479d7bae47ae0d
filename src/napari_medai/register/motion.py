"""Movement between the frames of a series, measured and undone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np
from annotated_types import Ge

from napari_medai.core.errors import ArgumentError
from napari_medai.core.geometry import FloatArray
from napari_medai.core.image import MedicalImage
from napari_medai.core.operation import IntensityImage, When, operation
from napari_medai.core.progress import Progress, Step, part, silent
from napari_medai.core.transform import SpatialTransform
from napari_medai.register.deformable import Plan
from napari_medai.register.pipeline import Hints, align
from napari_medai.register.prepare import check_pair
from napari_medai.register.presets import Effort, TransformKind, linear_kind, make_plan

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True)
class MotionResult:
    """What moved.

    Parameters
    ----------
    corrected : MedicalImage
        The series with every frame where the reference frame is.
    motion : pandas.DataFrame
        One row a frame: ``frame``, ``shift_x``, ``shift_y`` (, ``shift_z``) of the grid's centre,
        ``rotation_deg``, ``mean_displacement`` and ``largest_displacement`` of the field of view, in
        the unit of the image, and ``explained`` (share of the reference's variance, 0 to 1).
    """

    corrected: MedicalImage
    motion: DataFrame


@operation(group="register", title="Correct motion")
def correct_motion(
    series: IntensityImage,
    *,
    reference: Annotated[int, Ge(-1)] = 0,
    transform: TransformKind = "rigid",
    effort: Annotated[Effort, When("transform", ("deformable",))] = "fast",
    device: str = "auto",
    progress: Progress = silent,
) -> MotionResult:
    """Bring every frame of a series onto one of them.

    Parameters
    ----------
    series : MedicalImage
        A series over time (axes ``"tzyx"`` or ``"tyx"``); an image without time comes back as it is.
    reference : int
        The frame that stays; -1 for the mean of all.
    transform : {"translation", "rigid", "similarity", "affine", "deformable"}
        How frames may have moved.
    effort : {"fast", "standard", "thorough"}
        How long deformations are refined.
    device : str
        Where the engine runs.
    progress : Progress
        Hears every step.

    Returns
    -------
    MotionResult
        The corrected series (float32), and how far each frame had moved.

    Raises
    ------
    ArgumentError
        If the image has channels or colours, the reference is not a frame, or a frame has no contrast.
    """
    progress(Step(0, 1, "Aligning"))
    frames = _frames(series)
    if reference >= len(frames):
        raise ArgumentError(f"Found reference {reference}; the frames are 0 to {len(frames) - 1}.")
    fixed = (
        frames[0].with_array(np.mean([f.array for f in frames], 0)) if reference < 0 else frames[reference]
    )
    plan = make_plan(fixed.spatial_ndim, "intensity", effort, 1.0) if transform == "deformable" else None
    moved, rows = [], []
    for index, frame in enumerate(frames):
        check_pair(fixed, frame)
        inner = part(progress, index / len(frames), (index + 1) / len(frames), f"Frame {index}")
        found, share = _follow(fixed, frame, transform, plan, device, inner)
        moved.append(found.apply_to_image(frame, fixed, outside=float(np.asarray(frame.array).min())).array)
        rows.append({"frame": index} | _described(found, fixed) | {"explained": share})
    import pandas as pd

    values = np.stack(moved).astype(np.float32).reshape(series.array.shape)
    return MotionResult(series.with_array(values), pd.DataFrame(rows))


def _follow(
    fixed: MedicalImage,
    frame: MedicalImage,
    transform: TransformKind,
    plan: Plan | None,
    device: str,
    progress: Progress,
) -> tuple[SpatialTransform, float]:
    still = Hints(start=np.eye(fixed.spatial_ndim + 1))
    kind = linear_kind(transform)
    found, pose = align(fixed, frame, kind, plan, still, search=False, device=device, progress=progress)
    return found, pose.score


def _frames(series: MedicalImage) -> list[MedicalImage]:
    axes = series.axes.replace("t", "")
    if len(axes) != series.spatial_ndim:
        raise ArgumentError(
            f"Found a series with the axes {series.axes!r}; needed time and space alone.",
            hint="Take one channel first.",
        )
    volumes = np.asarray(series.array).reshape(-1, *series.spatial_shape)
    return [series.with_array(volume, axes=axes) for volume in volumes]


def _described(found: SpatialTransform, fixed: MedicalImage) -> dict[str, float]:
    geometry = fixed.geometry
    centre = geometry.index_to_world((np.array(geometry.shape) - 1) / 2)
    places = np.vstack([centre, geometry.corners()])
    moved = found.apply_to_points(places) - places
    distances: FloatArray = np.linalg.norm(moved, axis=1)
    linear = found.derivative(centre[None])[0]
    left, _, right = np.linalg.svd(linear)
    turn = left @ right
    cosine = (np.trace(turn) - 1) / 2 if geometry.ndim == 3 else turn[0, 0]
    shifts = {f"shift_{axis}": float(v) for axis, v in zip("xyz", moved[0], strict=False)}
    return shifts | {
        "rotation_deg": float(np.degrees(np.arccos(np.clip(cosine, -1, 1)))),
        "mean_displacement": float(distances.mean()),
        "largest_displacement": float(distances.max()),
    }
