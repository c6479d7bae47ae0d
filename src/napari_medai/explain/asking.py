"""From what a person points at to the question: a name, a painted region, a place or a box."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.boxes import Boxes
from napari_medai.core.errors import ArgumentError
from napari_medai.core.image import MedicalImage
from napari_medai.core.landmarks import Landmarks
from napari_medai.core.progress import Progress, Step, part, silent
from napari_medai.explain.finding import found_labels, found_scores
from napari_medai.explain.question import DENSE, Question
from napari_medai.explain.subject import channel_index, on_seen_grid
from napari_medai.explain.way import Way
from napari_medai.models.infer import extend_to_tile, window_corners, window_slices
from napari_medai.models.model import Model
from napari_medai.models.prepare import Prepared
from napari_medai.models.runtime import ready

Part = Literal["whole", "component", "voxel"]
Mask = NDArray[np.bool_]
PEAK_SHARE = 0.5
"""A landmark's region: where its heat map is above this share of the way from its median to its peak."""


@dataclass(frozen=True, eq=False)
class Wish:
    """What a person points at; see the parameters of ``explain_prediction``."""

    target: str = ""
    part: Part = "whole"
    region: MedicalImage | None = None
    place: Landmarks | None = None
    box: Boxes | None = None

    @property
    def is_somewhere(self) -> bool:
        """Whether anything but the name of a channel was given."""
        return self.part != "whole" or any(x is not None for x in (self.region, self.place, self.box))


def ask(
    model: Model,
    seen: Prepared,
    image: MedicalImage,
    wish: Wish,
    way: Way,
    progress: Progress = silent,
) -> Question:
    """Return the question that a wish puts to a model.

    Parameters
    ----------
    model : Model
        Of any task.
    seen : Prepared
        The image as the network sees it.
    image : MedicalImage
        As it was given.
    wish : Wish
        What to explain. Without a name: the label with most voxels, the likeliest class, the only point
        or value.
    way : Way
        Where the network runs, and over which windows.
    progress : Progress
        Hears every batch of windows where the network is asked.

    Raises
    ------
    ArgumentError
        If the name is unknown, the network finds nothing there, or a place is given to a network that
        gives no map.
    """
    task = model.spec.task
    if model.spec.outputs.regions:
        raise ArgumentError(
            f"Model {model.spec.name} paints regions over each other; needed one whose labels exclude others."
        )
    index = channel_index(model, wish.target) if wish.target else None
    if task not in DENSE:
        return _of_whole_image(model, seen, wish, index, way, progress)
    given = _given_region(wish, seen, image)
    if given is not None:
        progress(Step(0, 1, "Taking the region"))
        return Question(task, _named(model, index), given)
    index, found = _found(model, seen, index, way, part(progress, 0, 0.9))
    return Question(task, index, _narrowed(found, wish, seen))


def _of_whole_image(
    model: Model, seen: Prepared, wish: Wish, index: int | None, way: Way, progress: Progress
) -> Question:
    task, names = model.spec.task, model.spec.outputs.names
    if wish.is_somewhere:
        raise ArgumentError(
            f"Model {model.spec.name} is for {task}: it gives one number an image, not one a voxel.",
            hint="Give a name alone: target. A region, a place or a box needs a model that gives a map.",
        )
    progress(Step(0, 1, "Asking the network"))
    if index is None and (task == "classification" or len(names) == 1):
        index = 0 if len(names) == 1 else int(_mean_output(model, seen, way).argmax())
    return Question(task, _named(model, index))


def _mean_output(model: Model, seen: Prepared, way: Way) -> NDArray[np.float64]:
    import torch

    tile = model.spec.tile
    volume, _ = extend_to_tile(seen.volume, tile)
    total = np.zeros(len(model.spec.outputs.names))
    with ready(model.network, way.device) as (network, place):
        for corner in window_corners(volume.shape[1:], tile, way.overlap):
            window = np.array(volume[(slice(None), *window_slices(corner, tile))])[None]
            total += network(torch.from_numpy(window).to(place))[0].double().cpu().numpy()
    return total


