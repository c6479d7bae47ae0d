"""The table of networks: from a name in ``model.json`` to what builds it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from napari_medai.core.device import require_torch
from napari_medai.core.errors import ModelError
from napari_medai.models.networks import classifiers, generative, nnunet, transformers, unets
from napari_medai.models.points.heat_networks import heat_cascade
from napari_medai.models.pooled import pooled
from napari_medai.models.spec import ModelSpec, explain

if TYPE_CHECKING:
    import torch

Builder = Callable[..., Any]
Arguments = Mapping[str, Any]
Steps = Callable[[Arguments, int], tuple[int, ...]]

VOXELS = frozenset({"segmentation", "landmarks", "registration"})
IMAGES = frozenset({"classification", "regression"})
POINTS = frozenset({"landmarks"})
NO_TASK: frozenset[str] = frozenset()


@dataclass(frozen=True)
class NetworkEntry:
    """One row of the table.

    Parameters
    ----------
    build : callable
        ``build(ndim, inputs, outputs, **arguments)``, its arguments checked.
    tasks : frozenset of str
        Tasks of model folders it serves; empty for parts of a training only.
    steps : callable
        From arguments and dimensions to what a window's size must be a multiple of, along each axis.
    example : dict
        Arguments of usual size, for the table of parameters and memory.
    needs : tuple of str
        Packages the network needs besides torch and MONAI.
    least : int
        The smallest size of a window along each axis.
    """

    build: Builder
    tasks: frozenset[str] = VOXELS
    steps: Steps = lambda _, ndim: (1,) * ndim
    example: Arguments | None = None
    needs: tuple[str, ...] = ()
    least: int = 1


def _by_strides(arguments: Arguments, ndim: int) -> tuple[int, ...]:
    steps = [1] * ndim
    for stride in arguments.get("strides", ()):
        each = (stride,) * ndim if isinstance(stride, int) else tuple(stride)
        steps = [a * b for a, b in zip(steps, each, strict=True)]
    return tuple(steps)


def _every(size: int) -> Steps:
    return lambda _, ndim: (size,) * ndim


def _by_levels(arguments: Arguments, ndim: int) -> tuple[int, ...]:
    return (2 ** (len(arguments.get("blocks", (1, 2, 2, 4))) - 1),) * ndim


def _by_stage(arguments: Arguments, ndim: int) -> tuple[int, ...]:
    return (2 ** (len(arguments["coarse"]["widths"]) - 1),) * ndim


_LEVELS: dict[str, Any] = {"widths": (32, 64, 128, 256, 320), "strides": (1, 2, 2, 2, 2)}
_SKIPS: dict[str, Any] = {"widths": (32, 64, 128, 256, 320), "strides": (2, 2, 2, 2)}
_SMALL: dict[str, Any] = {"widths": (16, 32, 64), "strides": (2, 2, 2)}
_NNUNET: dict[str, Any] = {**_LEVELS, "encoder": (2,) * 5, "decoder": (2,) * 4}
_CASCADE: dict[str, Any] = {"coarse": {"widths": (24, 32, 48, 64)}, "fine": {"widths": (24, 40, 64)}}

ENTRIES: dict[str, NetworkEntry] = {
    "unet": NetworkEntry(unets.unet, VOXELS, _by_strides, {**_SKIPS, "residual_units": 2}),
    "dynunet": NetworkEntry(unets.dynunet, VOXELS, _by_strides, _LEVELS),
    "nnunet": NetworkEntry(nnunet.nnunet, VOXELS, _by_strides, _NNUNET),
    "segresnet": NetworkEntry(unets.segresnet, VOXELS, _by_levels, {"width": 16}),
    "attention-unet": NetworkEntry(unets.attention_unet, VOXELS, _by_strides, _SKIPS),
    "unet++": NetworkEntry(unets.unet_plus_plus, VOXELS, _every(16), {}),
    "vnet": NetworkEntry(unets.vnet, VOXELS, _every(16), {}),
    "swin-unetr": NetworkEntry(
        transformers.swin_unetr, VOXELS, _every(32), {"width": 24}, needs=("einops",), least=64
    ),
    "heat-cascade": NetworkEntry(heat_cascade, POINTS, _by_stage, _CASCADE),
    "pooled": NetworkEntry(pooled, IMAGES, example=_SMALL),
    "densenet": NetworkEntry(classifiers.densenet, IMAGES, example={}),
    "resnet": NetworkEntry(classifiers.resnet, IMAGES, example={"depth": 18}),
    "efficientnet": NetworkEntry(classifiers.efficientnet, IMAGES, example={"size": "b0"}),
    "autoencoder": NetworkEntry(generative.autoencoder, NO_TASK, _by_strides, _SMALL),
    "vae": NetworkEntry(generative.vae, NO_TASK, _by_strides, {**_SMALL, "latent": 64}),
    "patch-discriminator": NetworkEntry(generative.patch_discriminator, NO_TASK, example={}),
    "patch-discriminators": NetworkEntry(generative.patch_discriminators, NO_TASK, example={}),
}
"""Every network by name. Add to it with :func:`add_network`."""

NETWORKS: dict[str, Builder] = {name: entry.build for name, entry in ENTRIES.items()}
"""From a network's name to its builder (ndim, inputs, outputs, \\*\\*arguments)."""


