"""Weights of one network taken over by another: kept, adapted, or new, and said so."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_medai.models.weights import named_tensors

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Transfer:
    """What became of each tensor of the new network.

    Parameters
    ----------
    kept : tuple of str
        Taken over as they are.
    adapted : tuple of str
        Taken over in part: other input channels, or other classes.
    new : tuple of str
        Drawn afresh: unknown to the parent, or of another shape.
    unused : tuple of str
        The parent's tensors that have no place.
    """

    kept: tuple[str, ...]
    adapted: tuple[str, ...]
    new: tuple[str, ...]
    unused: tuple[str, ...]

    def __str__(self) -> str:
        counts = f"{len(self.kept)} tensors kept, {len(self.adapted)} adapted, {len(self.new)} new"
        return counts + (f", {len(self.unused)} unused" if self.unused else "")


def transfer_weights(
    parent: torch.nn.Module,
    child: torch.nn.Module,
    *,
    channels: tuple[Sequence[str], Sequence[str]],
    labels: tuple[Sequence[str], Sequence[str]],
) -> Transfer:
    """Fill a network with another's weights as far as they fit, by name and shape.

    Parameters
    ----------
    parent, child : torch.nn.Module
        The child is changed in place.
    channels, labels : pairs of sequences of str
        Names of the parent's and the child's input channels, and of their classes. A tensor that differs
        only in its first axis by the classes, or in its second by the channels, is adapted: what has the
        same name is taken over; a channel new by name starts as the mean of the parent's, a class as drawn.

    Returns
    -------
    Transfer
        What became of each tensor.
    """
    import torch

    known, report = named_tensors(parent), _Report()
    with torch.no_grad():
        for name, tensor in named_tensors(child).items():
            source = known.get(name)
            if source is not None and source.shape == tensor.shape:
                same = _same_names(source, tensor, channels, labels)
                tensor.copy_(source if same else _by_name(source, tensor, channels, labels))
                (report.kept if same else report.adapted).append(name)
            elif source is not None and _fits(source, tensor, channels, labels):
                tensor.copy_(_by_name(source, tensor, channels, labels))
                report.adapted.append(name)
            else:
                report.new.append(name)
    unused = tuple(name for name in known if name not in named_tensors(child))
    return Transfer(tuple(report.kept), tuple(report.adapted), tuple(report.new), unused)


class _Report:
    def __init__(self) -> None:
        self.kept: list[str] = []
        self.adapted: list[str] = []
        self.new: list[str] = []


Names = tuple[Sequence[str], Sequence[str]]


def _is_head(source: torch.Tensor, labels: Names) -> bool:
    return source.ndim >= 1 and source.shape[0] == len(labels[0]) and len(source) <= 64


def _is_stem(source: torch.Tensor, channels: Names) -> bool:
    return source.ndim >= 3 and source.shape[1] == len(channels[0])


def _same_names(source: torch.Tensor, tensor: torch.Tensor, channels: Names, labels: Names) -> bool:
    """Tell whether equal shapes mean equal things: a head of as many but other labels does not."""
    head_differs = _is_head(source, labels) and tuple(labels[0]) != tuple(labels[1])
    stem_differs = _is_stem(source, channels) and tuple(channels[0]) != tuple(channels[1])
    return not (head_differs and len(tensor) == len(labels[1])) and not stem_differs


def _fits(source: torch.Tensor, tensor: torch.Tensor, channels: Names, labels: Names) -> bool:
    if source.ndim != tensor.ndim:
        return False
    for axis, (a, b) in enumerate(zip(source.shape, tensor.shape, strict=True)):
        as_head = axis == 0 and (a, b) == (len(labels[0]), len(labels[1]))
        as_stem = axis == 1 and (a, b) == (len(channels[0]), len(channels[1]))
        if a != b and not as_head and not as_stem:
            return False
    return True


def _by_name(source: torch.Tensor, tensor: torch.Tensor, channels: Names, labels: Names) -> torch.Tensor:
    """Arrange a tensor's classes (first axis) and channels (second) by the child's names."""
    if _is_head(source, labels) and len(tensor) == len(labels[1]):
        rows = tensor.clone()
        for k, name in enumerate(labels[1]):
            if name in labels[0]:
                rows[k] = _channels_by_name(source[list(labels[0]).index(name)][None], tensor[:1], channels)[
                    0
                ]
        return rows
    return _channels_by_name(source, tensor, channels)


def _channels_by_name(source: torch.Tensor, tensor: torch.Tensor, channels: Names) -> torch.Tensor:
    if not _is_stem(source, channels) or tensor.shape[1] != len(channels[1]):
        return source
    mean = source.mean(1)
    columns = tensor.clone()
    for k, name in enumerate(channels[1]):
        columns[:, k] = source[:, list(channels[0]).index(name)] if name in channels[0] else mean
    return columns


ENCODER = re.compile(
    r"^(input_block|downsamples|bottleneck|encoder|down|convInit|vit|swinViT|patch_embed|stem)"
)
"""How the encoders of MONAI's networks begin their parameters' names."""


def rate_factors(
    network: torch.nn.Module, *, freeze_encoder: bool = False, decay: float = 1.0, new: Sequence[str] = ()
) -> dict[str, float]:
    """Return the factor of the learning rate of every parameter.

    Parameters
    ----------
    network : torch.nn.Module
        The network.
    freeze_encoder : bool
        Leave the encoder as it is, but for what is new in it.
    decay : float
        Each module nearer to the input learns by this factor more slowly; 1: all alike.
    new : sequence of str
        Parameters drawn afresh learn at the full rate.
    """
    names = [name for name, _ in network.named_parameters()]
    modules = list(dict.fromkeys(_module_of(name) for name in names))
    factors = {}
    for name in names:
        depth = len(modules) - 1 - modules.index(_module_of(name))
        frozen = freeze_encoder and ENCODER.match(name) is not None
        factors[name] = 1.0 if name in new else 0.0 if frozen else decay**depth
    return factors


def _module_of(name: str) -> str:
    """Return the block a parameter belongs to: the first part of its name, with a number after it."""
    parts = name.split(".")
    return ".".join(parts[:2]) if len(parts) > 2 and parts[1].isdigit() else parts[0]
