"""How well two segmentations agree, label by label: counts of voxels and distances of surfaces."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from annotated_types import Ge
from numpy.typing import NDArray

from napari_medai.core.geometry import Geometry
from napari_medai.core.operation import LabelsImage, When, operation
from napari_medai.core.progress import Progress, part, silent, track
from napari_medai.measure.labelling import label_name, named_labels
from napari_medai.measure.pairing import (
    Box,
    Pairing,
    count_pairs,
    label_boxes,
    on_grid_of,
    paired_volumes,
    union_box,
)
from napari_medai.measure.surface import Mask, SurfaceKind, inner_band, surface_distances, surface_of
from napari_medai.measure.units import size_entries

if TYPE_CHECKING:
    from pandas import DataFrame


@operation(group="measure", title="Compare labels")
def compare_labels(
    a: LabelsImage,
    b: LabelsImage,
    *,
    labels: tuple[int, ...] = (),
    tolerance_mm: Annotated[float, Ge(0)] = 1.0,
    surface: Annotated[SurfaceKind, When("distances", (True,))] = "area",
    distances: bool = True,
    resample: bool = False,
    progress: Progress = silent,
) -> DataFrame:
    """Compare two segmentations of the same image, label by label.

    ``a`` is the reference (the truth, the first reader), ``b`` what is judged (the prediction, the
    second reader). A label in one image alone has overlap 0 and infinite distances, so that no average
    can hide it; a label in neither has no values (NaN). ``note`` says so.

    Parameters
    ----------
    a : MedicalImage
        The reference.
    b : MedicalImage
        The segmentation to judge.
    labels : tuple of int
        Which labels to compare; all that either image holds or names when empty.
    tolerance_mm : float
        Surface Dice counts surface within this distance as agreeing; also the width of the band along
        the border of the boundary IoU.
    surface : {"area", "voxels"}
        How distances are taken: between surface elements weighted by their marching-cubes area, or
        between the centres of border voxels, all of one weight, as MONAI and older tools do.
    distances : bool
        Also measure distances, which takes longer than counting voxels.
    resample : bool
        Bring ``b`` onto the grid of ``a`` by nearest neighbour where the grids differ; without it,
        that is an error.
    progress : Progress
        Hears one report a label.

    Returns
    -------
    pandas.DataFrame
        One row a label (and time point, channel): ``dice``, ``jaccard``, ``sensitivity``,
        ``specificity``, ``precision``, ``volume_a_ml``, ``volume_b_ml``, ``volume_difference_ml`` (b - a)
        and ``volume_difference_percent`` (of a), ``centre_distance_mm``, ``hausdorff_mm``, ``hd95_mm``,
        ``assd_mm``, ``surface_dice``, ``boundary_iou``, ``note``. Unknown voxel size: ``_pixel``.

    Raises
    ------
    GeometryError
        If the images lie on different grids and ``resample`` is off.
    ArgumentError
        If one image has time points or channels the other lacks.

    References
    ----------
    Nikolov et al., J Med Internet Res 23(7):e26151, 2021 (surface Dice, weighted distances).
    Cheng et al., "Boundary IoU", CVPR 2021.

    Examples
    --------
    >>> from napari_medai import MedicalImage
    >>> grid = Geometry.from_spacing((4, 4, 4), (5, 1, 1))
    >>> left, right = np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8)
    >>> left[1:3, 1:3, 0:2] = right[1:3, 1:3, 1:3] = 1
    >>> a, b = (MedicalImage(array, "zyx", grid, "labels") for array in (left, right))
    >>> table = compare_labels(a, b)
    >>> float(table.dice[0]), round(float(table.hausdorff_mm[0]), 3)
    (0.5, 1.0)
    """
    from pandas import DataFrame

    b = on_grid_of(a, b, resample, part(progress, 0.0, 0.1))
    pairs = paired_volumes(a, b)
    rows = []
    for number, (place, first, second) in enumerate(pairs):
        stretch = part(progress, 0.1 + 0.9 * number / len(pairs), 0.1 + 0.9 * (number + 1) / len(pairs))
        comparison = _Comparison(first, second, a.geometry, tolerance_mm, surface, distances)
        wanted = sorted(labels or comparison.labels | named_labels(a, b))
        for label in track(wanted, stretch, "Comparing labels"):
            name = {"label": label, "name": label_name(a if label in named_labels(a) else b, label)}
            rows.append({**place, **name, **comparison.row(label)})
    table = DataFrame(rows, columns=None if rows else ["label", "name"])
    table.attrs["napari_medai"] = {"unit": a.geometry.unit, "tolerance": tolerance_mm, "surface": surface}
    return table


@dataclass(frozen=True, eq=False)
class _Comparison:
    """Two label volumes on one grid, and what to measure between them."""

    a: NDArray[Any]
    b: NDArray[Any]
    geometry: Geometry
    tolerance: float
    surface: SurfaceKind
    distances: bool

    @cached_property
    def pairing(self) -> Pairing:
        return count_pairs(self.a, self.b)

    @cached_property
    def boxes(self) -> tuple[dict[int, Box], dict[int, Box]]:
        return label_boxes(self.a), label_boxes(self.b)

    @property
    def labels(self) -> set[int]:
        return set(self.boxes[0]) | set(self.boxes[1])

    def row(self, label: int) -> dict[str, Any]:
        pairing = self.pairing
        in_a, in_b = pairing.voxels_a(label), pairing.voxels_b(label)
        entries: dict[str, Any] = overlap_entries(in_a, in_b, pairing.both(label), pairing.total)
        entries |= _volume_entries(in_a, in_b, self.geometry)
        entries |= self._distance_entries(label) if self.distances else {}
        return {**entries, "note": _note(in_a, in_b)}

    def _distance_entries(self, label: int) -> dict[str, float]:
        boxes_a, boxes_b = self.boxes
        box = union_box(boxes_a.get(label), boxes_b.get(label))
        if box is None:
            return {}
        grid = self.geometry.cropped([s.start for s in box], [s.stop - s.start for s in box])
        return distance_entries(
            self.a[box] == label, self.b[box] == label, grid, self.tolerance, self.surface
        )


def overlap_entries(in_a: int, in_b: int, both: int, total: int) -> dict[str, float]:
    """Return the measures of overlap that follow from counts of voxels.

    Parameters
    ----------
    in_a, in_b, both, total : int
        Voxels in the reference, in the judged region, in both, and in the whole image.

    Returns
    -------
    dict
        ``dice``, ``jaccard``, ``sensitivity``, ``specificity``, ``precision``; NaN where the
        denominator is zero.
    """
    return {
        "dice": _ratio(2 * both, in_a + in_b),
        "jaccard": _ratio(both, in_a + in_b - both),
        "sensitivity": _ratio(both, in_a),
        "specificity": _ratio(total - in_a - in_b + both, total - in_a),
        "precision": _ratio(both, in_b),
    }


def distance_entries(
    a: Mask, b: Mask, geometry: Geometry, tolerance: float, kind: SurfaceKind
) -> dict[str, float]:
    """Return the measures that need distances between two regions on one grid.

    Parameters
    ----------
    a, b : bool array
        The regions; one may be empty, not both.
    geometry : Geometry
        Their grid.
    tolerance : float
        For surface Dice and boundary IoU, in the grid's unit.
    kind : {"area", "voxels"}
        Which surface.
    """
    unit = geometry.unit
    found = surface_distances(surface_of(a, geometry, kind), surface_of(b, geometry, kind))
    band_a, band_b = (inner_band(mask, geometry, tolerance) for mask in (a, b))
    return {
        f"centre_distance_{unit}": _centre_distance(a, b, geometry),
        f"hausdorff_{unit}": found.hausdorff(),
        f"hd95_{unit}": found.percentile(95),
        f"assd_{unit}": found.mean(),
        "surface_dice": found.dice(tolerance),
        "boundary_iou": _ratio(int((band_a & band_b).sum()), int((band_a | band_b).sum())),
    }


def _volume_entries(in_a: int, in_b: int, geometry: Geometry) -> dict[str, float]:
    key = list(size_entries(0, geometry))[-1]
    what, unit = key.split("_", 1)
    size_a, size_b = size_entries(in_a, geometry)[key], size_entries(in_b, geometry)[key]
    return {
        f"{what}_a_{unit}": size_a,
        f"{what}_b_{unit}": size_b,
        f"{what}_difference_{unit}": size_b - size_a,
        f"{what}_difference_percent": 100 * _ratio(in_b - in_a, in_a),
    }


def _centre_distance(a: Mask, b: Mask, geometry: Geometry) -> float:
    if not a.any() or not b.any():
        return float("inf")
    offset = np.argwhere(a).mean(axis=0) - np.argwhere(b).mean(axis=0)
    return float(np.linalg.norm(geometry.matrix @ offset))


def _note(in_a: int, in_b: int) -> str:
    missing = [name for name, voxels in (("a", in_a), ("b", in_b)) if voxels == 0]
    return f"not in {' nor '.join(missing)}" if missing else ""


def _ratio(part_: float, whole: float) -> float:
    return part_ / whole if whole else float("nan")
