"""A small network for one answer an image: convolutions, a global average, one linear layer."""

from __future__ import annotations

from collections import OrderedDict
from typing import Annotated, Any

from pydantic import Field, validate_call

from napari_medai.core.errors import ModelError

Width = Annotated[int, Field(ge=1, le=1024)]
Stride = Annotated[int, Field(ge=1, le=4)]


@validate_call
def pooled(
    ndim: int,
    inputs: int,
    outputs: int,
    *,
    widths: Annotated[tuple[Width, ...], Field(min_length=1, max_length=8)],
    strides: Annotated[tuple[Stride, ...], Field(min_length=1, max_length=8)],
    gather: Annotated[int, Field(ge=1, le=15)] = 1,
) -> Any:
    """Build a plain convolutional network that ends in a global average and a linear layer.

    Its class-activation map is exact: what the average gathers is what the map shows (Zhou et al.,
    Learning Deep Features for Discriminative Localization, CVPR 2016).

    Parameters
    ----------
    ndim, inputs, outputs : int
        Dimensions, input channels, and classes or values.
    widths : tuple of int
        Feature channels of each level; two 3-wide convolutions a level.
    strides : tuple of int
        Downsampling on entering each level, as many as levels.
    gather : int
        Odd: each cell of the last layer becomes the mean of so many neighbours along each axis. The
        network sees a thing from all around it; gathered, what it sees peaks in the thing's middle.
    """
    from torch import nn

    if len(strides) != len(widths):
        raise ModelError(f"Found {len(widths)} widths and {len(strides)} strides; needed as many strides.")
    before = (inputs, *widths[:-1])
    levels = [_level(ndim, a, b, s) for a, b, s in zip(before, widths, strides, strict=True)]
    if gather % 2 == 0:
        raise ModelError(f"Found gather {gather}; needed an odd number.")
    if gather > 1:
        mean = nn.AvgPool2d if ndim == 2 else nn.AvgPool3d
        levels.append(mean(gather, 1, gather // 2))
    pool = (nn.AdaptiveAvgPool2d if ndim == 2 else nn.AdaptiveAvgPool3d)(1)
    parts = {"features": nn.Sequential(*levels), "average": pool, "flat": nn.Flatten()}
    return nn.Sequential(OrderedDict({**parts, "head": nn.Linear(widths[-1], outputs)}))


def _level(ndim: int, inputs: int, outputs: int, stride: int) -> Any:
    from torch import nn

    conv, norm = (nn.Conv2d, nn.BatchNorm2d) if ndim == 2 else (nn.Conv3d, nn.BatchNorm3d)
    layers: list[Any] = []
    for source, step in ((inputs, stride), (outputs, 1)):
        layers += [conv(source, outputs, 3, step, 1, bias=False), norm(outputs), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)
