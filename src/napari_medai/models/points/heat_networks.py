"""Networks that give one heat map a point: a U-Net, spatial configuration, and the two stages together."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, validate_call

Widths = Annotated[tuple[Annotated[int, Field(ge=1, le=1024)], ...], Field(min_length=2, max_length=8)]


class Stage(BaseModel):
    """One network of a cascade.

    Parameters
    ----------
    kind : {"unet", "scn"}
        A U-Net alone, or its maps multiplied by a spatial configuration seen on a coarser grid.
    widths : tuple of int
        Feature channels of each level; every level halves the grid.
    context : float
        A window is seen a second time, so many times as wide and as coarse; 1: it is not.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    kind: Literal["unet", "scn"] = "unet"
    widths: Widths
    context: Annotated[float, Field(ge=1, le=16)] = 1.0


@validate_call
def heat_cascade(ndim: int, inputs: int, outputs: int, *, coarse: Stage, fine: Stage | None = None) -> Any:
    """Build the network of a landmark model.

    Parameters
    ----------
    ndim, inputs, outputs : int
        Dimensions, input channels and points.
    coarse : Stage
        Sees the whole image on a coarse grid.
    fine : Stage, optional
        Sees windows around the points found so far.

    Returns
    -------
    torch.nn.Module
        With the parts ``coarse`` and ``fine``; each maps (batch, inputs, \\*grid) to the logarithm of heat
        (batch, points, \\*grid), where 0 is the heat of being nowhere in sight.
    """
    import torch

    class Cascade(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.coarse = heat_network(ndim, inputs, outputs, coarse)
            self.fine = None if fine is None else heat_network(ndim, inputs, outputs, fine)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return self.coarse(images)  # type: ignore[no-any-return]

    return Cascade()


def heat_network(ndim: int, inputs: int, outputs: int, stage: Stage) -> Any:
    """Build one stage.

    References
    ----------
    Ronneberger et al. 2015, U-Net, doi 10.1007/978-3-319-24574-4_28. Payer et al. 2019, Integrating spatial
    configuration into heatmap regression based CNNs for landmark localization,
    doi 10.1016/j.media.2019.03.007.
    """
    channels = inputs if stage.context == 1 else 2 * inputs
    appearance = _unet(ndim, channels, outputs, stage.widths)
    return appearance if stage.kind == "unet" else _scn(ndim, outputs, appearance)


def grid_step(stage: Stage) -> int:
    """Return what the size of a stage's grid must be a multiple of."""
    return int(2 ** (len(stage.widths) - 1))


def _unet(ndim: int, inputs: int, outputs: int, widths: Sequence[int]) -> Any:
    import torch
    from torch import nn

    class HeatUNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            before = (inputs, *widths)
            self.down = nn.ModuleList(
                nn.Sequential(_block(ndim, a, b, 1 if k == 0 else 2), _block(ndim, b, b))
                for k, (a, b) in enumerate(zip(before, widths, strict=False))
            )
            self.up = nn.ModuleList(_block(ndim, low + high, high) for high, low in pairwise(widths))
            self.last = _convolution(ndim)(widths[0], outputs, 1)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            levels = []
            for part in self.down:
                images = part(images)
                levels.append(images)
            for k in range(len(self.up) - 1, -1, -1):
                larger = nn.functional.interpolate(images, size=levels[k].shape[2:], mode=_linear(ndim))
                images = self.up[k](torch.cat([levels[k], larger], 1))
            return self.last(images)  # type: ignore[no-any-return]

    return HeatUNet()


def _scn(ndim: int, outputs: int, appearance: Any, shrink: int = 4, width: int = 7) -> Any:
    """Multiply local appearance by spatial configuration: logarithms of heat add up."""
    import torch
    from torch import nn

    class SpatialConfiguration(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.appearance = appearance
            layer = _convolution(ndim)
            self.configuration = nn.Sequential(
                layer(outputs, outputs, width, padding=width // 2), nn.LeakyReLU(0.1),
                layer(outputs, outputs, width, padding=width // 2), nn.LeakyReLU(0.1),
                layer(outputs, outputs, width, padding=width // 2),
            )  # fmt: skip

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            local = self.appearance(images)
            pool: Any = nn.functional.adaptive_avg_pool2d if ndim == 2 else nn.functional.adaptive_avg_pool3d
            size = [max(1, n // shrink) for n in local.shape[2:]]
            seen = self.configuration(pool(torch.sigmoid(local), size))
            return local + nn.functional.interpolate(seen, size=local.shape[2:], mode=_linear(ndim))  # type: ignore[no-any-return]

    return SpatialConfiguration()


def _block(ndim: int, inputs: int, outputs: int, stride: int = 1) -> Any:
    from torch import nn

    norm = nn.BatchNorm2d if ndim == 2 else nn.BatchNorm3d
    return nn.Sequential(
        _convolution(ndim)(inputs, outputs, 3, stride, 1, bias=False), norm(outputs), nn.LeakyReLU(0.01)
    )


def _convolution(ndim: int) -> Any:
    from torch import nn

    return nn.Conv2d if ndim == 2 else nn.Conv3d


def _linear(ndim: int) -> str:
    return "bilinear" if ndim == 2 else "trilinear"