def _named(model: Model, index: int | None) -> int:
    if index is None:
        names = ", ".join(model.spec.results)
        raise ArgumentError(
            "It was not said which output is to be explained.", hint=f"Say it as target: {names}."
        )
    return index


def _given_region(wish: Wish, seen: Prepared, image: MedicalImage) -> Mask | None:
    if wish.region is not None:
        return on_seen_grid(wish.region, "region", seen, image)
    if wish.box is not None:
        return _inside_box(wish.box, seen)
    if wish.part == "voxel":
        return _one_voxel(wish.place, seen)
    return None


def _inside_box(box: Boxes, seen: Prepared) -> Mask:
    grid = seen.grid
    if len(box.lower) == 0 or box.lower.shape[1] != grid.ndim:
        raise ArgumentError(
            f"Found {len(box.lower)} boxes with {box.lower.shape[1]} axes; needed one with {grid.ndim}.",
            hint="Draw one rectangle on the image.",
        )
    rows = []
    for row in range(grid.shape[0]):  # one at a time: the points of a large volume take much memory
        places = np.indices((1, *grid.shape[1:])).reshape(grid.ndim, -1).T
        places[:, 0] = row
        points = grid.index_to_world(places)
        rows.append(np.all((points >= box.lower[0]) & (points <= box.upper[0]), axis=1))
    return np.stack(rows).reshape(grid.shape)


def _one_voxel(place: Landmarks | None, seen: Prepared) -> Mask:
    if place is None or len(place.positions) == 0:
        raise ArgumentError("One voxel is to be explained, but no place was given.", hint="Set a point.")
    index = _voxel_at(place, seen)
    chosen = np.zeros(seen.grid.shape, bool)
    chosen[index] = True
    return chosen


def _voxel_at(place: Landmarks, seen: Prepared) -> tuple[int, ...]:
    if place.positions.shape[1] != seen.grid.ndim:
        raise ArgumentError(f"Found points with {place.positions.shape[1]} axes; needed {seen.grid.ndim}.")
    index = np.round(seen.grid.world_to_index(place.positions[:1]))[0].astype(int)
    if np.any(index < 0) or np.any(index >= seen.grid.shape):
        raise ArgumentError(
            f"The point {place.names[0]!r} lies outside the image.", hint="Set it inside the image."
        )
    return tuple(int(i) for i in index)


def _found(model: Model, seen: Prepared, index: int | None, way: Way, progress: Progress) -> tuple[int, Mask]:
    """Return the channel and where the network itself sees it."""
    network, volume, tile = model.network, seen.volume, model.spec.tile
    if model.spec.task == "landmarks":
        index = 0 if index is None and len(model.spec.outputs.names) == 1 else _named(model, index)
        heat = found_scores(
            network, volume, tile, index, overlap=way.overlap, device=way.device, progress=progress
        )
        return index, heat > np.median(heat) + PEAK_SHARE * (heat.max() - np.median(heat))
    predicted = found_labels(network, volume, tile, overlap=way.overlap, device=way.device, progress=progress)
    if index is None:
        counts = np.bincount(predicted.ravel(), minlength=len(model.spec.outputs.names))[1:]
        index = int(counts.argmax()) + 1
    found = predicted == index
    if not found.any():
        raise ArgumentError(
            f"The model finds no {model.spec.outputs.names[index]!r} in this image.",
            hint="Choose a label that it finds, or paint a region.",
        )
    return index, found


def _narrowed(found: Mask, wish: Wish, seen: Prepared) -> Mask:
    """Keep one connected part: that at the place, or the largest."""
    if wish.part != "component":
        return found
    from scipy.ndimage import label

    parts, count = label(found)
    if wish.place is None or len(wish.place.positions) == 0:
        return np.asarray(parts == 1 + int(np.bincount(parts.ravel(), minlength=count + 1)[1:].argmax()))
    number = int(parts[_voxel_at(wish.place, seen)])
    if number == 0:
        raise ArgumentError(
            "The network does not give the label to the place that was pointed at.",
            hint="Set the point inside a part of the label.",
        )
    return np.asarray(parts == number)
