"""One image registered to another."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Le

from napari_medai.core.errors import ArgumentError, GeometryError
from napari_medai.core.geometry import FloatArray
from napari_medai.core.image import MedicalImage
from napari_medai.core.landmarks import Landmarks
from napari_medai.core.operation import Advanced, IntensityImage, LabelsImage, operation
from napari_medai.core.progress import Ending, Progress, Step, part, silent
from napari_medai.core.sampling import spread_points
from napari_medai.core.transform import SpatialTransform
from napari_medai.register.deformable import Precision
from napari_medai.register.forces import Measure
from napari_medai.register.pipeline import Hints, align
from napari_medai.register.points import fit_points, points_needed
from napari_medai.register.prepare import check_landmarks, check_pair
from napari_medai.register.presets import Effort, Preset, TransformKind, linear_kind, make_plan, settle
from napari_medai.register.quality import POOR, likeness, look_up

QUALITY_VOXELS = 200_000

START_POINTS = 20_000
"""Voxels whose way says which affine transform a deformation is nearest to."""
ENDED_EARLY = "Ended early: the deformation is what had been found by then."


@dataclass(frozen=True)
class RegistrationResult:
    """What a registration found.

    Parameters
    ----------
    warped : MedicalImage
        The moving image on the fixed grid.
    transform : SpatialTransform
        From fixed to moving world; it brings labels and points along.
    quality : dict of float
        ``explained_before`` and ``explained_after`` (share of the fixed variance that the moving values
        explain, 0 to 1), ``start_explained`` (after the linear part, at its finest level), and
        ``overlap_percent`` (of the fixed grid that the moving image covers).
    """

    warped: MedicalImage
    transform: SpatialTransform
    quality: dict[str, float]


@operation(group="register", title="Register images", ends_early=True)
def register_images(
    fixed: IntensityImage,
    moving: IntensityImage,
    fixed_mask: LabelsImage | None = None,
    moving_mask: LabelsImage | None = None,
    fixed_labels: LabelsImage | None = None,
    moving_labels: LabelsImage | None = None,
    fixed_landmarks: Landmarks | None = None,
    moving_landmarks: Landmarks | None = None,
    start: SpatialTransform | None = None,
    *,
    preset: Preset = "same_patient",
    effort: Effort = "standard",
    transform: Annotated[TransformKind | None, Advanced()] = None,
    measure: Annotated[Measure | None, Advanced()] = None,
    smoothness: Annotated[float | None, Gt(0), Le(5), Advanced()] = None,
    search: Annotated[bool, Advanced()] = True,
    flips: Annotated[bool, Advanced()] = False,
    landmark_error_mm: Annotated[float, Ge(0.01), Advanced()] = 2.0,
    precision: Annotated[Precision, Advanced()] = "fp32",
    device: str = "auto",
    progress: Progress = silent,
) -> RegistrationResult:
    """Bring a moving image onto a fixed one.

    The linear part tries turns all round, so that images may lie anywhere; it compares them by the
    correlation ratio, which holds for any pair of modalities. The deformation is made of many small
    smooth steps, coarse to fine, and folds left by them are smoothed away.

    Parameters
    ----------
    fixed : MedicalImage
        The image that stays: one grey volume or slice.
    moving : MedicalImage
        The image that is brought onto it, of any size and voxel size.
    fixed_mask, moving_mask : MedicalImage, optional
        Where to look, on the image's grid; elsewhere the images may differ.
    fixed_labels, moving_labels : MedicalImage, optional
        Structures (the same number in both) to be brought onto each other, on the image's grid. The
        linear part is then found from them alone.
    fixed_landmarks, moving_landmarks : Landmarks, optional
        Corresponding points, by name. They give the start and pull all along.
    start : SpatialTransform, optional
        A transform to begin from, in place of the search; one that deforms where the result may.
    preset : {"same_patient", "same_patient_other_modality", "other_patient_brain", \
"other_patient_body", "slices"}
        What the two images are. One patient is shifted and turned; another one, or a slice, is bent as
        well, a body more smoothly than a brain.
    effort : {"fast", "standard", "thorough"}
        How long a deformation is refined.
    transform : {"translation", "rigid", "similarity", "affine", "deformable"}, optional
        What may happen to the moving image: shift; and turn; and scale; and shear; and bend. The
        preset says it when not given.
    measure : {"intensity", "ssd", "ncc", "lncc", "correlation_ratio", "mutual_information", \
"normalised_mutual_information", "mind"}, optional
        What both parts compare. One modality: ``"ssd"``, grey values as they are; ``"ncc"``, after the
        best straight line; ``"lncc"``, after the best line around each voxel. Any modalities:
        ``"correlation_ratio"``, after the best curve; mutual information (Mattes), as it is or over the
        joint entropy; ``"mind"``, the self-similarity of surroundings. When not given, the linear part
        takes the correlation ratio, and a deformation what the preset says: ``"intensity"``, after the
        best rising or falling curve together with local correlation, or ``"mind"``.
    smoothness : float, optional
        Above 1 a deformation is smoother, below 1 it is finer. The preset says it when not given.
    search : bool
        Try turns all round; without it, only how the images lie and their centres.
    flips : bool
        Try mirror images as well; for photographs and slides, never for patients.
    landmark_error_mm : float
        How exactly the landmarks were placed.
    precision : {"fp32", "bf16", "fp16"}
        Of grey values and forces while a deformation is found; sums are fp32 throughout. 16 bits save
        memory on a graphics card, and no time on a processor.
    device : str
        Where the engine runs: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"mps"``.
    progress : Progress
        Hears every step.

    Returns
    -------
    RegistrationResult
        ``warped``, ``transform`` and ``quality``. Where the images hardly explain each other,
        ``warped`` carries a notice that says so.

    Raises
    ------
    ArgumentError
        If an image has time, channels or no contrast, a mask is empty, or landmarks are too few.
    GeometryError
        If the dimensions or units differ, or a mask lies on another grid.
    """
    ending = Ending(progress)
    ending(Step(0, 1, "Aligning"))
    check_pair(fixed, moving)
    chosen = settle(preset, transform, measure, smoothness)
    points = _points(fixed, fixed_landmarks, moving_landmarks, chosen.transform)
    labels = _labels(fixed, moving, fixed_labels, moving_labels)
    begin = None if start is None else _affine_start(start, fixed, chosen.transform)
    bent = None if start is None or start.is_affine else start
    hints = Hints(fixed_mask, moving_mask, *labels, *points, landmark_error_mm, begin, bent)
    plan = None
    if chosen.transform == "deformable":
        plan = make_plan(fixed.spatial_ndim, chosen.measure, effort, chosen.smoothness, precision)
    found, pose = align(
        fixed,
        moving,
        linear_kind(chosen.transform),
        plan,
        hints,
        search=search,
        flips=flips,
        measure=chosen.measure,
        device=device,
        enough=ending.enough,
        progress=part(ending, 0.0, 0.92),
    )
    early = ending.asked and plan is not None
    result = finished(fixed, moving, found, pose.score, part(ending, 0.92, 1))
    return _ended_early(result) if early else result


def finished(
    fixed: MedicalImage, moving: MedicalImage, found: SpatialTransform, score: float, progress: Progress
) -> RegistrationResult:
    """Bring the moving image along and say how good it is."""
    warped = found.apply_to_image(moving, fixed, outside=_lowest(moving), progress=progress)
    quality = _quality(fixed, moving, found) | {"start_explained": score}
    return RegistrationResult(_noticed(warped, quality), found, quality)


def _affine_start(start: SpatialTransform, fixed: MedicalImage, transform: TransformKind) -> FloatArray:
    """Return the affine transform nearest to a start."""
    if start.ndim != fixed.spatial_ndim:
        raise GeometryError(f"Found a {start.ndim}-D start for {fixed.spatial_ndim}-D images.")
    if start.is_affine:
        return start.matrix
    if transform != "deformable":
        raise ArgumentError(
            f"Found a start that deforms; needed an affine one for transform {transform!r}.",
            hint="Give transform='deformable', or no start.",
        )
    places = spread_points(fixed.geometry, START_POINTS)
    return fit_points(places, start.apply_to_points(places), "affine")


def _points(
    fixed: MedicalImage, here: Landmarks | None, there: Landmarks | None, transform: TransformKind
) -> tuple[Landmarks | None, Landmarks | None]:
    if (here is None) != (there is None):
        raise ArgumentError("Found landmarks in one image alone; needed the same points in both.")
    if here is None or there is None:
        return None, None
    needed = points_needed("translation" if transform == "translation" else "rigid", fixed.spatial_ndim)
    return check_landmarks(here, there, needed, fixed.spatial_ndim)


def _labels(
    fixed: MedicalImage, moving: MedicalImage, here: MedicalImage | None, there: MedicalImage | None
) -> tuple[MedicalImage | None, MedicalImage | None]:
    if (here is None) != (there is None):
        raise ArgumentError("Found structures in one image alone; needed the same structures in both.")
    if here is not None and there is not None:
        fixed.require_same_grid(here, "fixed label image")
        moving.require_same_grid(there, "moving label image")
    return here, there


def _lowest(image: MedicalImage) -> float:
    return float(np.asarray(image.array).min())


def _quality(fixed: MedicalImage, moving: MedicalImage, found: SpatialTransform) -> dict[str, float]:
    """Compare the images before and after, at voxels spread evenly over the fixed grid."""
    still = SpatialTransform.identity(fixed.spatial_ndim)
    stride = int(np.ceil((fixed.array.size / QUALITY_VOXELS) ** (1 / fixed.spatial_ndim)))
    index = np.stack(np.meshgrid(*(np.arange(0, n, stride) for n in fixed.spatial_shape), indexing="ij"), -1)
    index = index.reshape(-1, fixed.spatial_ndim)
    values = np.asarray(fixed.array)[tuple(index.T)]
    shares, overlap = [], 0.0
    for one in (still, found):
        place = one.apply_to_points(fixed.geometry.index_to_world(index))
        where = moving.geometry.world_to_index(place).T
        ends = np.reshape(moving.spatial_shape, (-1, 1)) - 0.5
        inside = np.all((where >= -0.5) & (where <= ends), axis=0)
        shares.append(likeness(values, look_up(moving, where), inside)["explained"])
        overlap = float(100 * inside.mean())
    return {"explained_before": shares[0], "explained_after": shares[1], "overlap_percent": overlap}


def _ended_early(result: RegistrationResult) -> RegistrationResult:
    """Say that the deformation was not followed to its end."""
    notices = [*result.warped.meta.get("notices", []), ENDED_EARLY]
    return replace(result, warped=result.warped.with_meta(notices=notices))


def _noticed(warped: MedicalImage, quality: dict[str, float]) -> MedicalImage:
    """Say so where the images hardly explain each other."""
    share = quality["explained_after"]
    if share >= POOR:
        return warped
    sentence = (
        f"Poor registration: the moving image explains {100 * share if share == share else 0:.0f} % of "
        "the fixed one. Look at both before using it; structures, landmarks or masks may help."
    )
    return warped.with_meta(notices=[*warped.meta.get("notices", []), sentence])
