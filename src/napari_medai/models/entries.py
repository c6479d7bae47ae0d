"""The smaller entries of a ``model.json``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    SerializerFunctionWrapHandler,
    model_serializer,
)

from napari_medai.models.plain_text import require_plain

Text = Annotated[str, Field(min_length=1, max_length=20_000), AfterValidator(require_plain)]
Order = Annotated[int, Field(ge=0, le=5)]


class Strict(BaseModel):
    """A frozen entry that knows all its keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class NetworkSpec(Strict):
    """Which network, with which arguments.

    Parameters
    ----------
    name : str
        A key of :data:`napari_medai.models.networks.NETWORKS`.
    arguments : dict
        What that builder takes besides dimensions, channels and classes.
    """

    name: Text
    arguments: dict[str, JsonValue] = {}


class IntensityStep(Strict):
    """One step of the intensity recipe.

    Parameters
    ----------
    operation : str
        The name of a registered preprocessing operation.
    arguments : dict
        Its options.
    channels : tuple of int or None
        The channels it is done to; none: all.
    """

    operation: Text
    arguments: dict[str, JsonValue] = {}
    channels: Annotated[tuple[Annotated[int, Field(ge=0, le=63)], ...], Field(min_length=1)] | None = None

    @model_serializer(mode="wrap")
    def _without_none(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in handler(self).items() if value is not None}


class Outputs(Strict):
    """What the network's output channels mean; the task says which entry is filled.

    Parameters
    ----------
    labels : tuple of str
        Segmentation: the name of each class in channel order; the first is the background, label 0.
    regions : tuple of int
        Segmentation by regions that may lie within each other: the label that each channel paints where
        its score is above 0, a later one over an earlier one. Empty: each voxel gets its likeliest class.
    classes : tuple of str
        Classification: the name of each class, in the order of the scores.
    points : tuple of str
        Landmarks: the name of the point that each heat map finds.
    values : tuple of str
        Regression: the name, with its unit, of each number.
    displacement : tuple of str
        Registration: the array axes (z, y, x) along which each channel moves a voxel.
    """

    labels: Annotated[tuple[Text, ...], Field(max_length=1000)] = ()
    regions: Annotated[tuple[Annotated[int, Field(ge=1, le=999)], ...], Field(max_length=999)] = ()
    classes: Annotated[tuple[Text, ...], Field(max_length=1000)] = ()
    points: Annotated[tuple[Text, ...], Field(max_length=1000)] = ()
    values: Annotated[tuple[Text, ...], Field(max_length=1000)] = ()
    displacement: Annotated[tuple[Text, ...], Field(max_length=3)] = ()

    @model_serializer(mode="wrap")
    def _without_empty(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: names for name, names in handler(self).items() if names}

    @property
    def channels(self) -> int:
        """How many output channels the network has."""
        return len(self.regions) or len(self.names)

    @property
    def names(self) -> tuple[str, ...]:
        """The name of every class, point or value, in order."""
        return self.labels or self.classes or self.points or self.values or self.displacement


class Windows(Strict):
    """How windows are laid over an image.

    Parameters
    ----------
    overlap : float
        The share of a window that the next one covers again, where nobody asks for another.
    spread : {"grid", "even"}
        A regular step with the last window moved back to the edge, or equal steps up to the edge.
    padding : {"reflect", "zero"}
        What lies around an image smaller than a window: its reflection, or zeros after the intensity
        recipe.
    blending : {"gaussian", "peaked"}
        How much each voxel of a window counts: a Gaussian that leaves the corners a thousandth, or
        nnU-Net's, which leaves them next to nothing.
    """

    overlap: Annotated[float, Field(ge=0, le=0.9)] = 0.5
    spread: Literal["grid", "even"] = "grid"
    padding: Literal["reflect", "zero"] = "reflect"
    blending: Literal["gaussian", "peaked"] = "gaussian"


class Resampling(Strict):
    """How images and scores go from grid to grid.

    Parameters
    ----------
    scheme : {"world", "edges"}
        Voxel centres matched in the world, smoothed where it gets coarser; or the edges of both
        volumes matched and nothing smoothed, as nnU-Net does. The rest holds for the latter.
    image_order, scores_order : int
        Order of the splines.
    image_order_across, scores_order_across : int
        Their order across thick slices.
    separate : {"auto", "always", "never"}
        Whether the axis of the largest spacing is treated apart: auto where it is more than three
        times the smallest.
    """

    scheme: Literal["world", "edges"] = "world"
    image_order: Order = 1
    image_order_across: Order = 0
    scores_order: Order = 1
    scores_order_across: Order = 0
    separate: Literal["auto", "always", "never"] = "auto"


class Preparation(Strict):
    """How an image is brought to the grid a network sees, where that differs from the usual.

    Parameters
    ----------
    orientation : {"LPS", "RAS", "stored"}
        Which way the axes (z, y, x) run before anything else: towards Left, Posterior, Superior;
        towards Right, Anterior, Superior; or as the image stores them.
    axes : tuple of int or None
        The order in which those axes go to the network; spacing and window are in this order.
    crop : {"none", "nonzero"}
        Whether only the box around voxels that are not zero is looked at.
    intensity_first : bool
        Whether intensities come before resampling.
    resampling : Resampling
        From grid to grid.
    slicewise : bool
        Whether a 2-D network goes over every slice of a volume's first axis.
    neighbours : int
        How many slices on either side such a network sees as further channels.
    """

    orientation: Literal["LPS", "RAS", "stored"] = "LPS"
    axes: Annotated[tuple[Annotated[int, Field(ge=0, le=2)], ...], Field(min_length=2)] | None = None
    crop: Literal["none", "nonzero"] = "none"
    intensity_first: bool = False
    resampling: Resampling = Resampling()
    slicewise: bool = False
    neighbours: Annotated[int, Field(ge=0, le=8)] = Field(default=0, exclude_if=lambda value: value == 0)
