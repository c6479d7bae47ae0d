"""An image brought to what a model was trained on: channels, axes, spacing, intensities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.errors import ModelError
from napari_medai.core.geometry import Geometry, Reorientation
from napari_medai.core.image import MedicalImage
from napari_medai.core.progress import Progress, part, silent
from napari_medai.core.sampling import sample_volume
from napari_medai.models.edges import across_axis, resized_by_edges, resized_labels, score_orders
from napari_medai.models.entries import Resampling
from napari_medai.models.intensity import apply_recipe
from napari_medai.models.lookup import Lookup, edge_lookups, world_lookups
from napari_medai.models.neighbours import with_neighbours
from napari_medai.models.orient import cropped, cropped_grid, nonzero_box, turned
from napari_medai.models.spec import ModelSpec
from napari_medai.preprocess.grid import resample_image

USUAL = Resampling()
SAME_SPACING = 1e-3
"""Relative difference of spacing below which resampling would only blur."""


@dataclass(frozen=True)
class Prepared:
    """What the network sees, and how it lies to the image.

    Parameters
    ----------
    volume : numpy.ndarray
        Shape (channels, \\*spatial), float32.
    grid : Geometry
        Of the network's view.
    upright : Geometry
        The image's own grid with its axes reordered, not resampled.
    reorientation : Reorientation
        From the image's axes to the upright ones.
    crop : tuple of slice or None
        The part of the upright grid that the network's view covers; none: all of it.
    resampling : Resampling
        How the image went to the network's grid, and scores go back.
    """

    volume: NDArray[np.float32]
    grid: Geometry
    upright: Geometry
    reorientation: Reorientation
    crop: tuple[slice, ...] | None = None
    resampling: Resampling = USUAL

    @property
    def own(self) -> Geometry:
        """The part of the upright grid that is looked at."""
        return self.upright if self.crop is None else cropped_grid(self.upright, self.crop)

    @property
    def as_probabilities(self) -> bool:
        """Whether scores become probabilities before they go to the image's grid."""
        return self.resampling.scheme == "world"

    def lookups(self) -> list[Lookup] | None:
        """Say where the planes of the image's grid lie between the network's; none: the same."""
        own = self.own
        if self.grid == own or (self.resampling.scheme == "edges" and self.grid.shape == own.shape):
            return None
        if self.resampling.scheme == "world":
            return world_lookups(self.grid, own)
        return edge_lookups(self.grid.shape, own.shape, score_orders(self.grid, own, self.resampling))

    def undo(self, labels: NDArray[Any]) -> NDArray[Any]:
        """Bring labels of the part that is looked at to the image's axes; all around is 0."""
        if self.crop is not None:
            whole = np.zeros(self.upright.shape, labels.dtype)
            whole[self.crop] = labels
            labels = whole
        back: NDArray[Any] = self.reorientation.undo(labels)
        return back

    def bring(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Bring a mask on the image's axes to the network's grid."""
        turned = self.reorientation.apply(mask).astype(np.uint8)
        return sample_volume(turned, self.upright, self.grid, interpolation="nearest") > 0

    def bring_labels(self, labels: NDArray[Any]) -> NDArray[Any]:
        """Bring labels on the image's axes to the network's grid, by the scheme of resampling."""
        turned: NDArray[Any] = self.reorientation.apply(labels)
        if self.resampling.scheme == "world":
            return sample_volume(turned, self.upright, self.grid, interpolation="nearest")
        inside = turned if self.crop is None else turned[self.crop]
        across = across_axis(self.own.spacing, self.grid.spacing, self.resampling)
        return resized_labels(inside, self.grid.shape, across)


def check_fit(spec: ModelSpec, image: MedicalImage) -> None:
    """Check that a model can be applied to an image at all.

    Raises
    ------
    ModelError
        If dimensions, channels or the unit do not fit.
    """
    if image.kind != "intensity":
        raise ModelError(f"Model {spec.name} needs an intensity image; found labels.")
    needed = spec.ndim + spec.preparation.slicewise
    if image.spatial_ndim != needed:
        raise ModelError(
            f"Model {spec.name} is {needed}-D; the image is {image.spatial_ndim}-D ({image.axes}).",
            hint="Choose another model, or take a slice or a volume of the image first.",
        )
    channels = channel_count(image)
    if channels != len(spec.channels) and not (image.is_rgb and channels == 4 and len(spec.channels) == 3):
        raise ModelError(
            f"Model {spec.name} needs {len(spec.channels)} channel(s): {', '.join(spec.channels)}; "
            f"the image has {channels}.",
            hint="Give an image with those channels, in that order.",
        )
    if spec.spacing is not None and image.geometry.unit != "mm":
        raise ModelError(
            f"Model {spec.name} works at {spec.spacing} mm; the image's voxel size is unknown.",
            hint="Set the image's spacing first.",
        )


def channel_count(image: MedicalImage) -> int:
    """Return how many channels an image has, colour samples counted as channels."""
    sizes: dict[str, int] = dict(zip(image.axes, image.array.shape, strict=True))
    return sizes.get("c", 1) * sizes.get("s", 1)


def time_points(image: MedicalImage) -> list[MedicalImage]:
    """Split an image into one image per time point; without a time axis it is the only one."""
    if not image.axes.startswith("t"):
        return [image]
    return [image.with_array(volume, axes=image.axes[1:]) for volume in image.array]


def prepare(
    spec: ModelSpec, image: MedicalImage, progress: Progress = silent, *, first_stage: bool = False
) -> Prepared:
    """Bring one time point of an image to what a model was trained on.

    Parameters
    ----------
    spec : ModelSpec
        The model's description.
    image : MedicalImage
        Any spacing and orientation, with or without channels; no time axis.
    progress : Progress
        Hears the resampling and each intensity step.
    first_stage : bool
        Whether the caller adds the masks of a cascade's first stage, where the model has one.

    Raises
    ------
    ModelError
        If the image does not fit the model, or holds NaN, or the masks of a first stage would be missing.
    """
    check_fit(spec, image)
    if spec.previous and not first_stage:
        raise ModelError(
            f"Model {spec.name} is the second stage of a cascade; here one network is needed.",
            hint="Segment with it, or choose another model.",
        )
    image = _channels_first(image, len(spec.channels))
    _refuse_nan(spec, image)
    way = spec.preparation
    turn = turned(image.geometry, way.orientation, way.axes)
    upright = image.reoriented(turn)
    crop = nonzero_box(np.asarray(upright.array)) if way.crop == "nonzero" else None
    seen = upright if crop is None else cropped(upright, crop)
    share = part(progress, 0, 0.6, "Resampling"), part(progress, 0.6, 1)
    if way.intensity_first:
        seen = _resampled(apply_recipe(spec, seen, share[1]), spec, share[0])
    else:
        seen = apply_recipe(spec, _resampled(seen, spec, share[0]), share[1])
    volume = with_neighbours(np.ascontiguousarray(seen.array, dtype=np.float32), way.neighbours)
    return Prepared(volume, seen.geometry, upright.geometry, turn, crop, way.resampling)


def _channels_first(image: MedicalImage, count: int) -> MedicalImage:
    array = np.asarray(image.array)
    if image.is_rgb:
        array = np.moveaxis(array, -1, image.axes.find("c") + 1)
    spatial = "zyx"[-image.spatial_ndim :]
    array = array.reshape(-1, *image.spatial_shape)[:count]
    return image.with_array(array, axes="c" + spatial)


def _resampled(image: MedicalImage, spec: ModelSpec, progress: Progress) -> MedicalImage:
    if spec.spacing is None:
        return image
    kept = tuple(image.geometry.spacing[:1]) if spec.preparation.slicewise else ()
    spacing = (*kept, *spec.spacing)
    if np.allclose(image.geometry.spacing, spacing, rtol=SAME_SPACING):
        return image
    if spec.preparation.resampling.scheme == "edges":
        return resized_by_edges(image, spacing, spec.preparation.resampling, progress)
    target = image.geometry.with_spacing(spacing)
    return resample_image(image, target, "linear", antialias=True, progress=progress)


def _refuse_nan(spec: ModelSpec, image: MedicalImage) -> None:
    if image.array.dtype.kind == "f" and not np.isfinite(image.array).all():
        bad = int((~np.isfinite(image.array)).sum())
        raise ModelError(
            f"The image holds {bad} NaN or infinite voxels; model {spec.name} needs numbers.",
            hint="Replace them by the background's value first.",
        )
