"""A first look at half the resolution, by the model itself; only where it finds something is looked again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medai.models.choice_store import recall, remember
from napari_medai.models.model import Model
from napari_medai.models.prepare import prepare
from napari_medai.models.region import Bounds, bounds_of
from napari_medai.models.windows import window_grid

Floats = NDArray[np.float32]
Labelled = Callable[[Floats], NDArray[Any]]
"""Labels of a volume (channels, \\*spatial) by the model."""

STEP = 2
REACH_SHARE = 1 / 6
"""Of a window: what is looked at again around what the first look found."""
WORTH_WINDOWS = 12
"""With fewer windows a first look costs as much as it saves."""
LEAST_COVER = 0.999
"""Share of what a check case holds that the first look must find, a margin around it."""


def found_coarsely(
    model: Model, volume: Floats, tile: Sequence[int], overlap: float, labelled: Labelled, said: list[str]
) -> Bounds | None:
    """Say where windows are wanted, by the model's own look at half the resolution.

    Parameters
    ----------
    model : Model
        A segmentation model.
    volume : numpy.ndarray
        Shape (channels, \\*spatial), prepared.
    tile : sequence of int
        The window.
    overlap : float
        Of the windows.
    labelled : callable
        The model.
    said : list of str
        Gets a sentence on what was found.

    Returns
    -------
    Bounds or None
        None where the first look is not worth its time, where nothing was found, or where the model does
        not know its objects at half their size, which its own check case tells.
    """
    shape = [max(n, t) for n, t in zip(volume.shape[1:], tile, strict=True)]
    windows = window_grid(shape, tile, overlap)
    if len(windows) < WORTH_WINDOWS or 1 in tile or not knows_objects_coarsely(model, tile, labelled):
        return None
    mask = first_look(volume, tile, labelled)
    if not mask.any():
        return None
    said.append(f"Looked first at half the resolution: {mask.mean():.0%} of the image holds something.")
    return bounds_of(mask, tile, overlap, margin=0)


def first_look(volume: Floats, tile: Sequence[int], labelled: Labelled) -> NDArray[np.bool_]:
    """Mark where the model finds something at half the resolution, and a margin around it."""
    from scipy import ndimage

    found = labelled(halved(volume)) > 0
    reach = [2 * max(1, round(n * REACH_SHARE / STEP)) + 1 for n in tile]
    near = ndimage.maximum_filter(found, size=reach)
    for axis in range(near.ndim):
        near = near.repeat(STEP, axis)
    mask: NDArray[np.bool_] = near[tuple(slice(0, n) for n in volume.shape[1:])]
    return mask


def halved(volume: Floats) -> Floats:
    """Average a volume (channels, \\*spatial) over pairs of voxels; an odd last one counts twice."""
    for axis in range(1, volume.ndim):
        if volume.shape[axis] % 2:
            last = volume.take([-1], axis)
            volume = np.concatenate([volume, last], axis)
        first, second = (volume[(slice(None),) * axis + (slice(k, None, 2),)] for k in (0, 1))
        volume = (first + second) * np.float32(0.5)
    return np.ascontiguousarray(volume)


def knows_objects_coarsely(model: Model, tile: Sequence[int], labelled: Labelled) -> bool:
    """Whether a first look finds what the model's check case holds; remembered by the model's hash."""
    case = model.case
    if case is None or case.labels is None or model.previous is not None:
        return False
    key = f"coarse|{model.digest}"
    known = recall(key) if model.digest else None
    if known is None:
        seen = prepare(model.spec, case.image)
        wanted = seen.bring(np.asarray(case.labels.array) > 0)
        found = first_look(seen.volume, tile, labelled)
        covered = bool(wanted.any()) and float(found[wanted].mean()) >= LEAST_COVER
        known = "yes" if covered else "no"
        if model.digest:
            remember(key, known, {})
    return known == "yes"
