"""DICOM segmentations read into labels: placed by position, overlapping segments kept apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.errors import ReadError
from napari_medai.core.geometry import FloatArray, Geometry
from napari_medai.core.image import MedicalImage
from napari_medai.core.progress import Progress, silent, track
from napari_medai.io.dicom.facts import flat_geometry, meta_of
from napari_medai.io.dicom.frames import Frame
from napari_medai.io.dicom.header import Header, quiet_pydicom
from napari_medai.io.dicom.pixels import stored_frame
from napari_medai.io.dicom.segments import Segment, segments_of
from napari_medai.io.dicom.slides import flat_grid, is_slide, paste
from napari_medai.io.dicom.stack import Stack
from napari_medai.io.values import integer_type

_TOLERANCE_MM = 0.05
_MOST_SLICES = 20000


def images_of(
    stack: Stack, references: Sequence[MedicalImage] = (), progress: Progress = silent
) -> list[MedicalImage]:
    """Read a segmentation.

    Parameters
    ----------
    stack : Stack
        All frames of one file.
    references : sequence of MedicalImage
        Images read alongside; where one has the same planes its grid is used and the labels lie on it.
    progress : Progress
        Hears one report a frame.

    Returns
    -------
    list of MedicalImage
        Labels; more than one image where segments overlap. Fractional segments: one float32 image from 0
        to 1, a channel a segment.

    Raises
    ------
    ReadError
        If the frames do not fit on one grid.
    """
    frames = stack.frames
    geometry, notices = grid_of(stack, references)
    stack = replace(stack, notices=(*stack.notices, *notices))
    flat = geometry.ndim == 2
    heights = [0 if flat else _slice_index(frame, geometry, stack.name) for frame in frames]
    kind = _type_of(stack.header)
    pictures = track(frames, progress, "Reading segments", total=len(frames))
    if kind == "LABELMAP":
        return [_label_map(stack, geometry, heights, pictures)]
    if kind == "FRACTIONAL":
        return [_fractions(stack, geometry, heights, pictures)]
    return _labels(stack, geometry, heights, pictures)


def grid_of(stack: Stack, references: Sequence[MedicalImage] = ()) -> tuple[Geometry, list[str]]:
    """Return the grid of a segmentation, 2-D for slides and pictures, and what must be said about it."""
    if is_slide(stack.header):
        return flat_grid(stack)
    frames = stack.frames
    if not frames[0].is_placed:
        segments = [frame.traits.get("segment") for frame in frames]
        if len(set(segments)) < len(segments):
            raise ReadError(f"{stack.name}: its frames do not say where they lie.", hint="Export it again.")
        return flat_geometry(stack)
    return _reference_grid(frames, references) or _own_grid(frames, stack.name), []


def _type_of(header: Header) -> str:
    with quiet_pydicom():
        return str(header.sequences.get("SegmentationType", "BINARY"))


def _reference_grid(frames: Sequence[Frame], references: Sequence[MedicalImage]) -> Geometry | None:
    """Return the grid of an image on whose slices every frame lies, pixel by pixel."""
    for image in references:
        grid = image.geometry
        if grid.ndim == 3 and grid.shape[1:] == (frames[0].rows, frames[0].columns):
            try:
                for frame in frames:
                    _slice_index(frame, grid, "")
            except ReadError:
                continue
            return grid
    return None


def _own_grid(frames: Sequence[Frame], name: str) -> Geometry:
    """Lay a grid through the frames' own positions, with room for slices that hold no segment."""
    first = frames[0]
    assert first.plane is not None
    assert first.spacing is not None
    positions = np.array([frame.position for frame in frames])
    order = np.argsort(positions @ first.normal)
    low, high = positions[order[0]], positions[order[-1]]
    length = float(np.linalg.norm(high - low))
    along = (
        np.unique(np.round((positions - low) @ ((high - low) / length), 3)) if length > 0.001 else np.zeros(1)
    )
    step = _slice_step(along, first, name)
    count = round(length / step) + 1 if length > 0.001 else 1
    towards = (high - low) / length if length > 0.001 else first.normal
    affine = np.eye(4)
    affine[:3, 0] = towards * (length / (count - 1) if count > 1 else step)
    affine[:3, 1] = first.plane[1] * first.spacing[0]
    affine[:3, 2] = first.plane[0] * first.spacing[1]
    affine[:3, 3] = low
    return Geometry((count, first.rows, first.columns), affine)


def _slice_step(along: FloatArray, first: Frame, name: str) -> float:
    """Return the slice distance: as stated if the positions fit it, else the finest they show."""
    gaps = np.diff(along)
    gaps = gaps[gaps > _TOLERANCE_MM / 5]
    stated = first.thickness or 1.0
    for step in (stated, float(gaps.min()) if len(gaps) else stated):
        rests = along / step - np.round(along / step)
        if np.all(np.abs(rests) * step < 2 * _TOLERANCE_MM) and along[-1] / step < _MOST_SLICES:
            return step
    raise ReadError(
        f"{name}: its frames lie at uneven distances and fit on no regular grid.",
        hint="Read it together with its source images.",
    )


