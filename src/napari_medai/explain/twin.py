"""A twin of a network, taught shuffled answers: what it looks at cannot be what the answers are about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medai.core.progress import Progress, silent
from napari_medai.explain.check.randomise import randomised, stages
from napari_medai.explain.learner import teach
from napari_medai.explain.lessons import Lesson

if TYPE_CHECKING:
    import torch

BATCH = {2: 16, 3: 4}
"""Images at a time, by dimensions."""


@dataclass(frozen=True, eq=False)
class Twin:
    """A network of the same build that has learnt shuffled answers.

    Parameters
    ----------
    network : torch.nn.Module
        On the CPU, in evaluation mode.
    cases, steps : int
        How many cases it saw, in how many batches.
    """

    network: torch.nn.Module
    cases: int
    steps: int

    @property
    def note(self) -> str:
        """What a table says of it."""
        return f"a twin taught shuffled answers, {self.cases} cases, {self.steps} steps"


def shuffled_twin(
    network: torch.nn.Module,
    lessons: Sequence[Lesson],
    *,
    task: str,
    steps: int,
    seed: int = 0,
    device: str = "cpu",
    progress: Progress = silent,
) -> Twin:
    """Train a copy of a network from fresh weights, the answers dealt out anew among the cases.

    Parameters
    ----------
    network : torch.nn.Module
        Left as it is, on the CPU.
    lessons : sequence of Lesson
        With their true answers.
    task : {"classification", "segmentation", "regression"}
        What the network does.
    steps : int
        How many batches it learns from.
    seed : int
        Of its first weights, of the shuffling and of the batches.
    device : str
        Where it is trained.
    progress : Progress
        Hears each step.

    References
    ----------
    Adebayo et al., Sanity Checks for Saliency Maps, NeurIPS 2018 (data randomisation test).
    """
    import torch

    volumes, truths = [lesson.volume for lesson in lessons], shuffled([x.truth for x in lessons], seed)
    sample = torch.from_numpy(np.array(volumes[0]))[None]
    with torch.inference_mode(False):
        every = [name for names in stages(network, sample, 1) for name in names]
        fresh = randomised(network, every, seed)
        loss = torch.nn.functional.smooth_l1_loss if task == "regression" else None
        taught = teach(
            fresh,
            volumes,
            truths,
            steps=steps,
            loss=loss,
            batch=BATCH[volumes[0].ndim - 1],
            seed=seed,
            device=device,
            progress=progress,
        )
    return Twin(taught, len(lessons), steps)


def shuffled(truths: Sequence[Any], seed: int) -> list[Any]:
    """Deal answers out anew: no case keeps its own unless there is no other way."""
    order = np.random.default_rng([seed, 53]).permutation(len(truths))
    dealt: list[Any] = [None] * len(truths)
    for place, following in zip(order, np.roll(order, -1), strict=True):
        dealt[place] = truths[following]
    return dealt
