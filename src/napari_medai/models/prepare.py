"""An image brought to what a model was trained on: channels, axes, spacing, intensities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.errors import ModelError
from napari_medai.core.geometry import Geometry, Reorientation
from napari_medai.core.image import MedicalImage
from napari_medai.core.progress import Progress, part, silent
from napari_medai.models.intensity import apply_recipe
from napari_medai.models.spec import ModelSpec
from napari_medai.preprocess.grid import resample_image

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
    """

    volume: NDArray[np.float32]
    grid: Geometry
    upright: Geometry
    reorientation: Reorientation


def check_fit(spec: ModelSpec, image: MedicalImage) -> None:
    """Check that a model can be applied to an image at all.

    Raises
    ------
    ModelError
        If dimensions, channels or the unit do not fit.
    """
    if image.kind != "intensity":
        raise ModelError(f"Model {spec.name} needs an intensity image; found labels.")
    if image.spatial_ndim != spec.ndim:
        raise ModelError(
            f"Model {spec.name} is {spec.ndim}-D; the image is {image.spatial_ndim}-D ({image.axes}).",
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


def prepare(spec: ModelSpec, image: MedicalImage, progress: Progress = silent) -> Prepared:
    """Bring one time point of an image to what a model was trained on.

    Parameters
    ----------
    spec : ModelSpec
        The model's description.
    image : MedicalImage
        Any spacing and orientation, with or without channels; no time axis.
    progress : Progress
        Hears the resampling and each intensity step.

    Raises
    ------
    ModelError
        If the image does not fit the model, or holds NaN.
    """
    check_fit(spec, image)
    image = _channels_first(image, len(spec.channels))
    _refuse_nan(spec, image)
    turn = _upright(image.geometry)
    upright = image.reoriented(turn)
    seen = _resampled(upright, spec.spacing, part(progress, 0, 0.6, "Resampling"))
    seen = apply_recipe(spec, seen, part(progress, 0.6, 1))
    volume = np.ascontiguousarray(seen.array, dtype=np.float32)
    return Prepared(volume, seen.geometry, upright.geometry, turn)


def _channels_first(image: MedicalImage, count: int) -> MedicalImage:
    array = np.asarray(image.array)
    if image.is_rgb:
        array = np.moveaxis(array, -1, image.axes.find("c") + 1)
    spatial = "zyx"[-image.spatial_ndim :]
    array = array.reshape(-1, *image.spatial_shape)[:count]
    return image.with_array(array, axes="c" + spatial)


def _upright(geometry: Geometry) -> Reorientation:
    """Where a photograph's top lies is no matter of patient axes: 2-D images stay as they are."""
    if geometry.ndim == 2:
        return Reorientation((0, 1), (False, False))
    return geometry.nearest_axes()


def _resampled(image: MedicalImage, spacing: tuple[float, ...] | None, progress: Progress) -> MedicalImage:
    if spacing is None or np.allclose(image.geometry.spacing, spacing, rtol=SAME_SPACING):
        return image
    target = image.geometry.with_spacing(spacing)
    return resample_image(image, target, "linear", antialias=True, progress=progress)


def _refuse_nan(spec: ModelSpec, image: MedicalImage) -> None:
    if image.array.dtype.kind == "f" and not np.isfinite(image.array).all():
        bad = int((~np.isfinite(image.array)).sum())
        raise ModelError(
            f"The image holds {bad} NaN or infinite voxels; model {spec.name} needs numbers.",
            hint="Replace them by the background's value first.",
        )
