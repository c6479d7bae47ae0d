"""The shape of a region by its marching-cubes mesh, its axes and the bodies around it."""

from __future__ import annotations

import numpy as np

from napari_medai.core.geometry import FloatArray, Geometry
from napari_medai.measure.cells import surface_and_volume
from napari_medai.measure.radiomics.enclosing import (
    box_densities,
    ellipsoid_area,
    hull_sizes,
    least_ellipsoid,
)
from napari_medai.measure.radiomics.roi import Roi, crop_to
from napari_medai.measure.radiomics.spatial import geary_c_moran_i
from napari_medai.measure.shape import longest_distance, outline_candidates


def morphology(roi: Roi) -> dict[str, float]:
    """Compute the 29 features of shape; lengths in mm.

    The mesh, the axes and the bodies around the region follow the region as drawn; the intensity-weighted
    features follow the intensity mask. A region of one slice or less than a body has NaN where a feature
    needs a volume around its voxel centres.

    References
    ----------
    Image Biomarker Standardisation Initiative, reference manual, section 3.1, arXiv:1612.07003.
    """
    box = crop_to(roi.shape_mask, (0, 0, 0))
    padded = np.pad(roi.shape_mask[box], 1)
    grid = Geometry.from_spacing(padded.shape, roi.spacing)
    area, volume = surface_and_volume(padded, grid)
    outline = outline_candidates(padded, grid)
    centres = np.argwhere(roi.shape_mask) * np.array(roi.spacing)
    axes = _axes(centres)
    return {
        "morph_volume": volume,
        "morph_vol_approx": len(centres) * grid.voxel_volume,
        **_roundness(area, volume),
        "morph_com": _centre_shift(roi, centres),
        "morph_diam": longest_distance(outline),
        **_axis_features(axes),
        **_densities(outline, axes, area, volume),
        "morph_integ_int": float(roi.values.mean()) * volume,
        **geary_c_moran_i(roi),
    }


def _roundness(area: float, volume: float) -> dict[str, float]:
    sphericity = (36 * np.pi * volume**2) ** (1 / 3) / area
    return {
        "morph_area_mesh": area,
        "morph_av": area / volume,
        "morph_comp_1": volume / np.sqrt(np.pi * area**3),
        "morph_comp_2": 36 * np.pi * volume**2 / area**3,
        "morph_sph_dispr": 1 / sphericity,
        "morph_sphericity": sphericity,
        "morph_asphericity": 1 / sphericity - 1,
    }


def _centre_shift(roi: Roi, centres: FloatArray) -> float:
    """Return the distance of the region's centre from the centre of its intensities."""
    total = roi.values.sum()
    if total == 0:
        return float("nan")
    weighted = (np.argwhere(roi.intensity_mask) * roi.spacing * roi.values[:, None]).sum(axis=0) / total
    return float(np.linalg.norm(centres.mean(axis=0) - weighted))


def _axes(centres: FloatArray) -> FloatArray:
    """Return the variance along the three main axes, largest first."""
    offset = centres - centres.mean(axis=0)
    spread = np.linalg.eigvalsh(offset.T @ offset / max(len(centres) - 1, 1))[::-1]
    return np.where(spread > 1e-12 * max(spread[0], 1e-300), spread, 0.0)


def _axis_features(axes: FloatArray) -> dict[str, float]:
    major, minor, least = 4 * np.sqrt(axes)
    return {
        "morph_pca_maj_axis": float(major),
        "morph_pca_min_axis": float(minor),
        "morph_pca_least_axis": float(least),
        "morph_pca_elongation": float(minor / major) if major > 0 else 1.0,
        "morph_pca_flatness": float(least / major) if major > 0 else 1.0,
    }


def _densities(outline: FloatArray, axes: FloatArray, area: float, volume: float) -> dict[str, float]:
    """Compare the mesh with the bodies around it."""
    hull, hull_area, hull_volume = hull_sizes(outline)
    half = 2 * np.sqrt(axes)
    around = least_ellipsoid(hull)
    bodies = {
        **box_densities(outline, hull),
        "aee": (4 / 3 * np.pi * half.prod(), ellipsoid_area(half)),
        "mvee": (4 / 3 * np.pi * around.prod(), ellipsoid_area(around)),
        "conv_hull": (hull_volume, hull_area),
    }
    result = {}
    for name, (body_volume, body_area) in bodies.items():
        result[f"morph_vol_dens_{name}"] = float(volume / body_volume) if body_volume > 0 else float("nan")
        result[f"morph_area_dens_{name}"] = float(area / body_area) if body_volume > 0 else float("nan")
    return result
