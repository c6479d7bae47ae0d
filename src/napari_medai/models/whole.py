"""One answer an image: how the whole of it is shown to a network that gives no map."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.geometry import Geometry
from napari_medai.core.image import MedicalImage
from napari_medai.core.progress import Progress, part, silent, track
from napari_medai.models.infer import extend_to_tile, window_corners, window_slices
from napari_medai.models.model import Model
from napari_medai.models.prepare import Prepared, check_fit, prepare
from napari_medai.models.runtime import ready
from napari_medai.models.spec import ModelSpec
from napari_medai.preprocess.grid import resample_image

if TYPE_CHECKING:
    import torch

Floats = NDArray[np.float32]
Combine = Literal["mean", "strongest"]


def prepare_whole(spec: ModelSpec, image: MedicalImage, progress: Progress = silent) -> Prepared:
    """Bring one time point of an image to what a classifier or regressor was trained on.

    A model that names a spacing sees the image at that spacing, in windows where it is larger than
    the window. A model that names none sees the whole image in one window: enlarged or shrunk, its
    proportions kept, and centred.

    Parameters
    ----------
    spec : ModelSpec
        The model's description.
    image : MedicalImage
        Any orientation, with or without channels; no time axis.
    progress : Progress
        Hears the resampling and each intensity step.

    Returns
    -------
    Prepared
        At least as large as the window, along every axis, where the model names no spacing.

    Raises
    ------
    ModelError
        If the image does not fit the model.
    """
    if spec.spacing is not None:
        return prepare(spec, image, progress)
    check_fit(spec, image)
    turn = image.geometry.nearest_axes() if image.spatial_ndim > 2 else None
    upright = image.reoriented(turn) if turn else image
    grid = fitted_grid(upright.geometry, spec.tile)
    outside = float(np.asarray(image.array).min())
    shown = resample_image(upright, grid, "linear", outside=outside, progress=part(progress, 0, 0.6))
    seen = prepare(spec, shown, part(progress, 0.6, 1))
    return Prepared(seen.volume, seen.grid, upright.geometry, turn or seen.reorientation)


def fitted_grid(source: Geometry, tile: Sequence[int]) -> Geometry:
    """Give the grid of ``tile`` voxels, as long on every side, that holds a whole image in its middle."""
    counts = np.array(source.shape)
    step = float(np.max(counts * source.spacing / np.array(tile)))
    linear = source.affine[:-1, :-1] / source.spacing * step
    centre = source.index_to_world((counts - 1)[None] / 2)[0]
    affine = np.eye(source.ndim + 1)
    affine[:-1, :-1] = linear
    affine[:-1, -1] = centre - linear @ ((np.array(tile) - 1) / 2)
    return Geometry(tuple(tile), affine, source.unit)


def image_scores(
    model: Model,
    image: MedicalImage,
    *,
    device: str = "cpu",
    overlap: float = 0.5,
    combine: Combine = "mean",
    progress: Progress = silent,
) -> tuple[NDArray[np.float64], int]:
    """Apply a classifier or regressor to one time point.

    Parameters
    ----------
    model : Model
        Of the task classification or regression.
    image : MedicalImage
        Any size, spacing and orientation; no time axis.
    device : str
        Where the network runs.
    overlap : float
        The share of a window that the next one covers again, for images larger than the window.
    combine : {"mean", "strongest"}
        Several windows: their mean, or the window in which the first class is least likely.
    progress : Progress
        Hears the preparation and every window.

    Returns
    -------
    scores : numpy.ndarray
        Probabilities of the classes, or the values.
    windows : int
        How many windows were seen.
    """
    seen = prepare_whole(model.spec, image, part(progress, 0, 0.4))
    volume, _ = extend_to_tile(seen.volume, model.spec.tile)
    rows = []
    with ready(model.network, device) as (network, place):
        for sample in _samples(volume, model.spec.tile, overlap, place, part(progress, 0.4, 1)):
            output = network(sample)
            if model.spec.task == "classification":
                output = output.softmax(dim=1)
            rows.append(output[0].double().cpu().numpy())
    table = np.stack(rows)
    return (table[table[:, 0].argmin()] if combine == "strongest" else table.mean(axis=0)), len(rows)


def _samples(
    volume: Floats, tile: Sequence[int], overlap: float, place: torch.device, progress: Progress
) -> Iterator[torch.Tensor]:
    import torch

    corners = window_corners(volume.shape[1:], tile, overlap)
    for corner in track(corners, progress, "Predicting"):
        window = np.array(volume[(slice(None), *window_slices(corner, tile))])[None]
        yield torch.from_numpy(window).to(place)
