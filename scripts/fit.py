"""The training loop that the shipped models share: on the CPU, in bfloat16, in minutes."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable

import torch

Batch = tuple[torch.Tensor, torch.Tensor]

SMOOTHING = 0.998
"""Share of the averaged weights kept at each step; the average spans about 500 steps."""


def fit(
    network: torch.nn.Module,
    draw: Callable[[], Batch],
    steps: int,
    *,
    rate: float,
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] | None = None,
    check: Callable[[torch.nn.Module], str] | None = None,
) -> torch.nn.Module:
    """Train a network on freshly drawn patches.

    Parameters
    ----------
    network : torch.nn.Module
        Trained in place.
    draw : callable
        Returns a batch: inputs (batch, channels, *patch) and class numbers (batch, *patch), or (batch,).
    steps : int
        How many batches.
    rate : float
        The largest learning rate; it rises over the first tenth and falls to nothing by a cosine.
    loss : callable, optional
        From scores and class numbers to what is made small; cross-entropy and Dice by default.
    check : callable, optional
        What to print about the averaged network every 250 steps.

    Returns
    -------
    torch.nn.Module
        The running average of the weights, in evaluation mode.
    """
    network.train()
    measure = loss or dice_and_cross_entropy
    averaged = copy.deepcopy(network).eval().requires_grad_(False)
    optimiser = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, steps, pct_start=0.1)
    started, shown = time.perf_counter(), 0.0
    for step in range(1, steps + 1):
        inputs, classes = draw()
        with torch.autocast(inputs.device.type, torch.bfloat16):
            scores = network(inputs)
        wrong = measure(scores.float(), classes)
        optimiser.zero_grad()
        wrong.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        average(averaged, network, min(SMOOTHING, step / (step + 9)))
        shown = wrong.item() if step == 1 else 0.98 * shown + 0.02 * wrong.item()
        if step % 250 == 0 or step == steps:
            said = check(averaged) if check else ""
            print(
                f"step {step}/{steps}  {time.perf_counter() - started:.0f} s  loss {shown:.3f}  {said}",
                flush=True,
            )
    return averaged


def dice_and_cross_entropy(scores: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """Return cross-entropy plus one minus the mean Dice of the foreground classes over the batch."""
    probabilities = torch.softmax(scores, 1)
    truth = torch.nn.functional.one_hot(classes, scores.shape[1]).movedim(-1, 1).to(scores.dtype)
    axes = [0, *range(2, scores.ndim)]
    overlap = (probabilities * truth).sum(axes)
    size = probabilities.sum(axes) + truth.sum(axes)
    dice = ((2 * overlap + 1) / (size + 1))[1:].mean()
    return torch.nn.functional.cross_entropy(scores, classes) + 1 - dice


@torch.no_grad()
def average(averaged: torch.nn.Module, network: torch.nn.Module, kept: float) -> None:
    """Move the averaged weights towards the current ones."""
    for old, new in zip(averaged.state_dict().values(), network.state_dict().values(), strict=True):
        if old.dtype.is_floating_point:
            old.lerp_(new, 1 - kept)
        else:
            old.copy_(new)
