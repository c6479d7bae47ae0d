"""How well a network does on cases it does not learn from, on the network's own grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.progress import Progress, Step, silent
from napari_medai.models.infer import tiled_scores
from napari_medai.models.spec import ModelSpec
from napari_medai.train.store import IGNORED, CaseStore

if TYPE_CHECKING:
    import torch

Scores = NDArray[np.float32]


def class_scores(
    network: torch.nn.Module,
    spec: ModelSpec,
    volume: NDArray[np.float32],
    device: str = "cpu",
    overlap: float = 0.25,
    progress: Progress = silent,
) -> Scores:
    """Return the class scores (classes, \\*spatial) of a prepared volume; of a 2-D network slice by slice."""
    given: dict[str, Any] = {"overlap": overlap, "device": device, "progress": progress}
    if volume.ndim - 1 == len(spec.tile):
        return tiled_scores(network, volume, spec.tile, **given)
    slices = [tiled_scores(network, volume[:, z], spec.tile, **given) for z in range(volume.shape[1])]
    return np.stack(slices, axis=1)


class Steady:
    """A reporter whose bar stands still while networks are judged, and which can be cancelled all along.

    Parameters
    ----------
    progress : Progress
        Hears the training's own reports, and the last of them again and again while it is judged.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress, self._last = progress, Step(0, 1)

    def __call__(self, step: Step) -> None:
        """Pass a report of the training on."""
        self._last = step
        self._progress(step)

    def judging(self, _: Step) -> None:
        """Say that the network is judged."""
        self._progress(replace(self._last, message="Validating"))


class Judge:
    """Returns the Dice of each label over validation cases, all voxels together, and their mean.

    Parameters
    ----------
    store : CaseStore
        Where the cases come from.
    names : sequence of str
        Which of them.
    spec : ModelSpec
        Tile and label names.
    device : str
        Where the network runs.
    """

    def __init__(
        self,
        store: CaseStore,
        names: Sequence[str],
        spec: ModelSpec,
        device: str = "cpu",
        progress: Progress = silent,
    ) -> None:
        self._store, self._names, self._spec, self._device = store, names, spec, device
        self._progress = progress

    def __call__(self, network: torch.nn.Module) -> dict[str, float]:
        """Judge a network."""
        counts = np.zeros((len(self._spec.outputs.labels), 3))
        for name in self._names:
            ready = self._store.get(name)
            scores = class_scores(network, self._spec, ready.inputs, self._device, progress=self._progress)
            counts += overlap_counts(scores.argmax(axis=0), ready.truth, len(counts))
        return self._figures(counts)

    def _figures(self, counts: NDArray[np.float64]) -> dict[str, float]:
        both, found, true = counts[1:].T
        with np.errstate(invalid="ignore"):
            dice = 2 * both / (found + true)
        named: dict[str, Any] = dict(zip(self._spec.outputs.labels[1:], dice.tolist(), strict=True))
        score = float(np.mean(dice[np.isfinite(dice)])) if np.isfinite(dice).any() else float("nan")
        return {"score": score, **{f"dice {name}": value for name, value in named.items()}}


def overlap_counts(found: NDArray[Any], truth: NDArray[np.uint8], classes: int) -> NDArray[np.float64]:
    """Return for each label the voxels in both, found and true, where the truth is known."""
    known = truth != IGNORED
    pairs = np.bincount(found[known].astype(np.int64) * classes + truth[known], minlength=classes**2).reshape(
        classes, classes
    )
    return np.stack([np.diag(pairs), pairs.sum(axis=1), pairs.sum(axis=0)], axis=1).astype(float)
