"""The diameters a reader draws: the longest in a slice, and the longest across it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.geometry import FloatArray, Geometry
from napari_medai.core.operation import LabelsImage, operation
from napari_medai.core.progress import Progress, part, silent, track
from napari_medai.measure.cells import Mask
from napari_medai.measure.labelling import label_name, named_labels, volumes
from napari_medai.measure.pairing import label_boxes
from napari_medai.measure.shape import longest_pair, outline_indices
from napari_medai.measure.units import world_axes

if TYPE_CHECKING:
    from pandas import DataFrame


@operation(group="measure", title="Lesion diameters")
def measure_diameters(labels: LabelsImage, *, progress: Progress = silent) -> DataFrame:
    """Measure the longest diameter of each region within a slice, and the longest one across it (RECIST).

    Slices lie along the image's first spatial axis. The longest diameter joins two points of the
    region's outline half way between inside and outside; the perpendicular diameter is the longest chord
    of the outline's convex hull at right angles to it, in the same slice.

    Parameters
    ----------
    labels : MedicalImage
        The regions; 0 is the background.
    progress : Progress
        Hears one report a region.

    Returns
    -------
    pandas.DataFrame
        One row a label (and time point, channel): ``longest_mm``, ``perpendicular_mm``, their
        ``product_mm2`` (WHO), ``slice`` (index along the first axis), ``longest_3d_mm`` over all slices,
        and the ends of both lines in world LPS: ``longest_start_x_mm`` ... ``perpendicular_end_z_mm``.
        Labels that are named but absent have NaN. Unknown voxel size: ``_pixel``.

    References
    ----------
    Eisenhauer et al., "New response evaluation criteria in solid tumours: revised RECIST guideline",
    Eur J Cancer 45:228-247, 2009.

    Examples
    --------
    >>> from napari_medai import MedicalImage
    >>> grid = Geometry.from_spacing((3, 12, 12), (5, 1, 1))
    >>> regions = np.zeros((3, 12, 12), np.uint8)
    >>> regions[1, 5, 1:11] = 1
    >>> table = measure_diameters(MedicalImage(regions, "zyx", grid, "labels"))
    >>> float(table.longest_mm[0]), int(table.slice[0])
    (10.0, 1)
    """
    from pandas import DataFrame

    rows = []
    places = list(volumes(labels))
    for number, (place, volume) in enumerate(places):
        stretch = part(progress, number / len(places), (number + 1) / len(places))
        boxes = label_boxes(volume)
        for label in track(sorted(boxes.keys() | named_labels(labels)), stretch, "Measuring diameters"):
            head = {**place, "label": label, "name": label_name(labels, label)}
            rows.append({**head, **_entries(volume, boxes, label, labels.geometry)})
    table = DataFrame(rows, columns=None if rows else ["label", "name"])
    return table.astype({"slice": "Int64"}) if "slice" in table else table


def _entries(
    volume: NDArray[Any], boxes: dict[int, tuple[slice, ...]], label: int, geometry: Geometry
) -> dict[str, Any]:
    if label not in boxes:
        return {}
    box = boxes[label]
    start = np.array([s.start for s in box])
    mask = volume[box] == label
    unit = geometry.unit
    whole = geometry.index_to_world(outline_indices(np.pad(mask, 1)) - 1 + start)
    position, longest = _longest_in_slices(mask, start, geometry)
    across = _across(mask, position, start, geometry, longest)
    length, width = (float(np.linalg.norm(line[1] - line[0])) for line in (longest, across))
    entries: dict[str, Any] = {f"longest_{unit}": length, f"perpendicular_{unit}": width}
    entries[f"product_{unit}2"] = length * width
    if geometry.ndim == 3:
        entries["slice"] = position + int(start[0])
        entries[f"longest_3d_{unit}"] = float(np.linalg.norm(np.diff(longest_pair(whole), axis=0)))
    for name, line in (("longest", longest), ("perpendicular", across)):
        for end, point in zip(("start", "end"), line, strict=True):
            entries |= {
                f"{name}_{end}_{a}_{unit}": float(p) for a, p in zip(world_axes(geometry), point, strict=True)
            }
    return entries


def _outline(mask: Mask, position: int, start: NDArray[np.int64], geometry: Geometry) -> FloatArray:
    """Return the outline's points of one slice in the world."""
    flat = mask[position] if mask.ndim == 3 else mask
    indices = outline_indices(np.pad(flat, 1)) - 1
    if mask.ndim == 3:
        indices = np.column_stack([np.full(len(indices), position), indices])
    return geometry.index_to_world(indices + start)


def _longest_in_slices(mask: Mask, start: NDArray[np.int64], geometry: Geometry) -> tuple[int, FloatArray]:
    """Return the slice that holds the longest diameter, and its ends."""
    best, found, longest = -1.0, 0, np.zeros((2, geometry.ndim))
    for position in range(len(mask)) if mask.ndim == 3 else [0]:
        if not (mask[position] if mask.ndim == 3 else mask).any():
            continue
        pair = longest_pair(_outline(mask, position, start, geometry))
        length = float(np.linalg.norm(pair[1] - pair[0]))
        if length > best * (1 + 1e-12):
            best, found, longest = length, position, pair
    return found, longest


def _across(
    mask: Mask, position: int, start: NDArray[np.int64], geometry: Geometry, longest: FloatArray
) -> FloatArray:
    """Return the ends of the hull's longest chord at right angles to the longest diameter."""
    from scipy.spatial import ConvexHull

    points = _outline(mask, position, start, geometry)
    along = (longest[1] - longest[0]) / np.linalg.norm(longest[1] - longest[0])
    sideways = _in_plane_normal(along, geometry)
    flat = np.stack([(points - longest[0]) @ along, (points - longest[0]) @ sideways], axis=1)
    corners = flat[ConvexHull(flat).vertices]
    low, high = _chords(corners)
    best = int((high - low).argmax())
    ends = corners[best, 0] * along + np.stack([low[best], high[best]])[:, None] * sideways
    return np.asarray(longest[0] + ends)


def _in_plane_normal(along: FloatArray, geometry: Geometry) -> FloatArray:
    """Return the unit vector in the plane of the last two axes at right angles to a direction in it."""
    first, second = geometry.matrix[:, -1], geometry.matrix[:, -2]
    apart = [v - (v @ along) * along for v in (first, second)]
    best = max(apart, key=lambda v: float(np.linalg.norm(v)))
    return np.asarray(best / np.linalg.norm(best))


def _chords(corners: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the lower and upper end of a convex polygon's section at the first coordinate of each corner.

    The length of the section is linear between corners, so that the longest is at one of them.
    """
    after = np.roll(corners, -1, axis=0)
    at = corners[:, :1]
    x0, y0, x1, y1 = corners[:, 0], corners[:, 1], after[:, 0], after[:, 1]
    left, right = np.minimum(x0, x1), np.maximum(x0, x1)
    span = np.where(x1 == x0, 1.0, x1 - x0)
    share = np.clip((at - x0) / span, 0, 1)
    height = y0 + share * (y1 - y0)
    met = (at >= left - 1e-9) & (at <= right + 1e-9)
    # an edge along the chord meets it with both ends, of which the next edge holds the other
    low = np.where(met, height, np.inf).min(axis=1)
    high = np.where(met, height, -np.inf).max(axis=1)
    return low, high
