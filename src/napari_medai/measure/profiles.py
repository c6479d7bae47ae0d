"""The intensities of a region slice by slice, or time point by time point."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medai.core.errors import ArgumentError
from napari_medai.core.operation import IntensityImage, LabelsImage, operation
from napari_medai.core.progress import Progress, silent, track
from napari_medai.measure.intensities import intensity_entries
from napari_medai.measure.labelling import label_name, present_labels, single_volume
from napari_medai.measure.regions import measure_regions

if TYPE_CHECKING:
    from pandas import DataFrame


@operation(group="measure", title="Profile over slices")
def profile_slices(image: IntensityImage, labels: LabelsImage, *, progress: Progress = silent) -> DataFrame:
    """Measure every region slice by slice along the image's first spatial axis.

    Parameters
    ----------
    image : MedicalImage
        The intensities, one volume of slices.
    labels : MedicalImage
        The regions, on the image's grid.
    progress : Progress
        Hears one report a slice.

    Returns
    -------
    pandas.DataFrame
        One row a label and slice that holds some of it: ``slice``, ``position_mm`` (along the axis, from
        the first slice), ``voxels``, ``area_mm2``, ``mean``, ``sd``, ``min``, ``max``, ``median``,
        ``sum``, ``non_finite``.

    Raises
    ------
    GeometryError
        If the labels lie on another grid than the image.
    ArgumentError
        If the image has no slices, or time or channel axes.
    """
    from pandas import DataFrame

    image.require_same_grid(labels, "labels image")
    geometry = image.geometry
    if geometry.ndim != 3:
        raise ArgumentError("Found a 2-D image; needed slices.", hint="Use measure_regions for one slice.")
    values, regions = single_volume(image, "image"), single_volume(labels, "labels image")
    unit, area = geometry.unit, float(np.linalg.norm(np.cross(geometry.matrix[:, 1], geometry.matrix[:, 2])))
    rows: list[dict[str, Any]] = []
    for number in track(range(len(values)), progress, "Measuring slices"):
        for label in present_labels(regions[number]).tolist():
            inside = values[number][regions[number] == label]
            rows.append({
                "label": label, "name": label_name(labels, label), "slice": number,
                f"position_{unit}": number * float(geometry.spacing[0]), "voxels": len(inside),
                f"area_{unit}2": len(inside) * area, **intensity_entries(inside, ()),
            })  # fmt: skip
    table = DataFrame(rows, columns=None if rows else ["label", "name", "slice"])
    return table.sort_values(["label", "slice"], ignore_index=True)


@operation(group="measure", title="Curves over time")
def profile_time(image: IntensityImage, labels: LabelsImage, *, progress: Progress = silent) -> DataFrame:
    """Follow the intensities of every region through time.

    Parameters
    ----------
    image : MedicalImage
        The intensities; one time point where there is no time axis.
    labels : MedicalImage
        The regions, on the image's grid, still or moving with time.
    progress : Progress
        Hears one report a region and time point.

    Returns
    -------
    pandas.DataFrame
        One row a label and time point (and channel): ``time``, ``time_s`` where the image knows its time
        step, ``voxels``, ``mean``, ``sd``, ``min``, ``max``, ``median``.

    Raises
    ------
    GeometryError
        If the labels lie on another grid than the image.
    """
    table = measure_regions(image, labels, shape=False, percentiles=(), progress=progress)
    if "time" not in table:
        table.insert(0, "time", 0)
    step = image.meta.get("time_step_s")
    if step is not None:
        table.insert(1, "time_s", table["time"] * float(step))
    kept = ["channel", "label", "name", "time", "time_s", "voxels", "mean", "sd", "min", "max", "median"]
    table = table[[c for c in kept if c in table]]
    return table.sort_values([c for c in ("channel", "label", "time") if c in table], ignore_index=True)
