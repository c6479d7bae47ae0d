"""Several images brought onto one, or onto their common mean."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from annotated_types import Ge, Le
from numpy.typing import NDArray

from napari_medai.core.errors import ArgumentError
from napari_medai.core.image import MedicalImage
from napari_medai.core.operation import IntensityImage, When, operation
from napari_medai.core.progress import Progress, Step, part, silent
from napari_medai.core.transform import SpatialTransform
from napari_medai.register.pipeline import Hints, align
from napari_medai.register.prepare import check_pair
from napari_medai.register.presets import Effort, TransformKind, linear_kind, make_plan


@dataclass(frozen=True)
class CohortResult:
    """What came of registering several images.

    Parameters
    ----------
    mean : MedicalImage
        Their mean on the target's grid.
    series : MedicalImage
        Each image on the target's grid, one after the other along the time axis.
    transforms : tuple of SpatialTransform
        From the target's world to each image's.
    """

    mean: MedicalImage
    series: MedicalImage
    transforms: tuple[SpatialTransform, ...]


@operation(group="register", title="Register many", new_grid=True)
def register_many(
    images: Sequence[IntensityImage],
    target: IntensityImage | None = None,
    *,
    transform: TransformKind = "rigid",
    effort: Annotated[Effort, When("transform", ("deformable",))] = "fast",
    rounds: Annotated[int, Ge(1), Le(10)] = 1,
    search: bool = True,
    device: str = "auto",
    progress: Progress = silent,
) -> CohortResult:
    """Bring several images onto a target, or onto a mean that belongs to none of them.

    Parameters
    ----------
    images : sequence of MedicalImage
        A series of one patient, or images of several.
    target : MedicalImage, optional
        The image that stays. Without it the first image stays in the first round, and the mean of all
        in the rounds that follow.
    transform : {"translation", "rigid", "similarity", "affine", "deformable"}
        What may happen to each image.
    effort : {"fast", "standard", "thorough"}
        How long deformations are refined.
    rounds : int
        How often the mean is made anew; with a target, one is enough.
    search : bool
        Try turns all round.
    device : str
        Where the engine runs.
    progress : Progress
        Hears every step.

    Returns
    -------
    CohortResult
        Mean, series and transforms.

    Raises
    ------
    ArgumentError
        If there is no image, or one cannot be registered.
    GeometryError
        If dimensions or units differ.
    """
    progress(Step(0, 1, "Aligning"))
    if not images:
        raise ArgumentError("Found no image; needed at least one.")
    reference = images[0] if target is None else target
    for image in images:
        check_pair(reference, image)
    plan = make_plan(reference.spatial_ndim, "intensity", effort, 1.0) if transform == "deformable" else None
    total, fixed, found = rounds * len(images), reference, [SpatialTransform.identity(reference.spatial_ndim)]
    for round_ in range(rounds):
        found, moved = [], []
        for place, image in enumerate(images):
            done = round_ * len(images) + place
            inner = part(progress, done / total, (done + 1) / total)
            kind = linear_kind(transform)
            one, _ = align(fixed, image, kind, plan, Hints(), search=search, device=device, progress=inner)
            lowest = float(np.asarray(image.array).min())
            warped = one.apply_to_image(image, reference, outside=lowest, progress=inner)
            found.append(one)
            moved.append(np.asarray(warped.array, dtype=np.float32))
        fixed = reference.with_array(np.mean(moved, axis=0))
    axes = "t" + reference.axes
    series = MedicalImage(np.stack(moved), axes, reference.geometry, name="registered series")
    return CohortResult(fixed.replace(name="mean"), series, tuple(found))


@operation(group="register", title="Average images")
def average_images(
    images: Sequence[IntensityImage],
    *,
    method: Literal["mean", "median", "sd"] = "mean",
    standardise: bool = False,
    progress: Progress = silent,
) -> MedicalImage:
    """Average images that lie on one grid, such as a registered series.

    Parameters
    ----------
    images : sequence of MedicalImage
        All of one shape and place.
    method : {"mean", "median", "sd"}
        What is computed at each voxel; ``"sd"`` shows where the images differ.
    standardise : bool
        First bring each image to mean 0 and standard deviation 1, so that bright ones do not outweigh.
    progress : Progress
        Hears one report an image.

    Returns
    -------
    MedicalImage
        float32 on the same grid.

    Raises
    ------
    ArgumentError
        If there is no image.
    GeometryError
        If grids differ.
    """
    if not images:
        raise ArgumentError("Found no image; needed at least one.")
    layers: list[NDArray[np.float32]] = []
    for index, image in enumerate(images):
        progress(Step(index, len(images), "Averaging"))
        images[0].require_same_grid(image)
        values = np.asarray(image.array, dtype=np.float32)
        if values.shape != images[0].array.shape:
            raise ArgumentError(f"Found images of shape {values.shape} and {images[0].array.shape}.")
        spread = float(values.std())
        layers.append((values - values.mean()) / (spread or 1.0) if standardise else values)
    compute: dict[str, Callable[..., Any]] = {"mean": np.mean, "median": np.median, "sd": np.std}
    result = np.asarray(compute[method](np.stack(layers), axis=0), dtype=np.float32)
    progress(Step(1, 1, "Averaging"))
    return images[0].with_array(result, name=method)
