"""What a map explains: one number taken from a network's output."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from napari_medai.core.errors import ArgumentError

if TYPE_CHECKING:
    import torch

    Target: TypeAlias = Callable[[torch.Tensor], torch.Tensor]


def class_score(index: int) -> Target:
    """The score of one class, or one regression value: output (N, C) -> (N,)."""

    def score(output: torch.Tensor) -> torch.Tensor:
        if output.ndim != 2:
            raise ArgumentError(
                f"The network's output is a map of shape {tuple(output.shape[1:])}, not one number a class.",
                hint="Explain a region of it: region_score.",
            )
        return output[:, _checked(index, output)]

    return score


def region_score(index: int, mask: torch.Tensor | None = None) -> Target:
    """The sum of one class's scores over a region: output (N, C, *S) -> (N,).

    Parameters
    ----------
    index : int
        The class.
    mask : torch.Tensor, optional
        Shape (*S): the region. Without it, the voxels the network itself gives to the class.

    References
    ----------
    Vinogradova et al., Towards Interpretable Semantic Segmentation via Gradient-Weighted Class
    Activation Mapping, AAAI 2020.
    """

    def score(output: torch.Tensor) -> torch.Tensor:
        if output.ndim < 4:
            raise ArgumentError(
                f"The network gives {tuple(output.shape[1:])} numbers: there is no map to take a region of.",
                hint="Explain a class: class_score.",
            )
        plane = output[:, _checked(index, output)]
        where = predicted_as(output, index) if mask is None else mask.to(output.device, output.dtype)
        if not bool((where != 0).any()):
            raise ArgumentError(
                f"Class {index} has no voxel in the region to explain.",
                hint="Choose a class that the network finds here, or paint a region.",
            )
        return (plane * where).flatten(1).sum(dim=1)

    return score


def region_mean(index: int, mask: torch.Tensor) -> Target:
    """The mean of one channel over a region: output (N, C, *S) -> (N,); for heat maps of landmarks."""

    def score(output: torch.Tensor) -> torch.Tensor:
        where = mask.to(output.device, output.dtype)
        return (output[:, _checked(index, output)] * where).flatten(1).sum(dim=1) / where.sum()

    return score


def predicted_as(output: torch.Tensor, index: int) -> torch.Tensor:
    """Which voxels the network gives to a class: output (N, C, *S) -> (N, *S) of 0 and 1."""
    found = output[:, 0] > 0 if output.shape[1] == 1 else output.argmax(dim=1) == index
    return found.to(output.dtype).detach()


def _checked(index: int, output: torch.Tensor) -> int:
    if not 0 <= index < output.shape[1]:
        raise ArgumentError(f"Found class {index}; the network has classes 0 to {output.shape[1] - 1}.")
    return index


def class_probability(index: int, mask: torch.Tensor | None = None) -> Target:
    """The probability of one class, or its mean over a region of a map: output (N, C, *S) -> (N,).

    Parameters
    ----------
    index : int
        The class.
    mask : torch.Tensor, optional
        Shape (*S): the region; needed where the output is a map.
    """

    def score(output: torch.Tensor) -> torch.Tensor:
        shares = output.sigmoid() if output.shape[1] == 1 else output.softmax(dim=1)
        plane = shares[:, _checked(index, output)]
        if mask is None:
            return plane.reshape(len(output), -1).mean(dim=1)
        where = mask.to(output.device, output.dtype)
        return (plane * where).flatten(1).sum(dim=1) / where.sum()

    return score
