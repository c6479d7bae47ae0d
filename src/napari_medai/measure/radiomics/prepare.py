"""From an image and a drawn region to a region ready for radiomics: resampled, rounded, resegmented."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.errors import ArgumentError
from napari_medai.core.geometry import FloatArray
from napari_medai.measure.radiomics.local import RADIUS_MM
from napari_medai.measure.radiomics.roi import Mask, Roi, crop_to
from napari_medai.measure.radiomics.settings import Settings

_SPLINE_REACH = 16
"""A voxel this far away changes a cubic spline by less than one part in a thousand million."""


def prepare(
    intensities: NDArray[Any], mask: Mask, spacing: tuple[float, float, float], settings: Settings
) -> Roi:
    """Make a region ready.

    Parameters
    ----------
    intensities : (z, y, x) array
        The image.
    mask : (z, y, x) bool array
        The region; not empty.
    spacing : tuple of float
        Voxel size along z, y, x in mm.
    settings : Settings
        What to do.

    Returns
    -------
    Roi
        Cropped to the region and what local intensity needs around it.

    Raises
    ------
    ArgumentError
        If intensities near the region are NaN or infinite, or nothing of the region is left.

    References
    ----------
    Image Biomarker Standardisation Initiative, reference manual, chapter 2, arXiv:1612.07003.
    """
    target = _target_spacing(spacing, settings)
    margin = tuple(int(np.ceil(RADIUS_MM / s)) + _SPLINE_REACH for s in spacing)
    box = crop_to(mask, margin)
    values, inside = intensities[box].astype(np.float64), mask[box]
    _check_finite(values, inside, resampled=target != spacing)
    if target != spacing:
        values, inside = _resampled(values, inside, box, intensities.shape, spacing, target, settings)
    if not inside.any():
        raise ArgumentError(
            "Nothing of the region is left on the new grid.", hint="Choose a smaller voxel size."
        )
    if settings.round_intensities:
        values = np.rint(values)
    counted = inside & _in_range(values, values[inside], settings)
    if not counted.any():
        raise ArgumentError("No voxel's intensity is in the range.", hint="Widen the range of intensities.")
    return Roi(values, inside, counted, target)


def _target_spacing(spacing: tuple[float, float, float], settings: Settings) -> tuple[float, float, float]:
    if settings.spacing_mm is None:
        return spacing
    step = settings.spacing_mm
    return (spacing[0] if settings.by_slice else step, step, step)


def _check_finite(values: FloatArray, inside: Mask, *, resampled: bool) -> None:
    """Refuse what is no number: inside the region always, and around it where it would be smeared in."""
    bad = ~np.isfinite(values)
    count = int(np.count_nonzero(bad if resampled else bad & inside))
    if count:
        raise ArgumentError(
            f"Found {count} voxels in or around the region that are NaN or infinite.",
            hint="Replace them, or leave them out of the region.",
        )


def _in_range(values: FloatArray, region: FloatArray, settings: Settings) -> Mask:
    """Tell which intensities count; range and outliers are judged on the whole region each."""
    counted = np.isfinite(values)
    if settings.lowest is not None:
        counted &= values >= settings.lowest
    if settings.highest is not None:
        counted &= values <= settings.highest
    if settings.outlier_sd is not None:
        reach = settings.outlier_sd * region.std()
        counted &= np.abs(values - region.mean()) <= reach
    return np.asarray(counted)


def _resampled(
    values: FloatArray,
    inside: Mask,
    box: tuple[slice, ...],
    shape: tuple[int, ...],
    spacing: tuple[float, float, float],
    target: tuple[float, float, float],
    settings: Settings,
) -> tuple[FloatArray, Mask]:
    """Interpolate a box of the image on a grid over the whole image whose centre is the image's."""
    from scipy import ndimage

    ratio = np.array(target) / spacing
    old = np.array(shape)
    new = np.ceil(old / ratio - 1e-9).astype(int)
    origin = ((old - 1) - (new - 1) * ratio) / 2
    start = np.array([s.start for s in box])
    stop = np.array([s.stop for s in box])
    first = np.maximum(np.ceil((start - origin) / ratio - 1e-9), 0).astype(int)
    last = np.minimum(np.floor((stop - 1 - origin) / ratio + 1e-9), new - 1).astype(int)
    # at the image's own rim the new grid may reach half a voxel beyond the last centre
    first = np.where(start == 0, 0, first)
    last = np.where(stop == old, new - 1, last)
    size = tuple((last - first + 1).tolist())
    offset = origin + first * ratio - start
    order = 3 if settings.interpolation == "cubic" else 1
    common = {"offset": offset, "output_shape": size, "mode": "nearest"}
    image = ndimage.affine_transform(values, ratio, order=order, **common)
    share = ndimage.affine_transform(inside.astype(np.float64), ratio, order=1, **common)
    return np.asarray(image), np.asarray(share >= 0.5 - 1e-6)
