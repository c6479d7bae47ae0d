"""A sorted stack of frames made into an image: voxels, grid, meta."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.image import MedicalImage
from napari_medai.core.progress import Progress, silent, track
from napari_medai.io.dicom import seg, slides
from napari_medai.io.dicom.facts import flat_geometry, meta_of
from napari_medai.io.dicom.frames import Frame
from napari_medai.io.dicom.geometry import Gaps, Placement
from napari_medai.io.dicom.header import reading
from napari_medai.io.dicom.lazy import byte_count, lazy_volumes
from napari_medai.io.dicom.luts import has_modality_table, modality_values
from napari_medai.io.dicom.pixels import checked, stored_frames
from napari_medai.io.dicom.scaling import Scaling, scaling_of
from napari_medai.io.dicom.stack import Stack


def images_of(
    stack: Stack,
    *,
    gaps: Gaps = "resample",
    progress: Progress = silent,
    references: Sequence[MedicalImage] = (),
    memory_limit: float = float("inf"),
) -> list[MedicalImage]:
    """Read the pixels of a stack, of any kind; see :func:`image_of`.

    Parameters
    ----------
    stack : Stack
        From a scan.
    gaps : {"resample", "error"}
        What to do where slices are missing or unevenly spaced.
    progress : Progress
        Hears one report a slice.
    references : sequence of MedicalImage
        Images read alongside, on whose grids segmentations are placed.
    memory_limit : float
        Bytes; a larger image is read slice by slice when it is looked at.

    Returns
    -------
    list of MedicalImage
        One, or several where segments overlap.
    """
    if stack.special == "segmentation":
        with reading(stack.header.shown):
            return seg.images_of(stack, references, progress)
    if stack.special == "slide":
        with reading(stack.header.shown):
            return [slides.image_of(stack, progress)]
    return [image_of(stack, gaps=gaps, progress=progress, lazy=byte_count(stack) > memory_limit)]


def image_of(
    stack: Stack, *, gaps: Gaps = "resample", progress: Progress = silent, lazy: bool = False
) -> MedicalImage:
    """Read the pixels of a stack.

    Parameters
    ----------
    stack : Stack
        From :func:`~napari_medai.io.dicom.series.stacks_of`.
    gaps : {"resample", "error"}
        What to do where slices are missing or unevenly spaced.
    progress : Progress
        Hears one report a slice.
    lazy : bool
        Whether slices are read only when they are looked at; the array is a Dask array then.

    Returns
    -------
    MedicalImage
        Axes (t), z, y, x, (s); values rescaled, slice by slice; LPS.

    Raises
    ------
    ReadError
        If pixels are missing or damaged, or slices do not fit together.
    """
    if stack.is_placed:
        placement = stack.placement(gaps)
        geometry, notices = placement.geometry, list(placement.notices)
    else:
        placement = None
        geometry, notices = flat_geometry(stack)
    volumes = lazy_volumes(stack, placement) if lazy else _volumes(stack, placement, progress)
    if placement is None:
        volumes = volumes[:, 0]
    axes = "tzyx" if placement else "tyx"
    if len(volumes) == 1:
        volumes, axes = volumes[0], axes[1:]
    axes += "s" if stack.is_colour else ""
    meta = meta_of(stack, [*stack.notices, *notices])
    return MedicalImage(volumes, axes, geometry, name=stack.name, meta=meta)


def _volumes(stack: Stack, placement: Placement | None, progress: Progress) -> NDArray[Any]:
    values = _read_values(stack, progress)
    volumes = values.reshape(len(stack.volumes), -1, *values.shape[1:])
    if placement is None or placement.places is None:
        return volumes
    return np.stack([_at_places(volume, placement) for volume in volumes])


def _read_values(stack: Stack, progress: Progress) -> NDArray[Any]:
    """Read every frame, rescaled with its own slope and intercept: (frames, rows, columns[, 3])."""
    frames = stack.frames
    if stack.is_colour:
        return np.stack([checked(p, f) for p, f in zip(_tracked(frames, progress), frames, strict=True)])
    table = has_modality_table(frames[0].header)
    scaling = Scaling(None) if table else scaling_of(frames)
    stored: NDArray[Any] | None = None
    for index, picture in enumerate(_tracked(frames, progress)):
        checked(picture, frames[index])
        if table:
            picture = modality_values(picture, frames[index].header)
        if stored is None:
            stored = np.empty((len(frames), *picture.shape), scaling.dtype or picture.dtype)
        elif scaling.dtype is None and picture.dtype != stored.dtype:
            stored = stored.astype(np.promote_types(stored.dtype, picture.dtype))
        scaling.write(picture, frames[index], stored[index])
    assert stored is not None
    return scaling.finish(stored)


def _tracked(frames: list[Frame], progress: Progress) -> Any:
    return track(stored_frames(frames), progress, "Reading slices", total=len(frames))


def _at_places(volume: NDArray[Any], placement: Placement) -> NDArray[Any]:
    """Interpolate slices at fractional places; whole places keep their values exactly."""
    assert placement.places is not None
    lower = np.floor(placement.places).astype(int)
    shares = placement.places - lower
    result = np.empty((len(lower), *volume.shape[1:]), volume.dtype)
    for index, (low, share) in enumerate(zip(lower, shares, strict=True)):
        if share == 0:
            result[index] = volume[low]
            continue
        between = volume[low] * (1 - share) + volume[low + 1] * share
        result[index] = np.rint(between) if volume.dtype.kind in "iu" else between
    return result
