"""Points to learn from: the cases, the plan and the training of a landmark model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_medai.core.errors import ArgumentError
from napari_medai.core.progress import Progress, part, silent
from napari_medai.gui.layers import LayerData, image_from_layer
from napari_medai.gui.points import landmarks_from_layer
from napari_medai.gui.torch_import import import_torch
from napari_medai.gui.training.task import TrainingTask, validated

if TYPE_CHECKING:
    from napari_medai.gui.training.course import Course
    from napari_medai.gui.training.wish import Wish
    from napari_medai.models.model import Model
    from napari_medai.train.points.cases import PointCase
    from napari_medai.train.points.plan import PointPlan


def cases_of(wish: Wish, progress: Progress = silent) -> list[PointCase]:
    """Return the cases that the layers and the folder or table hold.

    Raises
    ------
    MedAIError
        If there are none, or a layer or file cannot be used.
    """
    from napari_medai.io.point_folder import read_marked_images
    from napari_medai.train.landmarks import case_of
    from napari_medai.train.points.cases import PointCase

    listed = []
    if wish.place:
        place = Path(wish.place)
        table = place if place.suffix.lower() == ".csv" else None
        folder = place if table is None else place.parent
        listed = [case_of(m) for m in read_marked_images(folder, table, progress=progress)]
    for image, points in wish.pairs:
        shown = image_from_layer(*image)
        listed.append(PointCase(shown, landmarks_from_layer(*points[:2]), shown.name))
    if not listed:
        raise ArgumentError("No cases chosen.", hint="Add an image and its points, or name a folder.")
    return listed


def make_plan(wish: Wish, progress: Progress) -> PointPlan:
    """Look at the cases and plan the training.

    Raises
    ------
    MedAIError
        If the cases do not fit together.
    """
    import_torch()
    from napari_medai.train.landmarks import plan_landmarks

    cases = cases_of(wish, progress)
    return plan_landmarks(cases, minutes=wish.minutes, start=wish.parent or None)


def parse_plan(text: str) -> PointPlan:
    """Read a plan as it stands in the panel.

    Raises
    ------
    ArgumentError
        Naming every entry that is wrong.
    """
    from napari_medai.train.points.plan import parse_point_plan

    return parse_point_plan(text)


def has_begun(folder: Path, plan: PointPlan) -> bool:
    """Tell whether a training by this plan, but for its time budget, lies in the folder."""
    from napari_medai.train.landmarks import PLAN, RUN
    from napari_medai.train.points.plan import read_point_plan

    if not any((folder / RUN).glob("*/last.safetensors")):
        return False
    before = read_point_plan(folder / PLAN)
    return before.model_copy(update={"minutes": None}) == plan.model_copy(update={"minutes": None})


def train(wish: Wish, plan: PointPlan, course: Course, resume: bool, progress: Progress) -> Path:
    """Train, and return the new model's folder."""
    from napari_medai.train.landmarks import MODEL, train_landmarks

    train_landmarks(
        cases_of(wish, part(progress, 0, 0.02)),
        out=wish.run_folder,
        plan=plan,
        start=wish.parent or None,
        name=wish.name,
        missing=wish.missing,
        resume=resume,
        device=wish.device,
        watch=course.take,
        progress=part(progress, 0.02, 1),
    )
    return wish.run_folder / MODEL


def rank(images: list[LayerData], model: str, progress: Progress) -> list[tuple[int, float]]:
    """Order image layers by how unsure the model is of their points, the least sure first."""
    import_torch()
    from napari_medai.train.points.ranking import rank_by_doubtful_points

    return rank_by_doubtful_points([image_from_layer(*layer) for layer in images], model, progress=progress)


def describe(plan: PointPlan) -> str:
    """Say a plan in a line."""
    time = (
        f"At most {plan.minutes:g} minutes"
        if plan.minutes
        else f"{plan.coarse_steps + plan.fine_steps} steps"
    )
    whole, close = plan.coarse_spacing[0], plan.fine_spacing[0]
    window = "×".join(map(str, plan.window))
    return (
        f"{time} for {len(plan.points)} points; the whole in voxels of {whole:.3g} {plan.unit}, then windows "
        f"of {window} voxels of {close:.3g} {plan.unit}."
    )


def judged(model: Model) -> str:
    """Say how far the points of a finished model are off, if it was validated."""
    error = validated(model, "mean_error")
    unit = model.spec.points.unit if model.spec.points else ""
    return "" if error is None else f", mean error {error:.2f} {unit} on the validation cases"


POINTS = TrainingTask(
    truth="points",
    model_task="landmarks",
    make_plan=make_plan,
    parse_plan=parse_plan,
    has_begun=has_begun,
    train=train,
    rank=rank,
    describe=describe,
    judged=judged,
    metric="error",
    metric_name="mean error of the validation cases",
    panel="Landmarks",
    operation="detect_landmarks",
    try_it="Find points in another image …",
)
