"""Networks by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, ValidationError, validate_call

from napari_medai.core.device import require_torch
from napari_medai.core.errors import ModelError
from napari_medai.models.pooled import pooled
from napari_medai.models.spec import ModelSpec, explain

if TYPE_CHECKING:
    import torch

Width = Annotated[int, Field(ge=1, le=1024)]
Stride = Annotated[int, Field(ge=1, le=4)]
Widths = Annotated[tuple[Width, ...], Field(min_length=2, max_length=8)]
Strides = Annotated[tuple[Stride, ...], Field(min_length=1, max_length=8)]
Norm = Literal["batch", "instance"]


@validate_call
def unet(
    ndim: int,
    inputs: int,
    outputs: int,
    *,
    widths: Widths,
    strides: Strides,
    residual_units: Annotated[int, Field(ge=0, le=4)] = 0,
    norm: Norm = "batch",
) -> Any:
    """Build MONAI's U-Net with optional residual units.

    Parameters
    ----------
    ndim, inputs, outputs : int
        Dimensions, input channels and classes.
    widths : tuple of int
        Feature channels of each level.
    strides : tuple of int
        Downsampling from each level to the next, one fewer than levels.
    residual_units : int
        Convolutions in each residual unit; 0: plain convolutions.
    norm : {"batch", "instance"}
        Normalisation layers.

    References
    ----------
    Kerfoot et al. 2018, Left-ventricle quantification using residual U-Net.
    """
    from monai.networks.nets import UNet

    _require(len(strides) == len(widths) - 1, f"{len(widths)} widths and {len(strides)} strides", "one fewer")
    return UNet(ndim, inputs, outputs, widths, strides, num_res_units=residual_units, norm=norm)


@validate_call
def dynunet(
    ndim: int,
    inputs: int,
    outputs: int,
    *,
    widths: Annotated[Widths, Field(min_length=3)],
    strides: Annotated[Strides, Field(min_length=3)],
    residual: bool = False,
    norm: Norm = "batch",
) -> Any:
    """Build MONAI's DynUNet: two 3-wide convolutions a level, the layout of nnU-Net.

    Parameters
    ----------
    ndim, inputs, outputs : int
        Dimensions, input channels and classes.
    widths : tuple of int
        Feature channels of each level.
    strides : tuple of int
        Downsampling on entering each level, as many as levels; the first is usually 1.
    residual : bool
        Whether the levels are residual blocks.
    norm : {"batch", "instance"}
        Normalisation layers.

    References
    ----------
    Isensee et al. 2021, nnU-Net, doi 10.1038/s41592-020-01008-z.
    """
    from monai.networks.nets import DynUNet

    _require(len(strides) == len(widths), f"{len(widths)} widths and {len(strides)} strides", "as many")
    return DynUNet(
        ndim,
        inputs,
        outputs,
        kernel_size=[3] * len(widths),
        strides=strides,
        upsample_kernel_size=strides[1:],
        filters=widths,
        norm_name=norm,
        res_block=residual,
    )


NETWORKS: dict[str, Callable[..., Any]] = {"unet": unet, "dynunet": dynunet, "pooled": pooled}
"""From a network's name in ``model.json`` to its builder (ndim, inputs, outputs, \\*\\*arguments)."""


def build_network(spec: ModelSpec) -> torch.nn.Module:
    """Build the network a specification asks for, with fresh weights.

    Parameters
    ----------
    spec : ModelSpec
        Name, arguments, channels, classes and dimensions.

    Returns
    -------
    torch.nn.Module
        From (batch, channels, \\*tile) to class scores (batch, classes, \\*tile), before softmax.

    Raises
    ------
    ModelError
        If the network or an argument is unknown, or the tile does not fit the strides.
    """
    require_torch()
    builder = NETWORKS.get(spec.network.name)
    if builder is None:
        raise ModelError(
            f"Model {spec.name} needs the network {spec.network.name!r}; known: {', '.join(NETWORKS)}.",
            hint="A newer napari-medai may have it.",
        )
    try:
        network = builder(spec.ndim, len(spec.channels), len(spec.outputs.names), **spec.network.arguments)
    except ValidationError as error:
        raise explain(error, f"network {spec.network.name}", _option_names(builder)) from error
    _check_tile(spec)
    return network  # type: ignore[no-any-return]


def _option_names(builder: Callable[..., Any]) -> tuple[str, ...]:
    parameters = inspect.signature(builder).parameters.values()
    return tuple(p.name for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY)


def _check_tile(spec: ModelSpec) -> None:
    step = 1
    strides: Any = spec.network.arguments.get("strides", ())
    for stride in strides:
        step *= stride
    if any(size % step for size in spec.tile):
        raise ModelError(
            f"Model {spec.name}: found tile {spec.tile}; needed multiples of {step}, the strides."
        )


def _require(holds: bool, found: str, needed: str) -> None:
    if not holds:
        raise ModelError(f"Found {found}; needed {needed} strides.")
