"""Convolutional networks that answer for every voxel."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, validate_call

from napari_medai.models.networks.kinds import (
    AxisStride,
    Blocks,
    Norm,
    Share,
    Strides,
    Width,
    Widths,
    per_axis,
    require,
    require_strides,
)


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

    require_strides(widths, strides, 1)
    return UNet(ndim, inputs, outputs, widths, strides, num_res_units=residual_units, norm=norm)


@validate_call
def dynunet(
    ndim: int,
    inputs: int,
    outputs: int,
    *,
    widths: Annotated[Widths, Field(min_length=3)],
    strides: Annotated[tuple[AxisStride, ...], Field(min_length=3, max_length=8)],
    residual: bool = False,
    norm: Norm = "batch",
    dropout: Share = 0.0,
) -> Any:
    """Build MONAI's DynUNet: two 3-wide convolutions a level, the layout of nnU-Net.

    Parameters
    ----------
    ndim, inputs, outputs : int
        Dimensions, input channels and classes.
    widths : tuple of int
        Feature channels of each level.
    strides : tuple of int, or of tuple of int
        Downsampling on entering each level, as many as levels; the first is usually 1.
    residual : bool
        Whether the levels are residual blocks.
    norm : {"batch", "instance"}
        Normalisation layers.
    dropout : float
        Share of the units left out after each convolution but the last while it is trained.

    References
    ----------
    Isensee et al. 2021, nnU-Net, doi 10.1038/s41592-020-01008-z.
    """
    from monai.networks.nets import DynUNet

    require_strides(widths, strides, 0)
    steps = per_axis(strides, ndim)
    network = DynUNet(
        ndim,
        inputs,
        outputs,
        kernel_size=[3] * len(widths),
        strides=steps,
        upsample_kernel_size=steps[1:],
        filters=widths,
        dropout=dropout or None,
        norm_name=norm,
        res_block=residual,
    )
    if dropout:
        del network.output_block.conv.adn  # MONAI would leave out class scores as well
    return network


@validate_call
def segresnet(
    ndim: int,
    inputs: int,
    outputs: int,
    *,
    width: Annotated[int, Field(ge=8, le=128, multiple_of=8)] = 16,
    blocks: Blocks = (1, 2, 2, 4),
    blocks_up: Blocks = (1, 1, 1),
    dropout: Share = 0.0,
) -> Any:
    """Build MONAI's SegResNet: residual blocks with group normalisation, interpolated upward.

    Parameters
    ----------
    ndim, inputs, outputs : int
        Dimensions, input channels and classes.
    width : int
        Feature channels of the first level, doubled on each next one; a multiple of 8.
    blocks : tuple of int
        Residual blocks of each level on the way down.
    blocks_up : tuple of int
        Residual blocks of each level on the way up, one fewer.
    dropout : float
        Share of the input features left out in training.

    References
    ----------
    Myronenko 2018, 3D MRI brain tumor segmentation, arXiv 1810.11654.
    """
    from monai.networks.nets import SegResNet

    found = f"{len(blocks)} levels down and {len(blocks_up)} up"
    require(len(blocks_up) == len(blocks) - 1, found, "one fewer up")
    return SegResNet(
        ndim,
        width,
        inputs,
        outputs,
        dropout_prob=dropout or None,
        blocks_down=blocks,
        blocks_up=blocks_up,
    )


@validate_call
def attention_unet(
    ndim: int, inputs: int, outputs: int, *, widths: Widths, strides: Strides, dropout: Share = 0.0
) -> Any:
    """Build MONAI's U-Net with attention gates on its skip connections.

    Parameters
    ----------
    ndim, inputs, outputs : int
        Dimensions, input channels and classes.
    widths : tuple of int
        Feature channels of each level.
    strides : tuple of int
        Downsampling from each level to the next, one fewer than levels.
    dropout : float
        Share of the features left out in training.

    References
    ----------
    Oktay et al. 2018, Attention U-Net, arXiv 1804.03999.
    """
    from monai.networks.nets import AttentionUnet

    require_strides(widths, strides, 1)
    return AttentionUnet(ndim, inputs, outputs, widths, strides, dropout=dropout)


@validate_call
def unet_plus_plus(
    ndim: int,
    inputs: int,
    outputs: int,
    *,
    widths: Annotated[tuple[Width, ...], Field(min_length=6, max_length=6)] = (32, 32, 64, 128, 256, 32),
    norm: Norm = "instance",
    dropout: Share = 0.0,
) -> Any:
    """Build MONAI's UNet++: five levels joined by dense skip connections.

    Parameters
    ----------
    ndim, inputs, outputs : int
        Dimensions, input channels and classes.
    widths : tuple of int
        Feature channels of the five levels, and of the last layer.
    norm : {"batch", "instance"}
        Normalisation layers.
    dropout : float
        Share of the features left out in training.

    References
    ----------
    Zhou et al. 2018, UNet++, doi 10.1007/978-3-030-00889-5_1.
    """
    from monai.networks.nets import BasicUNetPlusPlus

    class LastOfAll(BasicUNetPlusPlus):  # type: ignore[misc]
        """Gives the one output that MONAI's network returns within a list."""

        def forward(self, x: Any) -> Any:
            return super().forward(x)[-1]

    return LastOfAll(ndim, inputs, outputs, widths, norm=(norm, {"affine": True}), dropout=dropout)


@validate_call
def vnet(ndim: int, inputs: int, outputs: int, *, dropout: Share = 0.5, bias: bool = False) -> Any:
    """Build MONAI's V-Net: residual, 16 to 256 feature channels, 5-wide convolutions.

    Parameters
    ----------
    ndim, inputs, outputs : int
        Dimensions, input channels (1, 2, 4, 8 or 16) and classes.
    dropout : float
        Share of the features left out in training.
    bias : bool
        Whether convolutions add a number.

    References
    ----------
    Milletari et al. 2016, V-Net, doi 10.1109/3DV.2016.79.
    """
    from monai.networks.nets import VNet

    require(16 % inputs == 0, f"{inputs} input channels", "1, 2, 4, 8 or 16")
    share = dropout or None
    return VNet(
        ndim,
        inputs,
        outputs,
        dropout_prob_down=share,
        dropout_prob_up=(share, share),
        dropout_dim=ndim,
        bias=bias,
    )
