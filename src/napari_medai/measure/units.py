"""Column names and values of sizes, with the unit they are in."""

from __future__ import annotations

from napari_medai.core.geometry import Geometry


def size_entries(voxels: int, geometry: Geometry) -> dict[str, float]:
    """Return the size of so many voxels under names that carry the unit.

    Parameters
    ----------
    voxels : int
        Number of voxels.
    geometry : Geometry
        The grid.

    Returns
    -------
    dict
        ``volume_mm3`` and ``volume_ml``; in 2-D ``area_mm2``; ``volume_pixel3`` or ``area_pixel2`` where
        nobody said how large a voxel is.
    """
    size = voxels * geometry.voxel_volume
    if geometry.ndim == 2:
        return {f"area_{geometry.unit}2": size}
    if geometry.unit == "pixel":
        return {"volume_pixel3": size}
    return {"volume_mm3": size, "volume_ml": size / 1000}


def surface_name(geometry: Geometry) -> str:
    """Return the column that holds the size of a region's border."""
    return f"perimeter_{geometry.unit}" if geometry.ndim == 2 else f"surface_{geometry.unit}2"


def world_axes(geometry: Geometry) -> str:
    """Return the letters of the world axes in the order of world points."""
    return "xyz"[: geometry.ndim]


def array_axes(geometry: Geometry) -> str:
    """Return the letters of the array's spatial axes in their order."""
    return "zyx"[-geometry.ndim :]
