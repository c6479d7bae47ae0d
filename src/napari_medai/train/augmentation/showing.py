"""Varied samples of an image, to be looked at before a training learns from such."""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

import numpy as np
from annotated_types import Interval

from napari_medai.core.errors import ArgumentError
from napari_medai.core.geometry import Geometry
from napari_medai.core.image import MedicalImage
from napari_medai.core.operation import Advanced, IntensityImage, LabelsImage, operation
from napari_medai.core.progress import Progress, silent, track
from napari_medai.models.spec import IntensityStep, ModelSpec, NetworkSpec, Outputs
from napari_medai.train.augment import Augmentation
from napari_medai.train.cases import Cases, cases_of
from napari_medai.train.patches import Patches
from napari_medai.train.store import CaseStore

Degrees = Annotated[float, Interval(ge=0, le=180)]
Strength = Annotated[float, Interval(ge=0, le=3)]


class Samples(NamedTuple):
    """Varied patches, one after another along the first axis, and the labels that went along."""

    images: MedicalImage
    labels: MedicalImage


@operation(group="train", title="Preview augmentation", new_grid=True)
def preview_augmentation(
    image: IntensityImage,
    labels: LabelsImage | None = None,
    *,
    count: Annotated[int, Interval(ge=1, le=64)] = 8,
    patch: Annotated[int, Interval(ge=8, le=512)] = 96,
    rotate_deg: Degrees = 15.0,
    scale: Annotated[float, Interval(ge=0, le=1)] = 0.25,
    elastic: Annotated[float, Interval(ge=0, le=0.3)] = 0.1,
    mirror: bool = False,
    noise: Strength = 0.15,
    blur: Strength = 1.0,
    brightness: Strength = 0.3,
    contrast: Strength = 0.2,
    gamma: Strength = 0.3,
    low_resolution: Strength = 0.0,
    bias_field: Strength = 0.0,
    motion: Strength = 0.0,
    share: Annotated[float, Interval(ge=0, le=1), Advanced()] = 0.5,
    seed: int = 0,
    progress: Progress = silent,
) -> Samples:
    """Show how a training would vary an image.

    Parameters
    ----------
    image : MedicalImage
        One grey image or volume, or a colour picture.
    labels : MedicalImage, optional
        Labels on its grid, which are varied along; a third of the samples is centred on them.
    count : int
        How many samples.
    patch : int
        Voxels of a sample along each axis, or as many as the image has.
    rotate_deg : float
        Largest turn.
    scale : float
        Largest enlarging, less 1; its inverse is the largest shrinking.
    elastic : float
        Largest elastic displacement, as a share of the sample.
    mirror : bool
        Mirror half of the samples along x.
    noise : float
        Largest standard deviation of noise, in standard deviations of the image.
    blur : float
        Largest sigma of a blur, in voxels.
    brightness : float
        Standard deviation of what is added.
    contrast : float
        Standard deviation of the logarithm of the stretch.
    gamma : float
        Largest logarithm of the power.
    low_resolution : float
        Largest factor of thinning out, less 1.
    bias_field : float
        Strength of a smooth gain.
    motion : float
        Strength of ghosts.
    share : float
        Share of the samples to which each change of intensity is made.
    seed : int
        Decides what is drawn.
    progress : Progress
        Hears one report a sample.

    Returns
    -------
    Samples
        ``images`` and ``labels``, with the samples along an axis of their own in front.

    Raises
    ------
    ArgumentError
        If the image has time or several channels, or is constant.

    References
    ----------
    Isensee et al. 2021, nnU-Net, doi 10.1038/s41592-020-01008-z (which variations help).
    """
    how = Augmentation(
        rotate_deg=rotate_deg, scale=scale, elastic=elastic, flip=("x",) if mirror else (), noise=noise,
        blur=blur, brightness=brightness, contrast=contrast, gamma=gamma, low_resolution=low_resolution,
        bias_field=bias_field, motion=motion, share=share,
    )  # fmt: skip
    size = tuple(max(8, min(patch, n)) for n in image.spatial_shape)
    store = CaseStore(_one_case(image, labels), _spec(image, labels, size))
    patches = Patches(store, store.names, size, 1, how, foreground=1 / 3)
    rng = np.random.default_rng(seed)
    drawn = [patches.draw_one(rng) for _ in track(range(count), progress, "Varying")]
    return _shown(image, drawn, store.get(store.names[0]).grid, labels)


def _one_case(image: MedicalImage, labels: MedicalImage | None) -> Cases:
    if set(image.axes) - set("zyxs"):
        raise ArgumentError(
            f"preview_augmentation: found axes {image.axes}; needed one image without time or channels.",
            hint="Take one time point or channel first.",
        )
    if labels is None:
        marks = np.zeros(image.spatial_shape, np.uint8)
        labels = MedicalImage(marks, "zyx"[-image.spatial_ndim :], image.geometry, kind="labels")
    return cases_of([image.replace(name="image")], [labels])


def _spec(image: MedicalImage, labels: MedicalImage | None, size: tuple[int, ...]) -> ModelSpec:
    """Describe a model that would see the image on its own grid: only its preparation is used."""
    largest = int(np.asarray(labels.array).max(initial=0)) if labels is not None else 0
    if largest > 254:
        raise ArgumentError(
            f"preview_augmentation: found label {largest}; needed at most 254.", "Relabel first."
        )
    entries: dict[str, Any] = {
        "schema": "napari-medai/model/1",
        "name": "preview",
        "version": "1.0.0",
        "licence": "none",
        "citation": "none",
        "task": "segmentation",
        "network": NetworkSpec(name="dynunet"),
        "channels": ("red", "green", "blue") if image.is_rgb else ("image",),
        "intensity": (IntensityStep(operation="normalize_zscore"),),
        "tile": size,
        "outputs": Outputs(labels=tuple(f"label {k}" for k in range(max(2, largest + 1)))),
    }
    return ModelSpec.model_validate(entries)


def _shown(
    image: MedicalImage, drawn: list[tuple[Any, Any]], grid: Geometry, labels: MedicalImage | None
) -> Samples:
    spatial = "zyx"[-image.spatial_ndim :]
    volumes = np.stack([volume.numpy() for volume, _ in drawn])
    marks = np.stack([truth.numpy() for _, truth in drawn])
    place = Geometry.from_spacing(marks.shape[1:], grid.spacing.tolist(), unit=grid.unit)
    meta = {"time_axis": "sample", "modality": image.meta.get("modality", "")}
    name = image.name or "image"
    if image.is_rgb:
        low, high = np.percentile(volumes, [0.5, 99.5])
        colours = np.clip((volumes - low) / max(high - low, 1e-6) * 255, 0, 255).astype(np.uint8)
        shown = MedicalImage(np.moveaxis(colours, 1, -1), f"t{spatial}s", place, name=name, meta=meta)
    else:
        shown = MedicalImage(volumes[:, 0], f"t{spatial}", place, name=name, meta=meta)
    named = {**meta, "labels": dict(labels.meta.get("labels", {})) if labels is not None else {}}
    return Samples(shown, MedicalImage(marks, f"t{spatial}", place, kind="labels", name=name, meta=named))