def add_network(name: str, entry: NetworkEntry) -> None:
    """Enter a network into the table.

    Parameters
    ----------
    name : str
        How ``model.json`` names it.
    entry : NetworkEntry
        Its builder and facts.

    Raises
    ------
    ModelError
        If another network has the name.
    """
    if name in ENTRIES and ENTRIES[name] != entry:
        raise ModelError(f"There is a network {name!r} already.", hint="Choose another name.")
    ENTRIES[name] = entry
    NETWORKS[name] = entry.build


def make_network(name: str, ndim: int, inputs: int, outputs: int, **arguments: Any) -> torch.nn.Module:
    """Build a network by name, with fresh weights.

    Parameters
    ----------
    name : str
        A key of :data:`ENTRIES`.
    ndim, inputs, outputs : int
        Dimensions, input channels, and output channels, classes or values.
    **arguments
        What the builder takes besides.

    Raises
    ------
    ModelError
        If the network or an argument is unknown, or a package it needs is not installed.
    """
    require_torch()
    entry = ENTRIES.get(name)
    if entry is None:
        raise ModelError(
            f"There is no network {name!r}; known: {', '.join(ENTRIES)}.",
            hint="A newer napari-medai may have it: pip install -U napari-medai.",
        )
    missing = [package for package in entry.needs if find_spec(package) is None]
    if missing:
        raise ModelError(
            f"The network {name} needs {' and '.join(missing)}, which is not installed.",
            hint=f"pip install {' '.join(missing)}",
        )
    try:
        return entry.build(ndim, inputs, outputs, **arguments)  # type: ignore[no-any-return]
    except ValidationError as error:
        raise explain(error, f"network {name}", option_names(entry.build)) from error


def build_network(spec: ModelSpec) -> torch.nn.Module:
    """Build the network a specification asks for, with fresh weights.

    Parameters
    ----------
    spec : ModelSpec
        Name, arguments, channels, outputs and dimensions.

    Returns
    -------
    torch.nn.Module
        From (batch, channels, \\*tile) to scores before softmax: (batch, classes, \\*tile), or
        (batch, classes) where the answer is one for the whole image.

    Raises
    ------
    ModelError
        If the network or an argument is unknown, serves another task, or the tile does not fit the
        strides.
    """
    network = make_network(
        spec.network.name, spec.ndim, spec.inputs, spec.outputs.channels, **spec.network.arguments
    )
    entry = ENTRIES[spec.network.name]
    if spec.task not in entry.tasks:
        fitting = ", ".join(name for name, other in ENTRIES.items() if spec.task in other.tasks)
        raise ModelError(
            f"Model {spec.name}: the network {spec.network.name} is not one for {spec.task}.",
            hint=f"Networks for {spec.task}: {fitting}.",
        )
    steps = entry.steps(spec.network.arguments, spec.ndim)
    if any(size % step for size, step in zip(spec.tile, steps, strict=True)):
        text = steps[0] if len(set(steps)) == 1 else steps
        raise ModelError(
            f"Model {spec.name}: found tile {spec.tile}; needed multiples of {text}, the strides."
        )
    if min(spec.tile) < entry.least:
        raise ModelError(f"Model {spec.name}: found tile {spec.tile}; needed {entry.least} or more.")
    return network


def option_names(builder: Builder) -> tuple[str, ...]:
    """Return the names of a builder's keyword arguments."""
    parameters = inspect.signature(builder).parameters.values()
    return tuple(p.name for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY)
