"""A classifier from images with their classes, in a folder of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_medai.core.device import require_torch
from napari_medai.core.errors import ArgumentError
from napari_medai.core.files import written_beside
from napari_medai.core.history import package_version
from napari_medai.core.image import MedicalImage
from napari_medai.core.progress import Progress, part, silent, track
from napari_medai.models.check import make_case
from napari_medai.models.folder import save_folder
from napari_medai.models.model import Model
from napari_medai.models.networks import build_network
from napari_medai.models.spec import ModelSpec
from napari_medai.models.whole import prepare_whole
from napari_medai.train.classes.cases import ClassCase, Learnt, class_cases, hold_back, require_two
from napari_medai.train.classes.draw import ClassDraw
from napari_medai.train.classes.figures import class_card, class_figures
from napari_medai.train.classes.plan import ClassifierNetwork, ClassPlan, plan_classes
from napari_medai.train.drawn import drawn_image
from napari_medai.train.loop import LAST, run_training
from napari_medai.train.result import Training, Watch
from napari_medai.train.settings import LoopSettings
from napari_medai.train.stepping import supervised

PLAN, MODEL, RUN = "plan.json", "model", "run"
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789-_."


def train_image_classifier(
    cases: str | Path | Mapping[str, Sequence[MedicalImage]],
    *,
    out: str | Path,
    plan: ClassPlan | None = None,
    network: ClassifierNetwork = "pooled",
    minutes: float | None = 20.0,
    mirror: bool = False,
    subject: str = "",
    name: str = "",
    licence: str = "not stated",
    citation: str = "not stated",
    seed: int = 0,
    resume: bool = False,
    device: str = "auto",
    watch: Watch | None = None,
    progress: Progress = silent,
) -> Model:
    """Train a model that says to which class an image belongs.

    A fifth of each class is held back, chooses nothing, and is judged once, at the end: the figures
    stand on the model's card beside those of always saying the commonest class. Images with the same
    value in every voxel show nothing; they are left out, and the card says how many.

    Parameters
    ----------
    cases : path or mapping
        A folder with one subfolder a class, named as the class; or from each class to its images.
    out : path
        A folder to make: ``plan.json``, ``run/`` with checkpoints and curves, ``model/``.
    plan : ClassPlan, optional
        Made from the images if not given.
    network : {"pooled", "resnet", "densenet", "efficientnet"}
        Of a new plan: the small network whose maps are exact, or a usual large one.
    minutes : float or None
        Of a new plan: time at most. None: all its steps.
    mirror : bool
        Of a new plan: mirror images at random. Not where left and right matter.
    subject : str
        A regular expression whose first group, found in a file's name, is the subject: images of one
        subject are not both learnt from and judged by.
    name, licence, citation : str
        What the model says of itself; the name is the folder's by default.
    seed : int
        Decides which images are held back and every batch.
    resume : bool
        Go on with the training in ``out``.
    device : str
        "auto", "cpu", "cuda" or "mps".
    watch : callable, optional
        Hears of every epoch.
    progress : Progress
        Hears every image and every step.

    Returns
    -------
    Model
        As loaded back from ``out/model``, which ``classify_image`` runs.

    Raises
    ------
    ArgumentError
        If the images do not fit together, a class has one image, or the folder holds a training already.
    ReadError
        If images cannot be read or there are fewer than two classes.
    """
    require_torch()
    folder = Path(out)
    if folder.exists() and not resume:
        raise ArgumentError(f"{folder} exists already.", hint="Resume it, or choose another folder.")
    every = class_cases(cases, subject, part(progress, 0, 0.15))
    found = [case for case in every if np.ptp(np.asarray(case.image.array)) > 0]
    require_two(found)
    names = tuple(dict.fromkeys(case.of for case in found))
    if resume and (folder / PLAN).is_file():
        plan = ClassPlan.model_validate_json((folder / PLAN).read_text(encoding="utf-8"))
    images = [case.image for case in found]
    plan = plan or plan_classes(images, names, network=network, minutes=minutes, mirror=mirror)
    if plan.classes != names:
        raise ArgumentError(f"The plan is for {', '.join(plan.classes)}; the images are {', '.join(names)}.")
    _keep_plan(plan, folder)
    spec = plan.spec(plain_name(name or folder.resolve().name), licence, citation)
    learn, held = hold_back(found, seed)
    shown = _prepared(spec, [*learn, *held], part(progress, 0.15, 0.3))
    learnt, judged = shown[: len(learn)], shown[len(learn) :]
    done = _fit(plan, spec, learnt, folder / RUN, seed, resume, device, watch, part(progress, 0.3, 0.98))
    return _saved(plan, spec, done, learnt, judged, len(every) - len(found), folder)


def plain_name(text: str) -> str:
    """Make of a text what a model may be called: small letters, digits, ``-_.``; 64 at most."""
    plain = "".join(c if c in LETTERS else "-" for c in text.lower()).lstrip("-_.")[:64]
    return plain or "classifier"


def _prepared(spec: ModelSpec, cases: Sequence[ClassCase], progress: Progress) -> list[Learnt]:
    names = spec.outputs.classes
    return [
        Learnt(prepare_whole(spec, case.image).volume.astype(np.float16), names.index(case.of))
        for case in track(cases, progress, "Preparing images")
    ]


def _fit(
    plan: ClassPlan,
    spec: ModelSpec,
    learnt: Sequence[Learnt],
    out: Path,
    seed: int,
    resume: bool,
    device: str,
    watch: Watch | None,
    progress: Progress,
) -> Training:
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = build_network(spec)
    settings = LoopSettings(
        epochs=plan.epochs, steps=plan.steps, minutes=plan.minutes, rate=plan.rate, average=0.99, seed=seed
    )
    return run_training(
        network,
        ClassDraw(learnt, plan.batch, plan.mirror),
        supervised(torch.nn.functional.cross_entropy),
        settings,
        out=out,
        watch=watch,
        device=device,
        resume=resume and (out / LAST).exists(),
        progress=progress,
    )


def _saved(
    plan: ClassPlan,
    spec: ModelSpec,
    done: Training,
    learnt: Sequence[Learnt],
    judged: Sequence[Learnt],
    blank: int,
    folder: Path,
) -> Model:
    figures = class_figures(done.network, learnt, judged, len(plan.classes))
    last = done.epochs[-1]
    summary: dict[str, Any] = {
        "images": {"train": len(learnt), "held_back": len(judged), "blank_left_out": blank},
        "steps": last.step,
        "minutes": round(last.seconds / 60, 2),
        "figures": figures.summary,
        "plan": plan.model_dump(mode="json"),
        "program": f"napari-medai {package_version()}",
    }
    spec = spec.model_copy(update={"training": json.loads(json.dumps(summary))})
    model = Model(spec, done.network, class_card(spec, figures))
    return save_folder(replace(model, case=make_case(model, drawn_image(spec))), folder / MODEL)


def _keep_plan(plan: ClassPlan, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with written_beside(folder / PLAN) as partial:
        partial.write_text(plan.model_dump_json(indent=2) + "\n", encoding="utf-8")
