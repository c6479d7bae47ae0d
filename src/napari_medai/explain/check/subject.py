"""What is checked: a map of one input, and how it is made anew when something changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.progress import Progress, silent
from napari_medai.explain.question import Question

if TYPE_CHECKING:
    import torch

    from napari_medai.explain.targets import Target

    Explainer: TypeAlias = Callable[[torch.nn.Module, torch.Tensor, Target, Progress], "Floats"]

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Subject:
    """A network, an input, what of the output is explained, and the way of explaining.

    Parameters
    ----------
    network : torch.nn.Module
        In evaluation mode.
    volume : numpy.ndarray
        Shape (C, *S): the input, one window.
    question : Question
        What of the output is explained; its region lies on the window.
    explainer : callable
        From network, sample (1, C, *S), target and progress to a map (*S), not negative.
    cells : sequence of int
        How many cells the map truly has along each axis.
    device : str
        Where the network lies.
    """

    network: torch.nn.Module
    volume: Floats
    question: Question
    explainer: Explainer
    cells: Sequence[int]
    device: str = "cpu"

    @property
    def region(self) -> Mask | None:
        """Where the score is summed, shape (*S); none for a network that gives one number an image."""
        return self.question.region

    def heat(
        self,
        network: torch.nn.Module | None = None,
        volume: Floats | None = None,
        region: Mask | None = None,
        progress: Progress = silent,
    ) -> Floats:
        """Make the map, of another network, input or region where one is given."""
        where = self.region if region is None else region
        target = self.question.goal(None if where is None else self._tensor(where))
        sample = self.sample() if volume is None else self._tensor(volume)[None]
        return self.explainer(network or self.network, sample, target, progress)

    def sample(self) -> torch.Tensor:
        """Return the input as a batch of one."""
        return self._tensor(self.volume)[None]

    def probability(self, volume: Floats) -> float:
        """Return what is watched for an input: the class's probability, its mean over the region."""
        import torch

        mask = None if self.region is None else self._tensor(self.region)
        with torch.no_grad():
            output = self.network(self._tensor(volume)[None])
            return float(self.question.outcome(mask)(output)[0])

    def _tensor(self, values: Floats | Mask) -> torch.Tensor:
        import torch

        return torch.from_numpy(np.array(values)).to(self.device)
