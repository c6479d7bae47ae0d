"""What ``model.json`` says of a landmark model besides its network."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Length = Annotated[float, Field(gt=0, le=1000)]
Row = Annotated[tuple[float, ...], Field(min_length=2, max_length=3)]


class PointsSpec(BaseModel):
    """How a landmark model goes from coarse to fine, and what is known of its errors.

    Parameters
    ----------
    unit : {"mm", "pixel"}
        Of all lengths here and of ``spacing``; pixel: trained on images without a spacing.
    sigma : float
        Standard deviation of the Gaussians that the coarse stage was trained towards.
    fine_spacing : tuple of float or None
        Voxel size of the second stage, array axes; none: there is no second stage.
    fine_sigma : float or None
        Standard deviation of its Gaussians.
    window : tuple of int or None
        Voxels of its windows.
    threshold : float
        Points less likely than this to be in the image are reported as absent.
    scale : tuple of float
        By how much the covariance of each point's heat map is multiplied, so that 90 % of the
        validation cases' points lie in the 90 % ellipse.
    floor : tuple of float
        A variance added to each point's covariance, squared lengths.
    shape : tuple of rows
        The mean configuration, one row a point, array axes.
    spread : tuple of float
        How far each point strays from where the others put it (root mean square).
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    unit: Literal["mm", "pixel"] = "mm"
    sigma: Length
    fine_spacing: Annotated[tuple[Length, ...], Field(min_length=2, max_length=3)] | None = None
    fine_sigma: Length | None = None
    window: Annotated[tuple[int, ...], Field(min_length=2, max_length=3)] | None = None
    threshold: Annotated[float, Field(ge=0, le=1)] = 0.5
    scale: tuple[Annotated[float, Field(gt=0)], ...] = ()
    floor: tuple[Annotated[float, Field(ge=0)], ...] = ()
    shape: tuple[Row, ...] = ()
    spread: tuple[Length, ...] = ()
