"""Batches of images with their classes: every class equally often, slightly moved and varied."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_medai.train.classes.cases import Learnt
from napari_medai.train.loader import Batch

SHIFT_SHARE = 0.06
SCALE, OFFSET, NOISE = 0.1, 0.05, 0.02
"""How far images are moved, as a share of their side, and how far their values are varied."""

Floats = NDArray[np.float32]


class ClassDraw:
    """Draws batches.

    Parameters
    ----------
    learnt : sequence of Learnt
        What is drawn from.
    batch : int
        Images in a batch.
    mirror : bool
        Whether images are mirrored.
    """

    def __init__(self, learnt: Sequence[Learnt], batch: int, mirror: bool) -> None:
        self._batch, self._mirror = batch, mirror
        numbers = sorted({item.truth for item in learnt})
        self._by_class = [[item for item in learnt if item.truth == k] for k in numbers]

    def __call__(self, rng: np.random.Generator) -> Batch:
        """Draw one batch: inputs (N, C, *tile) and class numbers (N,)."""
        import torch

        chosen = []
        for _ in range(self._batch):
            group = self._by_class[int(rng.integers(len(self._by_class)))]
            chosen.append(group[int(rng.integers(len(group)))])
        inputs = np.stack([self._varied(item.volume, rng) for item in chosen])
        return torch.from_numpy(inputs), torch.tensor([item.truth for item in chosen])

    def _varied(self, volume: NDArray[np.float16], rng: np.random.Generator) -> Floats:
        values = moved(np.asarray(volume, np.float32), rng)
        if self._mirror:
            axes = tuple(axis for axis in range(1, values.ndim) if rng.random() < 0.5)
            values = np.flip(values, axes)
        width = max(float(np.std(values)), 1e-6)
        values = values * rng.normal(1, SCALE) + width * rng.normal(0, OFFSET)
        noise = rng.normal(0, width * rng.uniform(0, NOISE), values.shape)
        return np.ascontiguousarray(values + noise, dtype=np.float32)


def moved(volume: Floats, rng: np.random.Generator) -> Floats:
    """Move an image (C, *S) by up to a sixteenth of its sides; what comes in at an edge repeats it."""
    for axis in range(1, volume.ndim):
        size = volume.shape[axis]
        most = int(SHIFT_SHARE * size)
        rows = np.clip(np.arange(size) + rng.integers(-most, most + 1), 0, size - 1)
        volume = volume.take(rows, axis)
    return volume
