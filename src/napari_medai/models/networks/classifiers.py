"""Networks from MONAI that answer once for an image."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, validate_call

from napari_medai.models.networks.kinds import Blocks, Norm, Share, Width

DENSENETS = {
    121: (64, 32, (6, 12, 24, 16)),
    169: (64, 32, (6, 12, 32, 32)),
    201: (64, 32, (6, 12, 48, 32)),
    264: (64, 32, (6, 12, 64, 48)),
}
"""First width, growth and blocks of each depth that has a name."""

RESNETS: dict[int, tuple[str, list[int]]] = {
    10: ("basic", [1, 1, 1, 1]),
    18: ("basic", [2, 2, 2, 2]),
    34: ("basic", [3, 4, 6, 3]),
    50: ("bottleneck", [3, 4, 6, 3]),
    101: ("bottleneck", [3, 4, 23, 3]),
    152: ("bottleneck", [3, 8, 36, 3]),
}
"""Block and number of blocks of each depth."""


@validate_call
def densenet(
    ndim: int,
    inputs: int,
    outputs: int,
    *,
    depth: Literal[121, 169, 201, 264] = 121,
    width: Width | None = None,
    growth: Annotated[int, Field(ge=1, le=128)] | None = None,
    blocks: Blocks | None = None,
    dropout: Share = 0.0,
) -> Any:
    """Build MONAI's DenseNet.

    Parameters
    ----------
    ndim, inputs, outputs : int
        Dimensions, input channels, and classes or values.
    depth : {121, 169, 201, 264}
        Which of the published networks.
    width, growth, blocks : int, int, tuple of int; optional
        First feature channels, channels each layer adds, and layers of each block, for one of your own.
    dropout : float
        Share of the features left out in training.

    References
    ----------
    Huang et al. 2017, Densely Connected Convolutional Networks, doi 10.1109/CVPR.2017.243.
    """
    from monai.networks.nets import DenseNet

    first, more, layers = DENSENETS[depth]
    return DenseNet(
        ndim,
        inputs,
        outputs,
        init_features=width or first,
        growth_rate=growth or more,
        block_config=blocks or layers,
        dropout_prob=dropout,
    )


@validate_call
def resnet(
    ndim: int,
    inputs: int,
    outputs: int,
    *,
    depth: Literal[10, 18, 34, 50, 101, 152] = 18,
    width: Annotated[int, Field(ge=4, le=256)] = 64,
    norm: Norm = "batch",
    pool: bool = True,
    first_kernel: Annotated[int, Field(ge=3, le=11)] = 7,
    first_stride: Annotated[int, Field(ge=1, le=4)] = 1,
) -> Any:
    """Build MONAI's ResNet.

    Parameters
    ----------
    ndim, inputs, outputs : int
        Dimensions, input channels, and classes or values.
    depth : {10, 18, 34, 50, 101, 152}
        Which of the published networks.
    width : int
        Feature channels of the first level, doubled on each of the next three.
    norm : {"batch", "instance"}
        Normalisation layers.
    pool : bool
        Whether a maximum over 3-wide windows follows the first convolution.
    first_kernel, first_stride : int
        Width and step of the first convolution.

    References
    ----------
    He et al. 2016, Deep Residual Learning, doi 10.1109/CVPR.2016.90.
    """
    from monai.networks.nets import ResNet

    block, layers = RESNETS[depth]
    return ResNet(
        block,
        layers,
        [width, 2 * width, 4 * width, 8 * width],
        ndim,
        inputs,
        conv1_t_size=first_kernel,
        conv1_t_stride=first_stride,
        no_max_pool=not pool,
        num_classes=outputs,
        norm=norm,
    )


@validate_call
def efficientnet(
    ndim: int,
    inputs: int,
    outputs: int,
    *,
    size: Literal["b0", "b1", "b2", "b3", "b4", "b5", "b6", "b7", "b8"] = "b0",
) -> Any:
    """Build MONAI's EfficientNet, with fresh weights.

    Parameters
    ----------
    ndim, inputs, outputs : int
        Dimensions, input channels, and classes or values.
    size : {"b0", "b1", "b2", "b3", "b4", "b5", "b6", "b7", "b8"}
        Which of the published networks.

    References
    ----------
    Tan and Le 2019, EfficientNet, arXiv 1905.11946.
    """
    from monai.networks.nets import EfficientNetBN

    return EfficientNetBN(
        f"efficientnet-{size}",
        pretrained=False,
        spatial_dims=ndim,
        in_channels=inputs,
        num_classes=outputs,
    )
