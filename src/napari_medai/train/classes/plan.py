"""The plan of a classifier's training, from what its images are like."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from napari_medai.core.errors import ArgumentError
from napari_medai.core.image import MedicalImage
from napari_medai.models.prepare import channel_count
from napari_medai.models.spec import SCHEMA, ModelSpec

ClassifierNetwork = Literal["pooled", "resnet", "densenet", "efficientnet"]
LONGEST = {2: 128, 3: 48}
"""Voxels along the sides of the network's view, at most."""
STEP, SHORTEST = 8, 32
ARGUMENTS: dict[str, dict[str, Any]] = {
    "pooled": {"widths": [16, 32, 64], "strides": [2, 2, 1]},
    "resnet": {"depth": 18},
    "densenet": {"depth": 121},
    "efficientnet": {"size": "b0"},
}


class ClassPlan(BaseModel):
    """How a classifier is trained.

    Parameters
    ----------
    classes : tuple of str
        What it tells apart.
    channels : tuple of str
        Name of each input channel.
    tile : tuple of int
        Voxels of the network's view: every image is brought to it whole, its proportions kept.
    ct : bool
        Whether all images are CT: then one window of Hounsfield units serves all.
    network : str
        Which network; the small one (pooled) unless said otherwise.
    batch : int
        Images in a batch; every class is drawn equally often.
    epochs, steps : int
        How many epochs, and batches in each.
    minutes : float or None
        Time budget.
    rate : float
        Largest learning rate.
    mirror : bool
        Whether images are mirrored at random: not where left and right matter.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    classes: Annotated[tuple[str, ...], Field(min_length=2)]
    channels: Annotated[tuple[str, ...], Field(min_length=1)]
    tile: Annotated[tuple[int, ...], Field(min_length=2, max_length=3)]
    ct: bool = False
    network: ClassifierNetwork = "pooled"
    batch: Annotated[int, Field(ge=1)] = 32
    epochs: Annotated[int, Field(ge=1)] = 15
    steps: Annotated[int, Field(ge=1)] = 100
    minutes: Annotated[float, Field(gt=0)] | None = None
    rate: Annotated[float, Field(gt=0, le=1)] = 3e-3
    mirror: bool = False

    def spec(self, name: str, licence: str, citation: str) -> ModelSpec:
        """Describe the model this plan leads to."""
        arguments = {"lower_percent": 0.5, "upper_percent": 99.5}
        scaled = {"operation": "normalize_percentile", "arguments": arguments}
        window = {"preset": "custom", "center": 40.0, "width": 400.0, "low": -1.0, "high": 1.0}
        return ModelSpec.model_validate(
            {
                "schema": SCHEMA,
                "name": name,
                "version": "1.0.0",
                "licence": licence,
                "citation": citation,
                "task": "classification",
                "network": {"name": self.network, "arguments": ARGUMENTS[self.network]},
                "channels": self.channels,
                "intensity": [{"operation": "window_intensity", "arguments": window} if self.ct else scaled],
                "tile": self.tile,
                "outputs": {"classes": self.classes},
            }
        )


def plan_classes(images: Sequence[MedicalImage], classes: Sequence[str], **changes: Any) -> ClassPlan:
    """Make a plan from the sizes, channels and modality of images.

    Parameters
    ----------
    images : sequence of MedicalImage
        All there is to learn from.
    classes : sequence of str
        What is told apart.
    **changes
        Entries of :class:`ClassPlan` to set otherwise.

    Raises
    ------
    ArgumentError
        If the images differ in dimensions or channels, or are time series.
    """
    kinds = {(image.spatial_ndim, channel_count(image)) for image in images}
    if len(kinds) != 1 or any("t" in image.axes for image in images):
        found = ", ".join(f"{n}-D with {c} channel(s)" for n, c in sorted(kinds))
        raise ArgumentError(
            f"Found images that are {found}; needed all of one kind, and no time series.",
            hint="Leave the others out, or bring them to one kind first.",
        )
    ndim, count = kinds.pop()
    longest = float(np.median([max(image.spatial_shape) for image in images]))
    side = int(np.clip(STEP * round(longest / STEP), SHORTEST, LONGEST[ndim]))
    colours = all(image.is_rgb for image in images) and count == 3
    channels = ("red", "green", "blue") if colours else tuple(f"channel {k + 1}" for k in range(count))
    plan = {
        "classes": tuple(classes),
        "channels": channels if count > 1 else ("image",),
        "tile": (side,) * ndim,
        "ct": all(image.meta.get("modality") == "CT" for image in images),
        "batch": 32 if ndim == 2 else 8,
    }
    return ClassPlan.model_validate(plan | changes)
