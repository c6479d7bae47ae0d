"""Local filters taken slab by slab, so that a large volume reports progress and can be stopped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from napari_medai.core.image import MedicalImage, map_volumes
from napari_medai.core.progress import Progress, Step, part, silent
from napari_medai.preprocess.arrays import Volume
from napari_medai.preprocess.background import in_background

SLAB_VOXELS = 4_000_000
"""Enough that calls cost nothing, few enough that one slab of a common filter takes well under 2 s."""


def filter_slabs(
    volume: Volume,
    function: Callable[[Volume], Volume],
    halo: int,
    *,
    progress: Progress = silent,
    message: str = "",
    slab_voxels: int = SLAB_VOXELS,
) -> Volume:
    """Apply a filter of finite reach; the result is that of the whole volume at once.

    Parameters
    ----------
    volume : numpy.ndarray
        Shape (z, y, x) or (y, x).
    function : callable
        From an array to one of the same shape; a voxel may depend on others up to ``halo`` away along
        the first axis.
    halo : int
        Reach along the first axis, in voxels.
    progress : Progress
        Hears one report a slab or more.
    message : str
        What the reports say.
    slab_voxels : int
        Size of a slab without its halo; at least as many slices as the halo are taken together.

    Returns
    -------
    numpy.ndarray
        Of the volume's shape and the function's type.
    """
    count = volume.shape[0]
    step = max(1, halo, slab_voxels // max(1, int(np.prod(volume.shape[1:]))))
    result: Volume | None = None
    for start in range(0, count, step):
        stop = min(start + step, count)
        low, high = max(0, start - halo), min(count, stop + halo)
        share = part(progress, start / count, stop / count, message)
        values = in_background(partial(function, volume[low:high]), share)[start - low : stop - low]
        if result is None:
            result = np.empty(volume.shape, dtype=values.dtype)
        result[start:stop] = values
    progress(Step(count, count, message))
    assert result is not None  # a grid has at least one slice
    return result


def filter_image(
    image: MedicalImage,
    function: Callable[[Volume], Volume],
    halo: int,
    *,
    progress: Progress = silent,
    message: str = "",
    slab_voxels: int = SLAB_VOXELS,
) -> Volume:
    """Apply a filter of finite reach to every volume of an image; see :func:`filter_slabs`."""
    count = max(1, int(np.prod(image.array.shape)) // int(np.prod(image.spatial_shape)))
    done = iter(range(count))

    def one(volume: Volume) -> Volume:
        k = next(done)
        share = part(progress, k / count, (k + 1) / count, message)
        return filter_slabs(volume, function, halo, progress=share, message=message, slab_voxels=slab_voxels)

    return map_volumes(image, one)


def map_with_progress(
    image: MedicalImage, function: Callable[[Volume, Progress], Volume], progress: Progress, message: str = ""
) -> Volume:
    """Apply a function that reports progress itself to every volume of an image."""
    count = max(1, int(np.prod(image.array.shape)) // int(np.prod(image.spatial_shape)))
    done = iter(range(count))

    def one(volume: Volume) -> Volume:
        k = next(done)
        progress(Step(k, count, message))
        return function(volume, part(progress, k / count, (k + 1) / count, message))

    return map_volumes(image, one)


def to_voxels(length_mm: float, spacing: Sequence[float]) -> tuple[float, ...]:
    """Return a length in voxels along each axis."""
    return tuple(float(length_mm / s) for s in spacing)
