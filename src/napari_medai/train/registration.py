"""A registration network learnt from images alone, without any known deformation."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from annotated_types import Ge, Gt, Interval, Le

from napari_medai.core.errors import ArgumentError
from napari_medai.core.operation import Advanced, IntensityImage, operation
from napari_medai.core.progress import Progress, Step, part, silent
from napari_medai.models.check import make_case
from napari_medai.models.folder import folder_digest, save_folder
from napari_medai.models.model import Model
from napari_medai.models.spec import ModelSpec
from napari_medai.models.store import own_folder
from napari_medai.register.prepare import check_pair
from napari_medai.train.pairs.fit import PairPlan, fit_pairs

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True, eq=False)
class RegistrationTraining:
    """What a training of a registration model brought.

    Parameters
    ----------
    model : str
        The model's reference; it lies among one's own models under that name.
    figures : pandas.DataFrame
        One row a judged pair: ``fixed`` and ``moving`` (positions in the list), ``held_back``, and the
        mean local correlation ``before`` and ``after`` the deformation, 0 to 1.
    course : pandas.DataFrame
        One row an epoch: ``epoch``, ``loss``, ``likeness`` of the judged pairs.
    """

    model: str
    figures: DataFrame
    course: DataFrame


@operation(group="train", title="Train a registration model")
def train_registration(
    images: list[IntensityImage],
    *,
    name: str = "deform",
    steps: Annotated[int, Ge(1), Le(200_000)] = 1500,
    size: Annotated[int, Interval(ge=32, le=512)] = 128,
    smoothness: Annotated[float, Gt(0), Le(100)] = 0.1,
    width: Annotated[int, Interval(ge=4, le=64), Advanced()] = 16,
    folder: Annotated[Path | None, Advanced()] = None,
    seed: int = 0,
    device: str = "auto",
    progress: Progress = silent,
) -> RegistrationTraining:
    """Teach a network to bend one image onto another, from images alone.

    The images are registered linearly to the first one; then the network learns to make any two of them
    alike, smoothly. ``predict_deformation`` applies the model.

    Parameters
    ----------
    images : list of MedicalImage
        Of several people, one kind, one modality; two at least. Of six or more, every sixth is held back
        and judged by.
    name : str
        What the model is called; a number is added where another one has that name.
    steps : int
        How long it learns; 1500 steps take minutes in 2-D and hours in 3-D on a processor.
    size : int
        Voxels along the longest side of what the network sees; the whole image is brought to it.
    smoothness : float
        How smooth the deformation must be.
    width : int
        Feature channels of the network's first level.
    folder : path, optional
        Where the model's own folder is made; among one's own models when not given.
    seed : int
        Decides the first weights and every pair.
    device : str
        Where it learns.
    progress : Progress
        Hears every registration and every step.

    Returns
    -------
    RegistrationTraining
        The model's ``reference``, and how alike pairs become.

    Raises
    ------
    ArgumentError
        If there are fewer than two images, or they do not fit together.

    References
    ----------
    Balakrishnan et al., VoxelMorph: A Learning Framework for Deformable Medical Image Registration, IEEE
    TMI 2019.
    """
    progress(Step(0, 1, "Aligning"))
    if len(images) < 2:
        raise ArgumentError(f"Found {len(images)} image; needed two at least, of different people.")
    for image in images[1:]:
        check_pair(images[0], image)
    plan = PairPlan(_plain(name), steps, size, smoothness, width, seed, device)
    done = fit_pairs(images, plan, part(progress, 0, 0.98))
    case = make_case(done.model, done.example)
    model = replace(done.model, card=_card(done.model.spec), case=case)
    return RegistrationTraining(_kept(model, folder or own_folder()), done.figures, done.course)


def _kept(model: Model, place: Path) -> str:
    """Save a model beside others, numbered where its name is another's; return its reference."""
    plain = model.spec.name
    for name in (plain, *(f"{plain}-{k}" for k in range(2, 10_000))):
        named = replace(model, spec=model.spec.model_copy(update={"name": name}))
        if not (place / name).exists():
            return save_folder(named, place / name).reference
        with tempfile.TemporaryDirectory() as box:
            saved = save_folder(named, Path(box) / name)
        if saved.digest == folder_digest(place / name):  # the same training has been there
            return saved.reference
    raise ArgumentError(f"Found thousands of models called {plain!r}.", hint="Choose another name.")


def _card(spec: ModelSpec) -> str:
    told: Any = spec.training
    likeness = told["likeness"]
    whose = "pairs with an image held back" if told["held_back"] else "the pairs it learnt from"
    return (
        f"# {spec.name}\n\nBends a moving image onto a fixed one, after a linear registration, for images "
        f"like those it learnt from. Learnt without supervision from {told['images']} images in "
        f"{told['steps']} steps, seed {told['seed']}.\n\n"
        f"Mean local correlation of {whose}: {likeness['before']} before, {likeness['after']} after.\n\n"
        "A start for register_images; not tried on other kinds of images.\n"
    )


def _plain(name: str) -> str:
    """Return a name as models may have it."""
    plain = "".join(c if c.isalnum() or c in "-_." else "-" for c in name.lower()).lstrip("-_.")[:56]
    return plain or "deform"
