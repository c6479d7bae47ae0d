"""How patches are varied in a training: what the plan may say."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0, le=1)]
Amount = Annotated[float, Field(ge=0, le=10)]
Axis = Literal["z", "y", "x"]


class Augmentation(BaseModel):
    """How much patches are varied. Each change of intensity is made to a share of the patches.

    Parameters
    ----------
    rotate_deg : float
        Largest turn: of 2-D images in their plane, of volumes about z (about every axis where voxels are
        about as long as wide).
    scale : float
        Largest factor of enlarging, its inverse that of making smaller, less 1: 0.25 means 0.8 to 1.25.
    shear : float
        Largest shift of a row by its distance from the centre.
    flip : tuple of {"z", "y", "x"}
        Axes along which patches are mirrored half of the time. A mirrored patient has the heart on the
        other side: leave x out where left and right are labels of their own.
    elastic : float
        Largest elastic displacement, as a share of the patch.
    elastic_share : float
        Share of the patches that are bent.
    noise, blur, brightness, contrast, gamma, low_resolution, bias_field, motion : float
        Strength of each change; 0: never. In units of the intensities' standard deviation for noise and
        brightness, of voxels for blur; for low_resolution the largest factor less 1.
    share : float
        Share of the patches to which each of these changes is made.
    style : {"none", "fourier", "moments"}
        Give a patch the look of another case: the low frequencies' amplitudes (Yang and Soatto 2020), or
        mean and standard deviation (as AdaIN does, Huang and Belongie 2017).
    style_share : float
        Share of the patches.
    towards_others : float
        Share of the patches that are deformed towards another case, by registration; volumes and images
        of about the same field of view only.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    rotate_deg: Annotated[float, Field(ge=0, le=180)] = 15.0
    scale: Annotated[float, Field(ge=0, le=1)] = 0.25
    shear: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    flip: tuple[Axis, ...] = ()
    elastic: Annotated[float, Field(ge=0, le=0.3)] = 0.0
    elastic_share: Share = 0.3
    noise: Amount = 0.15
    blur: Amount = 1.0
    brightness: Amount = 0.3
    contrast: Amount = 0.2
    gamma: Amount = 0.0
    low_resolution: Amount = 0.0
    bias_field: Amount = 0.0
    motion: Amount = 0.0
    share: Share = 0.3
    style: Literal["none", "fourier", "moments"] = "none"
    style_share: Share = 0.3
    towards_others: Share = 0.0


NOTHING = Augmentation(
    rotate_deg=0, scale=0, noise=0, blur=0, brightness=0, contrast=0, share=0, elastic_share=0
)
"""Patches as they are."""
