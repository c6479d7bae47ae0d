"""Whole-slide images, whose frames are tiles of one large picture."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.errors import ReadError
from napari_medai.core.geometry import Geometry
from napari_medai.core.image import MedicalImage
from napari_medai.core.progress import Progress, silent, track
from napari_medai.io.dicom.facts import meta_of
from napari_medai.io.dicom.frames import Frame, pair
from napari_medai.io.dicom.header import Header, quiet_pydicom
from napari_medai.io.dicom.pixels import stored_frame
from napari_medai.io.dicom.stack import Stack
from napari_medai.io.files import readable_size

_LARGEST = 4_000_000_000


def is_slide(header: Header) -> bool:
    """Tell whether a file's frames are tiles of one picture."""
    return header.integer("TotalPixelMatrixColumns") > 0 and header.integer("TotalPixelMatrixRows") > 0


def split(base: Frame) -> list[Frame]:
    """Return the tiles of a file, each with the row and column where it begins, and its layer.

    A layer is a segment, an optical path or a focal plane: tiles of one layer do not overlap.

    Raises
    ------
    ReadError
        If the file does not place every tile.
    """
    header = base.header
    count = max(1, header.integer("NumberOfFrames", 1))
    with quiet_pydicom():
        dataset = header.sequences
        groups = dataset.get("PerFrameFunctionalGroupsSequence", None) or []
        spacing = _spacing(dataset, groups) or base.spacing
        base = replace(base, position=None, plane=None, spacing=spacing)
        if str(dataset.get("DimensionOrganizationType", "")) == "TILED_FULL" or not groups:
            return _in_full_order(base, count)
        if len(groups) != count:
            raise ReadError(
                f"{header.shown} holds {count} tiles but places {len(groups)}.", hint="Export it again."
            )
        return [_placed(base, k, own) for k, own in enumerate(groups)]


def canvas(header: Header) -> tuple[int, int]:
    """Return rows and columns of the whole picture."""
    return header.integer("TotalPixelMatrixRows"), header.integer("TotalPixelMatrixColumns")


def paste(picture: NDArray[Any], frame: Frame, onto: NDArray[Any]) -> None:
    """Put a tile where it belongs; what reaches beyond the picture's edge is padding."""
    row, column = frame.traits["corner"]
    if not (0 <= row < onto.shape[0] and 0 <= column < onto.shape[1]):
        raise ReadError(f"{frame.header.shown} places a tile outside its picture.", hint="Export it again.")
    rows = min(frame.rows, onto.shape[0] - row)
    columns = min(frame.columns, onto.shape[1] - column)
    onto[row : row + rows, column : column + columns] = picture[:rows, :columns]


def image_of(stack: Stack, progress: Progress = silent) -> MedicalImage:
    """Put the tiles of a whole-slide image together.

    Parameters
    ----------
    stack : Stack
        All frames of one file.
    progress : Progress
        Hears one report a tile.

    Returns
    -------
    MedicalImage
        Axes (c), y, x, (s); a channel an optical path or focal plane.

    Raises
    ------
    ReadError
        If the picture is too large to hold in memory.
    """
    frames, shape = stack.frames, canvas(stack.header)
    layers = sorted({frame.traits["layer"] for frame in frames})
    colours = (3,) if stack.is_colour else ()
    size = int(np.prod([float(n) for n in (len(layers), *shape, *colours)]))
    if size * 2 > _LARGEST:
        raise ReadError(
            f"{stack.name} is a slide of {shape[0]} x {shape[1]} pixels ({readable_size(size)}).",
            hint="Read a file of lower resolution of the same slide.",
        )
    result: NDArray[Any] | None = None
    for frame in track(frames, progress, "Reading tiles"):
        picture = stored_frame(frame)
        if result is None:
            result = np.zeros((len(layers), *shape, *colours), picture.dtype)
        paste(picture, frame, result[layers.index(frame.traits["layer"])])
    assert result is not None
    return _image(stack, result)


def flat_grid(stack: Stack) -> tuple[Geometry, list[str]]:
    """Return the 2-D grid of the whole picture, and what must be said about it."""
    spacing, shape = stack.first.spacing, canvas(stack.header)
    if spacing:
        return Geometry.from_spacing(shape, spacing), []
    return Geometry.from_spacing(shape), [
        f"{stack.name} does not say how large a pixel is: lengths are in pixels."
    ]


def _image(stack: Stack, array: NDArray[Any]) -> MedicalImage:
    axes = ("c" if len(array) > 1 else "") + "yx" + ("s" if stack.is_colour else "")
    geometry, notices = flat_grid(stack)
    meta = meta_of(stack, [*stack.notices, *notices])
    return MedicalImage(array if len(array) > 1 else array[0], axes, geometry, name=stack.name, meta=meta)


def _spacing(dataset: Any, groups: Any) -> tuple[float, float] | None:
    from napari_medai.io.dicom.enhanced import numbers

    shared = (dataset.get("SharedFunctionalGroupsSequence", None) or [{}])[0]
    for source in (shared, groups[0] if groups else {}):
        measures = source.get("PixelMeasuresSequence", None)
        if measures:
            return pair(numbers(measures[0].get("PixelSpacing", None)))
    return None


def _in_full_order(base: Frame, count: int) -> list[Frame]:
    """Place tiles that follow each other row by row, layer by layer, without gaps."""
    rows, columns = canvas(base.header)
    across, down = -(-columns // base.columns), -(-rows // base.rows)
    frames = []
    for k in range(count):
        layer, rest = divmod(k, across * down)
        corner = (rest // across * base.rows, rest % across * base.columns)
        frames.append(_tile(base, k, corner, layer, layer + 1))
    return frames


def _placed(base: Frame, number: int, own: Any) -> Frame:
    place = (own.get("PlanePositionSlideSequence", None) or [None])[0]
    if place is None:
        raise ReadError(
            f"{base.header.shown}: tile {number + 1} does not say where it lies.", hint="Export it again."
        )
    corner = (
        int(place.RowPositionInTotalImagePixelMatrix) - 1,
        int(place.ColumnPositionInTotalImagePixelMatrix) - 1,
    )
    segment = (own.get("SegmentIdentificationSequence", None) or [{}])[0].get("ReferencedSegmentNumber", 0)
    path = (own.get("OpticalPathIdentificationSequence", None) or [{}])[0].get("OpticalPathIdentifier", "")
    return _tile(base, number, corner, (int(segment), str(path)), int(segment))


def _tile(base: Frame, number: int, corner: tuple[int, int], layer: Any, segment: int) -> Frame:
    traits = {**base.traits, "corner": corner, "layer": layer, "segment": segment}
    return replace(base, number=number, traits=traits)
