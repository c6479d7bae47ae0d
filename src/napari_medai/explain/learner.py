"""A small network taught from pictures at hand, for experiments on what it then looks at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

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
    truths: Sequence[int | NDArray[Any]],
    *,
    steps: int,
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] | None = None,
    batch: int = BATCH,
    seed: int = 0,
    device: str = "cpu",
    progress: Progress = silent,
) -> torch.nn.Module:
    """Train a network on the images given: turned over at random, with a little noise, AdamW.

    Parameters
    ----------
    network : torch.nn.Module
        From (N, C, *S) to scores; trained in place.
    volumes : sequence of numpy.ndarray
        Each of shape (C, *S).
    truths : sequence of int or numpy.ndarray
        What to say of each: a class, an array of values, or labels (*S), which are turned with the image.
    steps : int
        How many batches.
    loss : callable, optional
        From scores and truths to what is made small; cross-entropy by default.
    batch : int
        How many images at a time.
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
    measure = loss or torch.nn.functional.cross_entropy
    network.to(device).train().requires_grad_(True)
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, max(steps, 20), pct_start=0.1)
    with torch.inference_mode(False), torch.enable_grad():
        for _ in track(range(steps), progress, "Training"):
            chosen = rng.integers(len(volumes), size=batch)
            pairs = [_varied(volumes[k], np.asarray(truths[k]), rng) for k in chosen]
            inputs = torch.from_numpy(np.stack([image for image, _ in pairs])).to(device)
            wanted = torch.from_numpy(np.stack([truth for _, truth in pairs])).to(device)
            wrong = measure(network(inputs), wanted)
            optimiser.zero_grad()
            torch.autograd.backward(wrong)
            optimiser.step()
            schedule.step()
    return network.cpu().eval().requires_grad_(False)


def _varied(volume: Floats, truth: NDArray[Any], rng: np.random.Generator) -> tuple[Floats, NDArray[Any]]:
    """Turn an image over, with its labels where it has some, and add noise."""
    axes = tuple(axis for axis in range(1, volume.ndim) if rng.random() < 0.5)
    noise = rng.normal(0, NOISE, volume.shape)
    if truth.ndim == volume.ndim - 1 and truth.ndim > 1:
        truth = np.flip(truth, tuple(axis - 1 for axis in axes))
    return np.asarray(np.flip(volume, axes) + noise, np.float32), truth
