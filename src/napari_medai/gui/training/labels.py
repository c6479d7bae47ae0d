"""Labels to learn from: the cases, the plan and the training of a segmentation model."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_medai.core.errors import ArgumentError
from napari_medai.core.progress import Progress
from napari_medai.gui.layers import LayerData, image_from_layer
from napari_medai.gui.torch_import import import_torch
from napari_medai.gui.training.task import TrainingTask, validated

if TYPE_CHECKING:
    from napari_medai.core.image import MedicalImage
    from napari_medai.gui.training.course import Course
    from napari_medai.gui.training.wish import Wish
    from napari_medai.models.model import Model
    from napari_medai.train import Cases, Epoch, Plan

PREVIEW_SHARE = 0.1
"""Share of the training time that previews may take."""
STEPS_A_MINUTE, LEAST_STEPS = 10, 4
"""An epoch is so many steps for each minute of the budget, so that the curves are seen to move."""


def cases_of(wish: Wish) -> Cases:
    """Return the cases that the layers and the folder hold.

    Raises
    ------
    MedAIError
        If there are none, or a layer cannot be used.
    """
    from napari_medai import train
    from napari_medai.train.painted import UNKNOWN, painted_truth

    images = [image_from_layer(*image) for image, _ in wish.pairs]
    marked = [image_from_layer(*labels) for _, labels in wish.pairs]
    truths = marked if wish.soft else [painted_truth(labels, wish.unpainted) for labels in marked]
    at_hand = train.cases_of(images, truths, ignore=UNKNOWN, soft=wish.soft) if images else None
    listed = train.find_cases(wish.place, ignore=UNKNOWN, soft=wish.soft) if wish.place else None
    if at_hand is None or listed is None:
        found = at_hand or listed
        if found is None:
            raise ArgumentError("No cases chosen.", hint="Add an image and its labels, or name a folder.")
        return found
    both = (*listed.items, *at_hand.items)
    return train.Cases(both, listed.labels, listed.channels, UNKNOWN, soft=wish.soft)


def make_plan(wish: Wish, progress: Progress) -> Plan:
    """Look at the cases and plan the training.

    Raises
    ------
    MedAIError
        If a case cannot be used.
    """
    import_torch()
    from napari_medai import train

    cases = cases_of(wish)
    if wish.parent:
        plan = train.plan_fine_tuning(
            wish.parent, cases, name=wish.name, minutes=wish.minutes, progress=progress
        )
    else:
        plan = train.make_plan(
            cases,
            name=wish.name,
            minutes=wish.minutes,
            dimensions=wish.dimensions,
            device=wish.device,
            progress=progress,
        )
    return plan.with_loop(steps=min(plan.loop.steps, max(LEAST_STEPS, round(wish.minutes * STEPS_A_MINUTE))))


def parse_plan(text: str) -> Plan:
    """Read a plan as it stands in the panel.

    Raises
    ------
    ArgumentError
        Naming every entry that is wrong.
    """
    import yaml

    from napari_medai.train.plan import parse_plan as parse_entries

    try:
        entries = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ArgumentError(f"The plan is no YAML: {' '.join(str(error).split())}.") from error
    return parse_entries(entries)


def has_begun(folder: Path, plan: Plan) -> bool:
    """Tell whether a training by this plan, but for its time budget, lies in the folder."""
    from napari_medai.train import read_plan
    from napari_medai.train.training import PLAN, RUN

    if not (folder / RUN / "last.safetensors").is_file():
        return False
    before = read_plan(folder / PLAN)
    return before.with_loop(minutes=None) == plan.with_loop(minutes=None)


def train(wish: Wish, plan: Plan, course: Course, resume: bool, progress: Progress) -> Path:
    """Train, and return the new model's folder."""
    from napari_medai.train import fine_tune, train_model
    from napari_medai.train.training import MODEL

    cases = cases_of(wish)
    begin = partial(fine_tune, wish.parent) if wish.parent else train_model
    begin(
        cases,
        plan,
        out=wish.run_folder,
        resume=resume,
        device=wish.device,
        watch=_Watch(course, plan, cases.items[0].images[0]),
        progress=progress,
    )
    return wish.run_folder / MODEL


class _Watch:
    """Takes each epoch, and now and then a picture of what the network says of the first case."""

    def __init__(self, course: Course, plan: Plan, image: MedicalImage | Path) -> None:
        self._course, self._plan, self._image = course, plan, image
        self._cost, self._last = 0.0, -1e9

    def __call__(self, epoch: Epoch, network: Any) -> None:
        self._course.take(epoch)
        now = time.monotonic()
        if self._course.wants_preview and now - self._last > self._cost / PREVIEW_SHARE:
            self._course.preview = self._predict(network)
            self._last = time.monotonic()
            self._cost = self._last - now

    def _predict(self, network: Any) -> MedicalImage | None:
        from napari_medai.core.image import MedicalImage
        from napari_medai.models.model import Model
        from napari_medai.models.pipeline import segment_image

        if not isinstance(self._image, MedicalImage):
            return None
        return segment_image(Model(self._plan.spec(), network), self._image, overlap=0.25)


def rank(images: list[LayerData], model: str, progress: Progress) -> list[tuple[int, float]]:
    """Order image layers by how unsure the model is of them, the least sure first."""
    import_torch()
    from napari_medai.train.ranking import rank_by_uncertainty

    return rank_by_uncertainty([image_from_layer(*layer) for layer in images], model, progress=progress)


def describe(plan: Plan) -> str:
    """Say a plan in a line."""
    from napari_medai.train.planner import memory_of

    minutes = plan.loop.minutes
    time = f"at most {minutes:g} minutes" if minutes else f"{plan.loop.epochs} epochs"
    size = "×".join(map(str, plan.patch))
    return (
        f"About {memory_of(plan):.1f} GB a step and {time}; {len(plan.patch)}-D patches of {size}, "
        f"{plan.batch} at a time."
    )


def judged(model: Model) -> str:
    """Say how well a finished model does, if it was validated."""
    score = validated(model, "score")
    return "" if score is None else f", mean Dice {score:.3f} on the validation cases"


LABELS = TrainingTask(
    truth="labels",
    model_task="segmentation",
    make_plan=make_plan,
    parse_plan=parse_plan,
    has_begun=has_begun,
    train=train,
    rank=rank,
    describe=describe,
    judged=judged,
    metric="score",
    metric_name="mean Dice of the validation cases",
    panel="Segment",
    operation="predict_labels",
    try_it="Segment another image …",
)
