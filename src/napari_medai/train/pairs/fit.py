"""A registration network fitted to a list of images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medai.core.device import resolve_device
from napari_medai.core.image import MedicalImage
from napari_medai.core.progress import Progress, part, silent
from napari_medai.core.transform import SpatialTransform
from napari_medai.models.displacing import follow, warp
from napari_medai.models.model import Model
from napari_medai.models.networks import build_network
from napari_medai.models.spec import ModelSpec, NetworkSpec, Outputs
from napari_medai.models.whole import prepare_whole
from napari_medai.register.channels import as_pair
from napari_medai.register.pipeline import Hints, find_pose
from napari_medai.train.loop import run_training
from napari_medai.train.pairs.pairs import Pairs, local_correlation, unsupervised
from napari_medai.train.result import Training
from napari_medai.train.settings import LoopSettings

if TYPE_CHECKING:
    import torch
    from pandas import DataFrame

STEPS_IN_EPOCH, BATCH = 50, 4
MULTIPLE, LEVELS = 16, 5
HELD_BACK, JUDGED = 6, 12
"""Of so many images one is held back; and at most so many pairs are judged."""


@dataclass(frozen=True)
class PairPlan:
    """How a registration network is learnt.

    Parameters
    ----------
    name : str
        The model's name.
    steps, size : int
        Optimiser steps; voxels along the longest side.
    smoothness : float
        How much the squared slopes of the velocity weigh.
    width : int
        Feature channels of the first level.
    seed : int
        Decides weights and pairs.
    device : str
        Where it learns.
    """

    name: str = "deform"
    steps: int = 1500
    size: int = 128
    smoothness: float = 0.1
    width: int = 16
    seed: int = 0
    device: str = "auto"


@dataclass(frozen=True, eq=False)
class PairTraining:
    """What was learnt.

    Parameters
    ----------
    model : Model
        Without card and self-check, not saved.
    figures, course : pandas.DataFrame
        As of :class:`napari_medai.train.registration.RegistrationTraining`.
    example : MedicalImage
        A pair of images as the model takes them.
    """

    model: Model
    figures: DataFrame
    course: DataFrame
    example: MedicalImage


def fit_pairs(images: list[MedicalImage], plan: PairPlan, progress: Progress = silent) -> PairTraining:
    """Register images linearly to the first one, and teach a network the rest.

    Parameters
    ----------
    images : list of MedicalImage
        Two at least, fit to be registered.
    plan : PairPlan
        How.
    progress : Progress
        Hears every registration and every step.
    """
    spec = _describe(plan, images[0])
    volumes, example = _aligned(spec, images, plan.device, part(progress, 0, 0.25))
    learn, judged = _split(len(images))
    judge = _Judge(volumes, judged)
    done = _learn(spec, volumes[learn], judge, plan, part(progress, 0.25, 1))
    figures = _figures(judge, done.network, len(learn))
    model = Model(_summed_up(spec, len(images), plan, figures), done.network)
    return PairTraining(model, figures, _course(done), example)


@dataclass(frozen=True, eq=False)
class _Judge:
    """Measures how alike a network makes pairs."""

    volumes: torch.Tensor
    pairs: list[tuple[int, int]]

    def __call__(self, network: torch.nn.Module) -> Mapping[str, float]:
        return {"score": float(np.mean([self.likeness(network, *pair) for pair in self.pairs]))}

    def likeness(self, network: torch.nn.Module | None, one: int, two: int) -> float:
        """Mean local correlation of a pair, as it lies without a network."""
        import torch

        fixed, moving = self.volumes[one][None], self.volumes[two][None]
        if network is not None:
            with torch.inference_mode():
                place = next(network.parameters()).device
                velocity = network(torch.cat([fixed, moving], dim=1).to(place)).float().cpu()
                moving = warp(moving, follow(velocity))
        return float(local_correlation(fixed, moving).mean())


def _describe(plan: PairPlan, reference: MedicalImage) -> ModelSpec:
    ndim = reference.spatial_ndim
    upright = reference.reoriented(reference.geometry.nearest_axes()) if ndim > 2 else reference
    extent = np.array(upright.spatial_shape) * upright.geometry.spacing
    sides = np.ceil(extent / extent.max() * plan.size / MULTIPLE).clip(min=2) * MULTIPLE
    arguments: dict[str, Any] = {"widths": [plan.width, *[2 * plan.width] * (LEVELS - 1)], "norm": "instance"}
    arguments["strides"] = [1, *[2] * (LEVELS - 1)]
    return ModelSpec(
        schema="napari-medai/model/1",
        name=plan.name,
        version="1.0.0",
        licence="not stated",
        citation="not stated",
        task="registration",
        network=NetworkSpec(name="dynunet", arguments=arguments),
        channels=("fixed", "moving"),
        tile=tuple(int(n) for n in sides),
        outputs=Outputs(displacement=tuple("zyx"[-ndim:])),
    )


def _aligned(
    spec: ModelSpec, images: list[MedicalImage], device: str, progress: Progress
) -> tuple[torch.Tensor, MedicalImage]:
    """Bring every image to the first one, linearly; return what the network sees, and one pair."""
    import torch

    layers, example = [], images[0]
    for index, image in enumerate(images):
        inner = part(progress, index / len(images), (index + 1) / len(images), "Aligning")
        pose = SpatialTransform.identity(image.spatial_ndim)
        if index:
            found = find_pose(images[0], image, "affine", Hints(), device=device, progress=inner)
            pose = SpatialTransform.from_matrix(found.matrix)
        pair = as_pair(images[0], image, pose)
        layers.append(prepare_whole(spec, pair, inner).volume[1:])
        example = pair if index == 1 else example
    return torch.from_numpy(np.stack(layers)), example


def _split(count: int) -> tuple[list[int], list[tuple[int, int]]]:
    """Return which images are learnt from, and which pairs are judged: of those held back, if any are."""
    aside = list(range(HELD_BACK - 1, count, HELD_BACK))
    learn = [k for k in range(count) if k not in aside]
    pairs = [(a, b) for a in (aside or learn) for b in range(count) if a != b]
    stride = -(-len(pairs) // JUDGED)
    return learn, pairs[::stride]


def _learn(
    spec: ModelSpec,
    volumes: torch.Tensor,
    judge: _Judge,
    plan: PairPlan,
    progress: Progress,
) -> Training:
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(plan.seed)
        network = build_network(spec)
    settings = LoopSettings(
        epochs=-(-plan.steps // STEPS_IN_EPOCH),
        steps=min(plan.steps, STEPS_IN_EPOCH),
        rate=4e-3,
        weight_decay=0.0,
        precision="fp32" if resolve_device(plan.device) == "cpu" else "bf16",
        average=0.98,
        workers=0,
        seed=plan.seed,
    )
    return run_training(
        network,
        Pairs(volumes, BATCH),
        unsupervised(plan.smoothness),
        settings,
        validate=judge,
        device=plan.device,
        progress=progress,
    )


def _figures(judge: _Judge, network: torch.nn.Module, learnt: int) -> DataFrame:
    from pandas import DataFrame

    held_back = learnt < len(judge.volumes)
    rows = [
        (a, b, held_back, judge.likeness(None, a, b), judge.likeness(network, a, b)) for a, b in judge.pairs
    ]
    return DataFrame(rows, columns=["fixed", "moving", "held_back", "before", "after"])


def _course(done: Training) -> DataFrame:
    from pandas import DataFrame

    rows = [(e.number, e.loss, e.metrics.get("score", float("nan"))) for e in done.epochs]
    return DataFrame(rows, columns=["epoch", "loss", "likeness"])


def _summed_up(spec: ModelSpec, count: int, plan: PairPlan, figures: DataFrame) -> ModelSpec:
    told = {
        "images": count,
        "steps": plan.steps,
        "seed": plan.seed,
        "likeness": {k: round(float(figures[k].mean()), 4) for k in ("before", "after")},
        "held_back": bool(figures["held_back"].all()),
    }
    return spec.model_copy(update={"training": told})
