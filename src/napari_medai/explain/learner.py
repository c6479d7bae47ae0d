"""A small network taught from pictures at hand, for experiments on what it then looks at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.progress import Progress, silent, track

if TYPE_CHECKING:
    import torch

Floats = NDArray[np.float32]
BATCH = 16
RATE = 4e-3
NOISE = 0.03


def teach(
    network: torch.nn.Module,
    volumes: Sequence[Floats],
    classes: Sequence[int],
    *,
    steps: int,
    seed: int = 0,
    device: str = "cpu",
    progress: Progress = silent,
) -> torch.nn.Module:
    """Train a classifier on the images given: turned over at random, with a little noise, AdamW.

    Parameters
    ----------
    network : torch.nn.Module
        From (N, C, *S) to class scores; trained in place.
    volumes : sequence of numpy.ndarray
        Each of shape (C, *S).
    classes : sequence of int
        The class of each.
    steps : int
        How many batches of 16.
    seed : int
        Of every draw.
    device : str
        Where it is trained; it comes back to the CPU.
    progress : Progress
        Hears each step.

    Returns
    -------
    torch.nn.Module
        The same network, in evaluation mode, its parameters frozen.
    """
    import torch

    rng = np.random.default_rng(seed)
    network.to(device).train().requires_grad_(True)
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, max(steps, 2), pct_start=0.1)
    with torch.inference_mode(False), torch.enable_grad():
        for _ in track(range(steps), progress, "Training"):
            chosen = rng.integers(len(volumes), size=BATCH)
            inputs = torch.from_numpy(np.stack([_varied(volumes[k], rng) for k in chosen])).to(device)
            truth = torch.tensor([classes[k] for k in chosen], device=device)
            loss = torch.nn.functional.cross_entropy(network(inputs), truth)
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
            schedule.step()
    return network.cpu().eval().requires_grad_(False)


def _varied(volume: Floats, rng: np.random.Generator) -> Floats:
    axes = tuple(axis for axis in range(1, volume.ndim) if rng.random() < 0.5)
    noise = rng.normal(0, NOISE, volume.shape)
    return np.asarray(np.flip(volume, axes) + noise, np.float32)
