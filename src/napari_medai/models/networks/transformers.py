"""Networks with shifted-window attention."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, validate_call

from napari_medai.models.networks.kinds import Norm, Share

Four = Annotated[tuple[Annotated[int, Field(ge=1, le=32)], ...], Field(min_length=4, max_length=4)]


@validate_call
def swin_unetr(
    ndim: int,
    inputs: int,
    outputs: int,
    *,
    width: Annotated[int, Field(ge=12, le=96, multiple_of=12)] = 24,
    depths: Four = (2, 2, 2, 2),
    heads: Four = (3, 6, 12, 24),
    window: Annotated[int, Field(ge=2, le=16)] = 7,
    norm: Norm = "instance",
    dropout: Share = 0.0,
) -> Any:
    """Build MONAI's Swin UNETR.

    Parameters
    ----------
    ndim, inputs, outputs : int
        Dimensions, input channels and classes.
    width : int
        Feature channels of the first level, a multiple of 12.
    depths : tuple of int
        Attention blocks of each of the four levels.
    heads : tuple of int
        Attention heads of each level; each level's channels must divide by its heads.
    window : int
        Width in tokens within which attention looks.
    norm : {"batch", "instance"}
        Normalisation layers of the convolutional part.
    dropout : float
        Share of whole paths left out in training.

    References
    ----------
    Hatamizadeh et al. 2022, Swin UNETR, arXiv 2201.01266.
    """
    import torch
    from monai.networks.nets import SwinUNETR

    place = torch.empty(0).device
    with torch.device("cpu"):  # its constructor reads numbers off tensors, which shapes alone do not have
        network = SwinUNETR(
            inputs,
            outputs,
            depths=depths,
            num_heads=heads,
            window_size=window,
            feature_size=width,
            norm_name=norm,
            dropout_path_rate=dropout,
            spatial_dims=ndim,
        )
    return network.to(place)
