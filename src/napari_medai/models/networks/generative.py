"""Networks that give an image back, and those that judge one: parts of trainings."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, validate_call

from napari_medai.models.networks.kinds import Norm, Share, Strides, Width, Widths, require, require_strides

Depth = Annotated[int, Field(ge=1, le=6)]
Sizes = Annotated[tuple[Annotated[int, Field(ge=8, le=1024)], ...], Field(min_length=2, max_length=3)]


@validate_call
def autoencoder(
    ndim: int,
    inputs: int,
    outputs: int,
    *,
    widths: Widths,
    strides: Strides,
    residual_units: Annotated[int, Field(ge=0, le=4)] = 0,
    norm: Norm = "instance",
) -> Any:
    """Build MONAI's auto-encoder: an image through a bottleneck and back, without skip connections.

    Parameters
    ----------
    ndim, inputs, outputs : int
        Dimensions, input channels, and channels of the image given back.
    widths, strides : tuple of int
        Feature channels and downsampling of each level.
    residual_units : int
        Convolutions in each residual unit; 0: plain convolutions.
    norm : {"batch", "instance"}
        Normalisation layers.
    """
    from monai.networks.nets import AutoEncoder

    require_strides(widths, strides, 0)
    return AutoEncoder(ndim, inputs, outputs, widths, strides, num_res_units=residual_units, norm=norm)


@validate_call
def vae(
    ndim: int,
    inputs: int,
    outputs: int,
    *,
    size: Sizes | None = None,
    latent: Annotated[int, Field(ge=1, le=4096)],
    widths: Widths,
    strides: Strides,
    residual_units: Annotated[int, Field(ge=0, le=4)] = 0,
) -> Any:
    """Build MONAI's variational auto-encoder.

    Its output is (image, mean, log of the variance, drawn code).

    Parameters
    ----------
    ndim, inputs, outputs : int
        Dimensions, input channels, and channels of the image given back.
    size : tuple of int, optional
        Size of the images; 64 along each axis by default.
    latent : int
        Numbers in the code.
    widths, strides : tuple of int
        Feature channels and downsampling of each level.
    residual_units : int
        Convolutions in each residual unit; 0: plain convolutions.

    References
    ----------
    Kingma and Welling 2014, Auto-Encoding Variational Bayes, arXiv 1312.6114.
    """
    from monai.networks.nets import VarAutoEncoder

    require_strides(widths, strides, 0)
    size = size or (64,) * ndim
    require(len(size) == ndim, f"the size {size}", f"{ndim} numbers")
    return VarAutoEncoder(
        ndim,
        (inputs, *size),
        outputs,
        latent,
        widths,
        strides,
        num_res_units=residual_units,
        use_sigmoid=False,
    )


@validate_call
def patch_discriminator(
    ndim: int,
    inputs: int,
    outputs: int = 1,
    *,
    width: Width = 64,
    layers: Depth = 3,
    norm: Norm = "batch",
    dropout: Share = 0.0,
) -> Any:
    """Build MONAI's patch discriminator: is each patch of an image real?

    Its output is the list of every layer's features, the verdict last.

    Parameters
    ----------
    ndim, inputs, outputs : int
        Dimensions, input channels, and verdicts a patch.
    width : int
        Feature channels of the first layer.
    layers : int
        Layers that halve the image.
    norm : {"batch", "instance"}
        Normalisation layers.
    dropout : float
        Share of the features left out in training.

    References
    ----------
    Isola et al. 2017, Image-to-Image Translation, doi 10.1109/CVPR.2017.632.
    """
    from monai.networks.nets import PatchDiscriminator

    return PatchDiscriminator(ndim, width, inputs, outputs, num_layers_d=layers, norm=norm, dropout=dropout)


@validate_call
def patch_discriminators(
    ndim: int,
    inputs: int,
    outputs: int = 1,
    *,
    count: Annotated[int, Field(ge=1, le=4)] = 2,
    width: Width = 64,
    layers: Depth = 2,
    smallest: Annotated[int, Field(ge=16, le=1024)] = 64,
    norm: Norm = "batch",
) -> Any:
    """Build MONAI's patch discriminators of several depths.

    Their output is (verdicts, features), a list of each.

    Parameters
    ----------
    ndim, inputs, outputs : int
        Dimensions, input channels, and verdicts a patch.
    count : int
        Number of discriminators, each looking at wider patches than the one before.
    width : int
        Feature channels of the first layer.
    layers : int
        Halving layers of the first one; each next one has as many more.
    smallest : int
        Size of the smallest image they will see.
    norm : {"batch", "instance"}
        Normalisation layers.

    References
    ----------
    Wang et al. 2018, High-Resolution Image Synthesis, doi 10.1109/CVPR.2018.00917.
    """
    from monai.networks.nets import MultiScalePatchDiscriminator

    deepest = count * layers
    require(smallest >= 2**deepest * 2, f"{deepest} halvings of {smallest}", "a larger size or fewer layers")
    return MultiScalePatchDiscriminator(
        count, layers, ndim, width, inputs, outputs, norm=norm, minimum_size_im=smallest
    )
