"""Size, place, shape and intensities of every labelled region, one row a label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.errors import ArgumentError
from napari_medai.core.geometry import Geometry
from napari_medai.core.image import MedicalImage
from napari_medai.core.operation import IntensityImage, LabelsImage, operation
from napari_medai.core.progress import Progress, part, silent, track
from napari_medai.measure.intensities import Percentiles, intensity_entries
from napari_medai.measure.labelling import IntArray, label_name, members, named_labels, volumes
from napari_medai.measure.shape import shape_entries
from napari_medai.measure.units import array_axes, size_entries, world_axes

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True)
class Region:
    """One labelled region: its size, place and shape as a table row, and its voxels as flat indices."""

    entries: dict[str, Any]
    voxels: IntArray


@operation(group="measure", title="Measure regions")
def measure_regions(
    image: IntensityImage,
    labels: LabelsImage,
    *,
    percentiles: Percentiles = (5.0, 25.0, 75.0, 95.0),
    shape: bool = True,
    progress: Progress = silent,
) -> DataFrame:
    """Measure size, place, shape and intensities of every labelled region.

    A label that ``meta["labels"]`` names but no voxel carries gets a row with 0 voxels and nothing else.
    Voxels that are NaN or infinite count towards the size, are counted under ``non_finite``, and are left
    out of the intensity statistics. Parts of a region that do not touch are measured as one region, and
    ``parts`` says how many there are.

    Parameters
    ----------
    image : MedicalImage
        The intensities. Time points, channels and colours each get their own rows.
    labels : MedicalImage
        The regions, on the image's grid; 0 is the background. Labels without a time or channel axis
        hold for every time point and channel.
    percentiles : tuple of float
        Which percentiles of the intensities to give, 0 to 100 each.
    shape : bool
        Also give surface, sphericity, number of parts and longest diameter, which takes longer.
    progress : Progress
        Hears one report a region.

    Returns
    -------
    pandas.DataFrame
        One row a label (and time point, channel): ``label``, ``name``, ``voxels``, ``volume_mm3`` and
        ``volume_ml`` (2-D: ``area_mm2``; unknown voxel size: ``volume_pixel3``, ``area_pixel2``),
        ``centroid_x_mm`` ... in world LPS, ``bbox_z_min`` and ``bbox_z_max`` ... as first and last index
        along the array axes, with ``shape``: ``surface_mm2``, ``sphericity`` (2-D: ``perimeter_mm``,
        ``circularity``), ``parts``, ``longest_diameter_mm``, and ``mean``, ``sd`` (population), ``min``,
        ``max``, ``median``, ``p5`` ..., ``sum``, ``non_finite``.

    Raises
    ------
    GeometryError
        If the labels lie on another grid than the image.
    ArgumentError
        If the labels have a time or channel axis that does not match the image's.

    Examples
    --------
    >>> grid = Geometry.from_spacing((4, 4, 4), (5, 1, 1))
    >>> regions = np.zeros((4, 4, 4), np.uint8)
    >>> regions[1:3, 1:3, 1:3] = 1
    >>> image = MedicalImage(np.ones((4, 4, 4), np.float32), "zyx", grid)
    >>> table = measure_regions(image, MedicalImage(regions, "zyx", grid, "labels"))
    >>> round(float(table.volume_mm3[0]), 6)
    40.0
    """
    from pandas import DataFrame

    image.require_same_grid(labels, "labels image")
    _check_places(image, labels)
    by_place = _regions_by_place(labels, shape, part(progress, 0.0, 0.7, "Measuring regions"))
    rows = []
    finish = part(progress, 0.7, 1.0, "Measuring intensities")
    for place, volume in track(list(volumes(image)), finish):
        found = next(regions for where, regions in by_place if where.items() <= place.items())
        values = np.ascontiguousarray(volume).reshape(-1)
        rows += [{**place, **r.entries, **_intensities(values, r, percentiles)} for r in found]
    table = DataFrame(rows, columns=None if rows else ["label", "name", "voxels"])
    whole = ("bbox_", "parts", "non_finite", "voxels")
    table = table.astype({c: "Int64" for c in table.columns if c.startswith(whole)})
    table.attrs["napari_medai"] = {"unit": labels.geometry.unit, "frame": "LPS"}
    return table


def _check_places(image: MedicalImage, labels: MedicalImage) -> None:
    sizes = dict(zip(image.axes, image.array.shape, strict=True))
    for axis, size in zip(labels.axes, labels.array.shape, strict=True):
        if sizes.get(axis) != size:
            raise ArgumentError(
                f"The labels have axes {labels.axes!r} of sizes {labels.array.shape}, "
                f"the image {image.axes!r} of sizes {image.array.shape}.",
                hint="Give labels without a time or channel axis, or with the image's own.",
            )


def _regions_by_place(
    labels: MedicalImage, shape: bool, progress: Progress
) -> list[tuple[dict[str, int], list[Region]]]:
    places = list(volumes(labels))
    result = []
    for number, (place, volume) in enumerate(places):
        stretch = part(progress, number / len(places), (number + 1) / len(places))
        result.append((place, _regions(volume, labels, shape, stretch)))
    return result


def _regions(volume: NDArray[Any], labels: MedicalImage, shape: bool, progress: Progress) -> list[Region]:
    sorted_voxels = members(volume)
    found = {int(label): sorted_voxels.of(k) for k, label in enumerate(sorted_voxels.labels)}
    nothing = np.zeros(0, dtype=np.int64)
    regions = []
    for label in track(sorted(found.keys() | named_labels(labels)), progress):
        voxels = found.get(label, nothing)
        entries: dict[str, Any] = {"label": label, "name": label_name(labels, label), "voxels": len(voxels)}
        entries |= size_entries(len(voxels), labels.geometry)
        entries |= _place_entries(voxels, labels.geometry)
        if shape and len(voxels):
            box = tuple(
                slice(entries[f"bbox_{a}_min"], entries[f"bbox_{a}_max"] + 1)
                for a in array_axes(labels.geometry)
            )
            entries |= shape_entries(volume[box] == label, labels.geometry)
        regions.append(Region(entries, voxels))
    return regions


def _place_entries(voxels: IntArray, geometry: Geometry) -> dict[str, Any]:
    """Return the centre in the world and the first and last index along each array axis."""
    if len(voxels) == 0:
        return {}
    indices = np.unravel_index(voxels, geometry.shape)
    centre = geometry.index_to_world([float(i.mean()) for i in indices])
    unit = geometry.unit
    entries: dict[str, Any] = {
        f"centroid_{axis}_{unit}": float(c) for axis, c in zip(world_axes(geometry), centre, strict=True)
    }
    for axis, index in zip(array_axes(geometry), indices, strict=True):
        entries |= {f"bbox_{axis}_min": int(index.min()), f"bbox_{axis}_max": int(index.max())}
    return entries


def _intensities(values: NDArray[Any], region: Region, percentiles: tuple[float, ...]) -> dict[str, float]:
    return intensity_entries(values[region.voxels], percentiles) if len(region.voxels) else {}