def _slice_index(frame: Frame, geometry: Geometry, name: str) -> int:
    """Return the slice of a grid on which a frame lies, pixel by pixel."""
    if frame.position is None or frame.plane is None or frame.spacing is None:
        raise ReadError(f"{name}: a frame does not say where it lies.", hint="Export it again.")
    far = frame.position + frame.plane[1] * frame.spacing[0] * (frame.rows - 1)
    far = far + frame.plane[0] * frame.spacing[1] * (frame.columns - 1)
    corners = geometry.world_to_index([frame.position, far])
    index = round(float(corners[0, 0]))
    wanted = np.array([[index, 0, 0], [index, frame.rows - 1, frame.columns - 1]], dtype=float)
    distance = np.abs((corners - wanted) @ geometry.matrix.T).max()
    if distance > 2 * _TOLERANCE_MM or not 0 <= index < geometry.shape[0]:
        raise ReadError(f"{name}: its frames do not all lie on one grid.", hint="Export it again.")
    return index


def _label_map(stack: Stack, geometry: Geometry, heights: list[int], frames: Any) -> MedicalImage:
    array: NDArray[Any] | None = None
    for height, frame in zip(heights, frames, strict=True):
        picture = stored_frame(frame, colours=False)
        if array is None:
            array = np.zeros(_full(geometry), picture.dtype)
        _paint(array[height], picture, frame)
    assert array is not None
    return _image(stack, geometry, array, segments_of(stack.header), stack.name)


def _fractions(stack: Stack, geometry: Geometry, heights: list[int], frames: Any) -> MedicalImage:
    segments = segments_of(stack.header)
    place = {segment.number: index for index, segment in enumerate(segments)}
    with quiet_pydicom():
        highest = float(stack.header.sequences.get("MaximumFractionalValue", 255) or 255)
    array = np.zeros((len(segments), *_full(geometry)), np.float32)
    for height, frame in zip(heights, frames, strict=True):
        _paint(
            array[place[_segment_of(frame, stack, place)], height],
            stored_frame(frame, colours=False) / highest,
            frame,
        )
    array = array.reshape(len(segments), *geometry.shape)
    meta = {**meta_of(stack, list(stack.notices)), "channels": [segment.label for segment in segments]}
    axes = ("c" if len(segments) > 1 else "") + "zyx"[-geometry.ndim :]
    return MedicalImage(array if len(segments) > 1 else array[0], axes, geometry, name=stack.name, meta=meta)


def _segment_of(frame: Frame, stack: Stack, known: Any) -> int:
    number = int(frame.traits.get("segment", 0) or 0)
    if number not in known:
        raise ReadError(
            f"{stack.name}: a frame belongs to segment {number}, which is not described.",
            hint="Export it again.",
        )
    return number


def _labels(stack: Stack, geometry: Geometry, heights: list[int], frames: Any) -> list[MedicalImage]:
    """Put binary segments into as few label images as hold them without overlap."""
    segments = segments_of(stack.header)
    numbers = {segment.number for segment in segments}
    masks: dict[int, NDArray[np.bool_]] = {}
    for height, frame in zip(heights, frames, strict=True):
        number = _segment_of(frame, stack, numbers)
        if number not in masks:
            masks[number] = np.zeros(_full(geometry), bool)
        _paint(masks[number][height], stored_frame(frame, colours=False) > 0, frame)
    dtype = integer_type(0, max((s.value for s in segments), default=1), np.uint8)
    arrays: list[NDArray[Any]] = [np.zeros(_full(geometry), dtype)]
    held: list[list[Segment]] = [[]]
    for segment in segments:
        mask = masks.get(segment.number, np.zeros(_full(geometry), bool))
        index = next((k for k, array in enumerate(arrays) if not array[mask].any()), len(arrays))
        if index == len(arrays):
            arrays.append(np.zeros(_full(geometry), dtype))
            held.append([])
        arrays[index][mask] = segment.value
        held[index].append(segment)
    notices = ["segments overlap; those that do are shown in images of their own."] if len(arrays) > 1 else []
    noted = replace(stack, notices=(*stack.notices, *(f"{stack.name}: {notice}" for notice in notices)))
    names = [stack.name, *(f"{stack.name} - overlapping {k}" for k in range(1, len(arrays)))]
    return [
        _image(noted, geometry, array, members, name)
        for array, members, name in zip(arrays, held, names, strict=True)
    ]


def _full(geometry: Geometry) -> tuple[int, ...]:
    """Return the shape (slices, rows, columns), one slice for a 2-D grid."""
    return geometry.shape if geometry.ndim == 3 else (1, *geometry.shape)


def _paint(onto: NDArray[Any], picture: NDArray[Any], frame: Frame) -> None:
    if "corner" in frame.traits:
        paste(picture, frame, onto)
    else:
        onto[...] = picture


def _image(
    stack: Stack, geometry: Geometry, array: NDArray[Any], segments: Sequence[Segment], name: str
) -> MedicalImage:
    meta = meta_of(stack, list(stack.notices))
    meta["labels"] = {str(segment.value): segment.label for segment in segments}
    meta.pop("colormap", None)
    axes = "zyx"[-geometry.ndim :]
    array = array.reshape(geometry.shape)
    return MedicalImage(array, axes, geometry, kind="labels", name=name, meta=meta)
