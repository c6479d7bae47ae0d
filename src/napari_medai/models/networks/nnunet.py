"""The networks that nnU-Net plans: plain or residual encoder, plain decoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field, validate_call

from napari_medai.models.networks.kinds import AxisStride, Blocks, Kernel, Width, per_axis, require

Steps = Sequence[int]


@validate_call
def nnunet(
    ndim: int,
    inputs: int,
    outputs: int,
    *,
    widths: Annotated[tuple[Width, ...], Field(min_length=2, max_length=10)],
    strides: Annotated[tuple[AxisStride, ...], Field(min_length=2, max_length=10)],
    kernels: Annotated[tuple[Kernel, ...], Field(max_length=10)] = (),
    encoder: Blocks,
    decoder: Blocks,
    residual: bool = False,
    bias: bool = True,
    affine: bool = True,
    epsilon: Annotated[float, Field(gt=0, le=0.1)] = 1e-5,
) -> Any:
    """Build the U-Net of an nnU-Net plan: instance normalisation, leaky rectifiers.

    Parameters
    ----------
    ndim, inputs, outputs : int
        Dimensions, input channels and classes.
    widths : tuple of int
        Feature channels of each level.
    strides : tuple of int, or of tuple of int
        Downsampling on entering each level, as many as levels.
    kernels : tuple of tuple of int
        Convolution widths of each level; 3 along every axis by default.
    encoder : tuple of int
        Convolutions of each level on the way down, or residual blocks of two.
    decoder : tuple of int
        Convolutions of each level on the way up, one fewer than levels.
    residual : bool
        Whether the levels on the way down are residual blocks after a first convolution.
    bias, affine : bool
        Whether convolutions, and normalisations, have numbers of their own.
    epsilon : float
        What normalisation adds to the variance.

    References
    ----------
    Isensee et al. 2021, nnU-Net, doi 10.1038/s41592-020-01008-z. Isensee et al. 2024, nnU-Net Revisited,
    doi 10.1007/978-3-031-72114-4_47 (residual encoder).
    """
    kernels = kernels or ((3,) * ndim,) * len(widths)
    counts = (len(strides), len(kernels), len(encoder), len(decoder) + 1)
    found = f"{len(widths)} widths, and strides, kernels, encoder, decoder + 1 of {counts}"
    require(set(counts) == {len(widths)}, found, "as many of each")
    require(all(len(k) == ndim for k in kernels), f"kernels {kernels}", f"{ndim} numbers each")
    parts = _Parts(ndim, bias, affine, epsilon)
    return _assembled(
        parts, inputs, outputs, widths, per_axis(strides, ndim), kernels, encoder, decoder, residual
    )


class _Parts:
    """Makes the layers of one network: same dimensions, bias and normalisation everywhere."""

    def __init__(self, ndim: int, bias: bool, affine: bool, epsilon: float) -> None:
        from torch import nn

        self.conv: Any = nn.Conv2d if ndim == 2 else nn.Conv3d
        self.up: Any = nn.ConvTranspose2d if ndim == 2 else nn.ConvTranspose3d
        self.norm: Any = nn.InstanceNorm2d if ndim == 2 else nn.InstanceNorm3d
        self.pool: Any = nn.AvgPool2d if ndim == 2 else nn.AvgPool3d
        self.bias, self.affine, self.epsilon = bias, affine, epsilon

    def layers(self, inputs: int, outputs: int, kernel: Steps, stride: Steps, bend: bool = True) -> Any:
        """Convolution, normalisation and, where asked for, the rectifier."""
        from torch import nn

        padding = tuple((k - 1) // 2 for k in kernel)
        conv = self.conv(inputs, outputs, tuple(kernel), tuple(stride), padding, bias=self.bias)
        norm = self.norm(outputs, eps=self.epsilon, affine=self.affine)
        rectifier = [nn.LeakyReLU(0.01, inplace=True)] if bend else []
        return nn.Sequential(conv, norm, *rectifier)

    def plain(self, inputs: int, outputs: int, count: int, kernel: Steps, stride: Steps) -> Any:
        """Several convolutions; the first one takes the step."""
        from torch import nn

        ones = (1,) * len(stride)
        rest = [self.layers(outputs, outputs, kernel, ones) for _ in range(count - 1)]
        return nn.Sequential(self.layers(inputs, outputs, kernel, stride), *rest)

    def residuals(self, inputs: int, outputs: int, count: int, kernel: Steps, stride: Steps) -> Any:
        """Several residual blocks; the first one takes the step."""
        from torch import nn

        ones = (1,) * len(stride)
        rest = [self.residual(outputs, outputs, kernel, ones) for _ in range(count - 1)]
        return nn.Sequential(self.residual(inputs, outputs, kernel, stride), *rest)

    def residual(self, inputs: int, outputs: int, kernel: Steps, stride: Steps) -> Any:
        """One residual block: two convolutions beside a mean and a 1-wide convolution where needed."""
        from torch import nn

        ones = (1,) * len(stride)
        first = self.layers(inputs, outputs, kernel, stride)
        second = self.layers(outputs, outputs, kernel, ones, bend=False)
        skip: list[Any] = [self.pool(tuple(stride), tuple(stride))] if any(s != 1 for s in stride) else []
        if inputs != outputs:
            conv = self.conv(inputs, outputs, 1, 1, 0, bias=False)
            skip.append(nn.Sequential(conv, self.norm(outputs, eps=self.epsilon, affine=self.affine)))
        return _residual_block(first, second, nn.Sequential(*skip))


def _residual_block(first: Any, second: Any, skip: Any) -> Any:
    from torch import nn

    class Residual(nn.Module):
        """Adds what its convolutions find to what came in."""

        def __init__(self) -> None:
            super().__init__()
            self.first, self.second, self.skip = first, second, skip
            self.rectifier = nn.LeakyReLU(0.01, inplace=True)

        def forward(self, x: Any) -> Any:
            return self.rectifier(self.second(self.first(x)) + self.skip(x))

    return Residual()


def _assembled(
    parts: _Parts,
    inputs: int,
    outputs: int,
    widths: Steps,
    strides: list[tuple[int, ...]],
    kernels: Sequence[Steps],
    encoder: Steps,
    decoder: Steps,
    residual: bool,
) -> Any:
    from torch import nn

    level = parts.residuals if residual else parts.plain
    ones = (1,) * len(kernels[0])
    stem = parts.plain(inputs, widths[0], 1, kernels[0], ones) if residual else None
    before = (widths[0] if residual else inputs, *widths[:-1])
    down = [level(*each) for each in zip(before, widths, encoder, kernels, strides, strict=True)]
    raised, joined = [], []
    for k in range(len(widths) - 1, 0, -1):
        raised.append(parts.up(widths[k], widths[k - 1], strides[k], strides[k], bias=parts.bias))
        count = decoder[len(widths) - 1 - k]
        joined.append(parts.plain(2 * widths[k - 1], widths[k - 1], count, kernels[k - 1], ones))
    head = parts.conv(widths[0], outputs, 1, 1, 0, bias=True)
    return _unet(stem, nn.ModuleList(down), nn.ModuleList(raised), nn.ModuleList(joined), head)


def concatenated(raised: Any, seen: Any) -> Any:
    """Put the channels of two tensors one after the other."""
    import torch

    return torch.cat((raised, seen), 1)


def _unet(stem: Any, down: Any, raised: Any, joined: Any, head: Any) -> Any:
    from torch import nn

    class UNet(nn.Module):
        """Down level by level, and up again beside what was seen on the way down."""

        def __init__(self) -> None:
            super().__init__()
            self.stem = stem or nn.Identity()
            self.down, self.raised, self.joined, self.head = down, raised, joined, head
            self.join = concatenated

        def forward(self, x: Any) -> Any:
            x, seen = self.stem(x), []
            for level in self.down:
                x = level(x)
                seen.append(x)
            seen.pop()
            for up, level in zip(self.raised, self.joined, strict=True):
                x = level(self.join(up(x), seen.pop()))
            return self.head(x)

    return UNet()
