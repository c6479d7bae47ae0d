"""What a map explains: one number taken from a network's output."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from napari_medai.core.errors import ArgumentError

if TYPE_CHECKING:
    import torch

    Target: TypeAlias = Callable[[Any], torch.Tensor]


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


def box_score(index: int, box: Sequence[float], scores: str = "scores", boxes: str = "boxes") -> Target:
    """The score that a detector gives to one box: for the box it finds that covers ``box`` best.

    The network's output is a mapping, or its values in this order: ``boxes`` of shape (N, K, 2 D), lower
    corner then upper one, and ``scores`` of shape (N, K, C). Which of the K boxes is meant is decided once
    for each sample, by overlap over union; gradients flow through the score alone.

    Parameters
    ----------
    index : int
        The class.
    box : sequence of float
        Lower corner, then upper corner, in the network's own coordinates, 2 D numbers.
    scores, boxes : str
        What the output's mapping calls them.

    Returns
    -------
    callable
        From a detector's output to (N,).
    """

    def score(output: Any) -> torch.Tensor:
        found, told = _boxes_and_scores(output, boxes, scores)
        overlap = _overlap_over_union(found.detach(), box)
        best, which = overlap.max(dim=1)
        if not bool((best > 0).all()):
            raise ArgumentError(
                "The network finds no box that touches the one to be explained.",
                hint="Give a box near one that it finds.",
            )
        if not 0 <= index < told.shape[2]:
            raise ArgumentError(f"Found class {index}; the network has classes 0 to {told.shape[2] - 1}.")
        return told[range(len(told)), which, index]

    return score


def _boxes_and_scores(output: Any, boxes: str, scores: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Take boxes and scores out of what a detector gives, or say what is wrong with it."""
    if isinstance(output, Mapping) and {boxes, scores} <= set(output):
        pair = output[boxes], output[scores]
    elif isinstance(output, tuple | list) and len(output) == 2:
        pair = output[0], output[1]
    else:
        pair = None, None
    found, told = pair
    if found is None or told is None or found.ndim != 3 or told.ndim != 3 or found.shape[1] != told.shape[1]:
        raise ArgumentError(
            "The network's output is not a detector's: there are no boxes with scores.",
            hint="Explain a region of a map (region_score) or a class (class_score).",
        )
    return found, told


def _overlap_over_union(found: torch.Tensor, box: Sequence[float]) -> torch.Tensor:
    import torch

    wanted = torch.as_tensor(box, dtype=found.dtype, device=found.device)
    if wanted.shape != found.shape[2:]:
        raise ArgumentError(f"Found a box of {len(wanted)} numbers; needed {found.shape[2]}.")
    half = len(wanted) // 2
    lower = torch.maximum(found[..., :half], wanted[:half])
    upper = torch.minimum(found[..., half:], wanted[half:])
    shared = (upper - lower).clamp(min=0).prod(dim=-1)
    both = (found[..., half:] - found[..., :half]).prod(dim=-1) + (wanted[half:] - wanted[:half]).prod()
    return shared / (both - shared).clamp(min=1e-12)


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
