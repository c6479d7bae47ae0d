"""What is asked of a network: one number of its output, and where in the output it is taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_medai.explain.targets import class_probability, class_score, region_mean, region_score
from napari_medai.models.spec import Task

if TYPE_CHECKING:
    import torch

    from napari_medai.explain.targets import Target

DENSE: tuple[Task, ...] = ("segmentation", "landmarks")
"""Tasks whose networks give a map."""
EXPLAINED: tuple[Task, ...] = (*DENSE, "classification", "regression")
"""Tasks whose outputs can be explained: each is one number for a voxel or for an image."""


@dataclass(frozen=True, eq=False)
class Question:
    """A channel of the output and, for networks that give a map, the voxels over which it is summed.

    Parameters
    ----------
    task : str
        What the network does.
    index : int
        The channel: a label, a class, a point or a value.
    region : numpy.ndarray, optional
        Shape (*S), on the network's grid; none for a network that gives one number an image.
    """

    task: Task
    index: int
    region: NDArray[np.bool_] | None = None

    def goal(self, mask: torch.Tensor | None) -> Target:
        """Return what is explained within one window: a score, before softmax."""
        return class_score(self.index) if mask is None else region_score(self.index, mask)

    def outcome(self, mask: torch.Tensor | None) -> Target:
        """Return what deletion and insertion watch: the probability, or the plain value of other tasks."""
        if self.task in ("segmentation", "classification"):
            return class_probability(self.index, mask)
        return class_score(self.index) if mask is None else region_mean(self.index, mask)
