"""What a voxel looks like at several scales: the numbers by which strokes are learnt."""

from __future__ import annotations

from collections.abc import Sequence
from weakref import WeakKeyDictionary

import numpy as np

from napari_medai.core.geometry import FloatArray
from napari_medai.core.image import MedicalImage
from napari_medai.core.progress import Progress, Step
from napari_medai.preprocess.arrays import FloatVolume, as_float

_KEPT: WeakKeyDictionary[MedicalImage, tuple[tuple[float, ...], FloatVolume]] = WeakKeyDictionary()


def pixel_features(image: MedicalImage, scales_mm: Sequence[float], progress: Progress) -> FloatVolume:
    """Return the features (N, F) of every voxel; kept for the image, so that the next stroke is quick.

    For each channel: the intensity, and at each scale the Gaussian, the length of the gradient, the
    Laplacian and the length of the Hessian, scaled so that one number means the same at every scale.
    All derivatives are per millimetre.

    Parameters
    ----------
    image : MedicalImage
        2-D or 3-D; channels or colours together, no time axis.
    scales_mm : sequence of float
        Standard deviations of the Gaussians.
    progress : Progress
        Hears one report a filter.
    """
    scales = tuple(float(s) for s in scales_mm)
    kept = _KEPT.get(image)
    if kept is not None and kept[0] == scales:
        progress(Step(1, 1, "Features"))
        return kept[1]
    planes = channels_of(image)
    total = len(planes) * (1 + len(scales))
    done = 0
    columns: list[FloatVolume] = []
    for plane in planes:
        columns.append(plane.ravel())
        for scale in scales:
            progress(Step(done, total, "Features"))
            columns += [
                f.ravel() for f in _at_scale(plane, image.geometry.spacing, scale, progress, done, total)
            ]
            done += 1
        done += 1
    features = np.stack(columns, axis=1)
    _KEPT[image] = (scales, features)
    return features


def channels_of(image: MedicalImage) -> list[FloatVolume]:
    """Return each channel or colour as a volume of its own."""
    array = as_float(np.asarray(image.array))
    if image.is_rgb:
        return [np.ascontiguousarray(array[..., k]) for k in range(3)]
    return list(array) if "c" in image.axes else [array]


def _at_scale(
    plane: FloatVolume, spacing: FloatArray, scale: float, progress: Progress, done: int, total: int
) -> list[FloatVolume]:
    from scipy import ndimage

    smooth = ndimage.gaussian_filter(plane, scale / spacing, mode="nearest", truncate=3.0)
    slopes = []
    for axis, step in enumerate(spacing):
        progress(Step(done + 0.5, total, "Features"))
        slopes.append(_slope(smooth, axis, step))
    length = np.zeros_like(plane)
    laplacian = np.zeros_like(plane)
    bending = np.zeros_like(plane)
    for i, slope in enumerate(slopes):
        length += slope * slope
        for j in range(i, len(spacing)):
            progress(Step(done + 0.8, total, "Features"))
            second = _slope(slope, j, spacing[j])
            if i == j:
                laplacian += second
            bending += second * second * np.float32(1 if i == j else 2)
    size = np.float32(scale)
    return [smooth, np.sqrt(length) * size, laplacian * size**2, np.sqrt(bending) * size**2]


def _slope(values: FloatVolume, axis: int, step: float) -> FloatVolume:
    if values.shape[axis] < 2:
        return np.zeros_like(values)
    return as_float(np.gradient(values, np.float32(step), axis=axis))
