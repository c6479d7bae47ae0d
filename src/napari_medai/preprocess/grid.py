"""An image brought onto another grid, with the interpolation its kind allows."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np

from napari_medai.core.errors import ArgumentError
from napari_medai.core.geometry import FloatArray, Geometry
from napari_medai.core.image import MedicalImage
from napari_medai.core.progress import Progress, part, silent, track
from napari_medai.core.sampling import sample_volume
from napari_medai.preprocess.arrays import Volume, like_input, smallest_labels
from napari_medai.preprocess.itk import from_itk, to_itk
from napari_medai.preprocess.shapes import resample_shapes
from napari_medai.preprocess.slabs import filter_slabs, map_with_progress

Resampling: TypeAlias = Literal["auto", "nearest", "linear", "cubic", "sinc", "label"]

MAX_VOXELS = 2_000_000_000
_ITK_SLAB_VOXELS = 1_000_000


def resample_image(
    image: MedicalImage,
    target: Geometry,
    interpolation: Resampling,
    *,
    antialias: bool = True,
    outside: float = 0.0,
    progress: Progress = silent,
) -> MedicalImage:
    """Look an image up at the voxels of another grid.

    Parameters
    ----------
    image : MedicalImage
        Any axes and kind.
    target : Geometry
        Where its values are wanted; any grid, sheared and oblique ones too.
    interpolation : str
        See :func:`napari_medai.preprocess.resample_to`.
    antialias : bool
        Smooth intensities before they are thinned out.
    outside : float
        The value where the image does not reach.
    progress : Progress
        Hears one report a slab.

    Raises
    ------
    ArgumentError
        If the interpolation does not suit the kind of image, or the result would be too large.
    """
    method = _method(image, interpolation)
    _check_size(target)
    smooth = antialias and method in ("linear", "cubic", "sinc")

    def one(volume: Volume, report: Progress) -> Volume:
        if smooth:
            volume = _antialias(volume, image.geometry, target, part(report, 0, 0.3))
            report = part(report, 0.3, 1)
        return _sample(volume, image.geometry, target, method, outside, report)

    array = map_with_progress(image, one, progress, "Resampling")
    result = array if method in ("nearest", "label") else like_input(array, image)
    return image.with_array(smallest_labels(result) if image.kind == "labels" else result, geometry=target)


def _method(image: MedicalImage, interpolation: Resampling) -> Resampling:
    if interpolation == "auto":
        return "nearest" if image.kind == "labels" else "linear"
    if image.kind == "labels" and interpolation not in ("nearest", "label"):
        raise ArgumentError(
            f"Found a labels image and {interpolation} interpolation, which would mix label numbers.",
            hint="Choose auto, nearest or label.",
        )
    if image.kind == "intensity" and interpolation == "label":
        raise ArgumentError(
            "Found an intensity image and label interpolation, which is for whole numbers that name things.",
            hint="Choose auto, linear, cubic or sinc.",
        )
    return interpolation


def _check_size(target: Geometry) -> None:
    count = float(np.prod([float(n) for n in target.shape]))
    if count > MAX_VOXELS:
        raise ArgumentError(
            f"The result would hold {count:.3g} voxels; at most {MAX_VOXELS:.3g} are made at once.",
            hint="Choose a larger spacing, or crop first.",
        )


def _index_map(source: Geometry, target: Geometry) -> FloatArray:
    """Affine from target indices to source indices."""
    return np.asarray(np.linalg.inv(source.affine) @ target.affine)


def _antialias(volume: Volume, source: Geometry, target: Geometry, progress: Progress) -> Volume:
    """Smooth along each axis by what the coarser grid cannot hold: sigma = 0.5 sqrt(zoom^2 - 1) voxels."""
    from scipy import ndimage

    zoom = np.linalg.norm(_index_map(source, target)[:-1, :-1], axis=1)
    sigma = 0.5 * np.sqrt(np.clip(zoom**2 - 1, 0, None))
    if sigma.max() < 1e-3:
        return volume
    halo = int(4 * sigma[0] + 0.5)
    values = np.asarray(volume, dtype=np.float32)
    return filter_slabs(
        values,
        lambda v: ndimage.gaussian_filter(v, sigma, mode="nearest"),
        halo,
        progress=progress,
        message="Smoothing before thinning out",
    )


def _sample(
    volume: Volume,
    source: Geometry,
    target: Geometry,
    method: Resampling,
    outside: float,
    progress: Progress,
) -> Volume:
    if method == "nearest" or method == "linear" or method == "cubic":
        return sample_volume(volume, source, target, interpolation=method, outside=outside, progress=progress)
    sample_volume(volume[:1, :1], _corner(source), _corner(target))  # the same checks of the pair
    if method == "label":
        return resample_shapes(volume, source, target, progress)
    return _sample_sinc(volume, source, target, outside, progress)


def _corner(geometry: Geometry) -> Geometry:
    return geometry.cropped([0] * geometry.ndim, [1] * geometry.ndim)


def _sample_sinc(
    volume: Volume, source: Geometry, target: Geometry, outside: float, progress: Progress
) -> Volume:
    """Look up in index space, where SimpleITK handles any affine, slab by slab."""
    moving = to_itk(np.asarray(volume, dtype=np.float32))
    matrix = _index_map(source, target)
    step = max(1, _ITK_SLAB_VOXELS // max(1, int(np.prod(target.shape[1:]))))
    slabs = [(start, min(start + step, target.shape[0])) for start in range(0, target.shape[0], step)]
    parts = [
        from_itk(_sinc_slab(moving, matrix, target.shape, slab, outside))
        for slab in track(slabs, progress, "Resampling")
    ]
    return np.concatenate(parts)


def _sinc_slab(
    moving: Any, matrix: FloatArray, shape: tuple[int, ...], slab: tuple[int, int], outside: float
) -> Any:
    import SimpleITK as sitk

    ndim = len(shape)
    offset = matrix[:-1, -1] + matrix[:-1, 0] * slab[0]
    transform = sitk.AffineTransform(ndim)
    transform.SetMatrix(matrix[:-1, :-1][::-1, ::-1].ravel().tolist())
    transform.SetTranslation(offset[::-1].tolist())
    size = [*reversed(shape[1:]), slab[1] - slab[0]]
    zero, one = [0.0] * ndim, [1.0] * ndim
    identity = np.eye(ndim).ravel().tolist()
    kind = sitk.sitkLanczosWindowedSinc
    return sitk.Resample(moving, size, transform, kind, zero, one, identity, outside, sitk.sitkFloat32)
