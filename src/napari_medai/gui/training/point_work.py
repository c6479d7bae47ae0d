"""What the Fine-tune panel has its worker thread do for points: cases, plan, training."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_medai.core.errors import ArgumentError
from napari_medai.core.progress import Progress, part, silent
from napari_medai.gui.layers import image_from_layer
from napari_medai.gui.points import landmarks_from_layer
from napari_medai.gui.torch_import import import_torch

if TYPE_CHECKING:
    from napari_medai.gui.training.work import Course, Wish
    from napari_medai.models.model import Model
    from napari_medai.train.journal import Epoch
    from napari_medai.train.points.cases import PointCase
    from napari_medai.train.points.plan import PointPlan


def point_cases_of(wish: Wish, progress: Progress = silent) -> list[PointCase]:
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


def make_point_plan(wish: Wish, progress: Progress) -> PointPlan:
    """Look at the cases and plan the training.

    Raises
    ------
    MedAIError
        If the cases do not fit together.
    """
    import_torch()
    from napari_medai.train.landmarks import plan_landmarks

    cases = point_cases_of(wish, progress)
    return plan_landmarks(cases, size="small", minutes=wish.minutes, start=wish.parent or None)


def run_points(course: Course, wish: Wish, progress: Progress) -> Model:
    """Train, and put the model where models are found; an earlier training of that name is taken up again.

    Raises
    ------
    MedAIError
        If nothing can begin, or the model's name is taken.
    """
    import_torch()
    from napari_medai.models.folder import load_folder
    from napari_medai.train.landmarks import MODEL, train_landmarks
    from napari_medai.train.points.plan import parse_point_plan

    if wish.model_folder.exists():
        raise ArgumentError(f"There is a model {wish.name} in {wish.folder}.", hint="Give another name.")
    plan = parse_point_plan(wish.plan) if wish.plan else make_point_plan(wish, progress)
    resume = _begun_alike(wish, plan)
    if wish.run_folder.exists() and not resume:
        shutil.rmtree(wish.run_folder)
    report = course.wait_while_paused(progress)
    train_landmarks(
        point_cases_of(wish, part(report, 0, 0.02)),
        out=wish.run_folder,
        plan=plan,
        start=wish.parent or None,
        name=wish.name,
        missing=wish.missing,
        resume=resume,
        device=wish.device,
        watch=_Watch(course),
        progress=part(report, 0.02, 1),
    )
    (wish.run_folder / MODEL).rename(wish.model_folder)
    return load_folder(wish.model_folder)


def _begun_alike(wish: Wish, plan: PointPlan) -> bool:
    """Tell whether a training that can go on lies in the folder: the same plan but for its time budget."""
    from napari_medai.train.landmarks import PLAN, RUN
    from napari_medai.train.points.plan import read_point_plan

    if not any((wish.run_folder / RUN).glob("*/last.safetensors")):
        return False
    before = read_point_plan(wish.run_folder / PLAN)
    return before.model_copy(update={"minutes": None}) == plan.model_copy(update={"minutes": None})


class _Watch:
    """Takes each epoch; ends the training where that is asked for."""

    def __init__(self, course: Course) -> None:
        self._course = course

    def __call__(self, epoch: Epoch, _: Any) -> None:
        self._course.epochs.append(epoch)
        if self._course.finish:
            from napari_medai.train import Finish

            raise Finish
