"""What the Fine-tune panel has its worker thread do, and what both of them know of the training."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from napari_medai.core.errors import ArgumentError
from napari_medai.core.progress import Progress
from napari_medai.gui.layers import LayerData, image_from_layer
from napari_medai.gui.torch_import import import_torch

if TYPE_CHECKING:
    from napari_medai.core.image import MedicalImage
    from napari_medai.models.model import Model
    from napari_medai.train import Cases, Epoch, Plan
    from napari_medai.train.painted import Unpainted
    from napari_medai.train.planner import Dimensions

PREVIEW_SHARE = 0.1
"""Share of the training time that previews may take."""
STEPS_A_MINUTE, LEAST_STEPS = 10, 4
"""An epoch is so many steps for each minute of the budget, so that the curves are seen to move."""
_PAUSE_S = 0.1


@dataclass(frozen=True)
class Wish:
    """What a person asked for.

    Parameters
    ----------
    pairs : tuple
        Snapshots of an image layer and its labels layer.
    place : str
        A folder or table with further cases; empty: none.
    parent : str
        The model to fine-tune; empty: a new network.
    name : str
        Of the model to be made.
    minutes : float
        Time budget.
    unpainted : str
        What unpainted voxels of the layers mean, as :func:`napari_medai.train.painted_truth` takes it.
    soft : bool
        Whether the labels are shares from 0 to 1, on the layers and on disk.
    dimensions : {"auto", "2", "2.5", "3"}
        How a new network sees volumes.
    device : str
        Where to train.
    folder : str
        Gets the model.
    plan : str
        The plan as edited; empty: made anew.
    missing : {"absent", "ignore"}
        Of points: what it means that a case lacks one.
    """

    pairs: tuple[tuple[LayerData, LayerData], ...]
    place: str = ""
    parent: str = ""
    name: str = "my-model"
    minutes: float = 2.0
    unpainted: Unpainted = "background"
    soft: bool = False
    dimensions: Dimensions = "auto"
    device: str = "auto"
    folder: str = ""
    plan: str = ""
    missing: Literal["absent", "ignore"] = "absent"

    @property
    def model_folder(self) -> Path:
        """Where the finished model will lie."""
        return Path(self.folder) / self.name

    @property
    def run_folder(self) -> Path:
        """Where plan, split, log and checkpoints lie."""
        return Path(self.folder) / f"{self.name}.training"


@dataclass
class Course:
    """How the training stands; written by the worker, read by the panel, which may ask it to wait or end."""

    epochs: list[Epoch] = field(default_factory=list)
    preview: MedicalImage | None = None
    wants_preview: bool = True
    paused: bool = False
    finish: bool = False

    def wait_while_paused(self, progress: Progress) -> Progress:
        """Return a reporter that waits as long as a pause lasts, and can be cancelled meanwhile."""

        def report(step: Any) -> None:
            progress(step)
            while self.paused and not self.finish:
                time.sleep(_PAUSE_S)
                progress(step)

        return report


def make_plan(wish: Wish, progress: Progress) -> Plan:
    """Look at the cases and plan the training.

    Raises
    ------
    MedAIError
        If a case cannot be used.
    """
    import_torch()
    from napari_medai import train
    from napari_medai.train.painted import SLICES, slice_axis
    from napari_medai.train.slicewise import slice_by_slice

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
        if wish.unpainted == SLICES and not wish.soft and len(plan.patch) == 3:
            plan = slice_by_slice(plan, slice_axis(image_from_layer(*wish.pairs[0][1])))
    return plan.with_loop(steps=min(plan.loop.steps, max(LEAST_STEPS, round(wish.minutes * STEPS_A_MINUTE))))


def run(course: Course, wish: Wish, progress: Progress) -> Model:
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
    plan = parse(wish.plan) if wish.plan else make_plan(wish, progress)
    resume = _begun_alike(wish, plan)
    if wish.run_folder.exists() and not resume:
        shutil.rmtree(wish.run_folder)
    made = _train(wish, plan, course, resume, course.wait_while_paused(progress))
    made.rename(wish.model_folder)
    return load_folder(wish.model_folder)


def parse(text: str) -> Plan:
    """Read a plan as it stands in the panel.

    Raises
    ------
    ArgumentError
        Naming every entry that is wrong.
    """
    import yaml

    from napari_medai.train.plan import parse_plan

    try:
        entries = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ArgumentError(f"The plan is no YAML: {' '.join(str(error).split())}.") from error
    return parse_plan(entries)


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


def _train(wish: Wish, plan: Plan, course: Course, resume: bool, progress: Progress) -> Path:
    from napari_medai import train
    from napari_medai.train.training import MODEL

    cases = cases_of(wish)
    first = cases.items[0]
    watch = _Watch(course, plan, first.images[0])
    begin = partial(train.fine_tune, wish.parent) if wish.parent else train.train_model
    begin(
        cases,
        plan,
        out=wish.run_folder,
        resume=resume,
        device=wish.device,
        watch=watch,
        progress=progress,
    )
    return wish.run_folder / MODEL


def _begun_alike(wish: Wish, plan: Plan) -> bool:
    """Tell whether a training that can go on lies in the folder: the same plan but for its time budget."""
    from napari_medai.train import read_plan
    from napari_medai.train.training import PLAN, RUN

    if not (wish.run_folder / RUN / "last.safetensors").is_file():
        return False
    before = read_plan(wish.run_folder / PLAN)
    return before.with_loop(minutes=None) == plan.with_loop(minutes=None)


class _Watch:
    """Takes each epoch, and now and then a picture of what the network says of the first case."""

    def __init__(self, course: Course, plan: Plan, image: MedicalImage | Path) -> None:
        self._course, self._plan, self._image = course, plan, image
        self._cost, self._last = 0.0, -1e9

    def __call__(self, epoch: Epoch, network: Any) -> None:
        self._course.epochs.append(epoch)
        if self._course.finish:
            from napari_medai.train import Finish

            raise Finish
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


def next_name(folder: Path) -> str:
    """Return a model's name with the next free number behind it."""
    stem, _, number = folder.name.rpartition("-")
    if not stem or not number.isdigit():
        stem, number = folder.name, "1"
    following = int(number) + 1
    while (folder.parent / f"{stem}-{following}").exists():
        following += 1
    return f"{stem}-{following}"
