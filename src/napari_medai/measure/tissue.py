"""How much of a region is air, lung, fat, soft tissue, bone, by its HU."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medai.core.errors import ArgumentError
from napari_medai.core.operation import IntensityImage, LabelsImage, operation
from napari_medai.core.progress import Progress, silent, track
from napari_medai.measure.labelling import label_name, members, named_labels, single_volume
from napari_medai.measure.units import size_entries

if TYPE_CHECKING:
    from pandas import DataFrame

CLASSES = ("air", "lung", "fat", "soft_tissue", "bone")


@operation(group="measure", title="HU classes")
def measure_hu_classes(
    image: IntensityImage,
    labels: LabelsImage,
    *,
    edges_hu: tuple[float, float, float, float] = (-950.0, -190.0, -30.0, 150.0),
    progress: Progress = silent,
) -> DataFrame:
    """Sort the voxels of every region into five classes by their HU.

    Parameters
    ----------
    image : MedicalImage
        CT in HU, one volume.
    labels : MedicalImage
        The regions, on the image's grid.
    edges_hu : tuple of float
        Where air ends and lung, fat, soft tissue and bone begin; a class holds its lower edge.
    progress : Progress
        Hears one report a region.

    Returns
    -------
    pandas.DataFrame
        One row a label: for each class its size (``fat_ml``, ...) and share of the region's voxels that
        have a number (``fat_percent``, ...), and ``non_finite``, the voxels that have none.

    Raises
    ------
    GeometryError
        If the labels lie on another grid than the image.
    ArgumentError
        If the edges do not ascend.

    References
    ----------
    Gevenois et al., Am J Respir Crit Care Med 154:187-192, 1996 (-950 HU, emphysema). Yoshizumi et al.,
    Radiology 211:283-286, 1999 (-190 to -30 HU, fat).
    """
    from pandas import DataFrame

    if not all(np.diff(edges_hu) > 0):
        raise ArgumentError(f"Found edges {edges_hu}; needed four that ascend.")
    image.require_same_grid(labels, "labels image")
    values = np.ascontiguousarray(single_volume(image, "image")).reshape(-1)
    found = members(single_volume(labels, "labels image"))
    positions = {int(label): k for k, label in enumerate(found.labels)}
    rows: list[dict[str, Any]] = []
    for label in track(sorted(positions.keys() | named_labels(labels)), progress, "Sorting HU"):
        inside = values[found.of(positions[label])] if label in positions else values[:0]
        finite = inside[np.isfinite(inside)]
        counts = np.bincount(np.digitize(finite, edges_hu), minlength=len(CLASSES))
        row: dict[str, Any] = {"label": label, "name": label_name(labels, label), "voxels": len(inside)}
        for name, count in zip(CLASSES, counts.tolist(), strict=True):
            key, size = list(size_entries(count, labels.geometry).items())[-1]
            row[f"{name}_{key.split('_')[-1]}"] = size
            row[f"{name}_percent"] = 100 * count / len(finite) if len(finite) else float("nan")
        rows.append({**row, "non_finite": len(inside) - len(finite)})
    return DataFrame(rows, columns=None if rows else ["label", "name", "voxels"])
