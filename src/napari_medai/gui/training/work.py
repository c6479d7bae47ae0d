"""A training from the plan to the model, in the worker thread, whatever is learnt."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from napari_medai.core.errors import ArgumentError
from napari_medai.core.progress import Progress
from napari_medai.gui.torch_import import import_torch

if TYPE_CHECKING:
    from napari_medai.gui.training.course import Course
    from napari_medai.gui.training.task import TrainingTask
    from napari_medai.gui.training.wish import Wish
    from napari_medai.models.model import Model


def run(task: TrainingTask, course: Course, wish: Wish, progress: Progress) -> Model:
    """Train, and put the model where models are found; an earlier training of that name is taken up again.

    Raises
    ------
    MedAIError
        If nothing can begin, or the model's name is taken.
    """
    import_torch()
    from napari_medai.models.folder import load_folder

    if wish.model_folder.exists():
        raise ArgumentError(f"There is a model {wish.name} in {wish.folder}.", hint="Give another name.")
    plan = task.parse_plan(wish.plan) if wish.plan else task.make_plan(wish, progress)
    resume = task.has_begun(wish.run_folder, plan)
    if wish.run_folder.exists() and not resume:
        shutil.rmtree(wish.run_folder)
    made = task.train(wish, plan, course, resume, course.wait_while_paused(progress))
    made.rename(wish.model_folder)
    return load_folder(wish.model_folder)
