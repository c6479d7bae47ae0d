"""How long and how large a training will be, before it begins."""

from __future__ import annotations

import time
from dataclasses import dataclass

from napari_medai.core.device import resolve_device
from napari_medai.models.networks import build_network
from napari_medai.train.objective import segmentation_objective
from napari_medai.train.plan import Plan
from napari_medai.train.planner import memory_of
from napari_medai.train.stepping import Stepper


@dataclass(frozen=True)
class Estimate:
    """What a training will take.

    Parameters
    ----------
    seconds_a_step : float
        Measured here on one step of a made-up batch, after a first that warms up.
    minutes : float
        For all epochs, or the time budget if that is less; validation is not counted.
    memory_gb : float
        Of a step, by the activations that the gradient needs.
    parameters : int
        Of the network.
    """

    seconds_a_step: float
    minutes: float
    memory_gb: float
    parameters: int

    def __str__(self) -> str:
        return (
            f"about {self.minutes:.0f} min at {self.seconds_a_step:.2f} s a step, "
            f"{self.memory_gb:.1f} GB, {self.parameters / 1e6:.2f} million weights"
        )


def estimate(plan: Plan, device: str = "auto") -> Estimate:
    """Try two steps of a plan on made-up patches and say how long the whole takes.

    Parameters
    ----------
    plan : Plan
        What is estimated.
    device : str
        "auto", "cpu", "cuda" or "mps".
    """
    import torch

    place = resolve_device(device)
    with torch.random.fork_rng():
        network = build_network(plan.spec())
        classes = len(plan.labels)
        stepper = Stepper(network, segmentation_objective(plan.objective, classes), plan.loop, device=place)
        inputs = torch.randn(plan.batch, plan.spec().inputs, *plan.patch)
        truth = torch.randint(0, classes, (plan.batch, *plan.patch), dtype=torch.uint8)
        seconds = 0.0
        for _ in range(2):
            began = time.perf_counter()
            float(stepper.take([(inputs, truth)] * plan.loop.accumulate, 0.5))
            seconds = time.perf_counter() - began
    minutes = seconds * plan.loop.steps * plan.loop.epochs / 60
    weights = sum(p.numel() for p in network.parameters())
    return Estimate(seconds, min(minutes, plan.loop.minutes or minutes), memory_of(plan), weights)
