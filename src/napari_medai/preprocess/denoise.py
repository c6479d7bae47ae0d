"""Operations that remove noise and keep edges."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from annotated_types import Ge, Interval

from napari_medai.core.image import MedicalImage
from napari_medai.core.operation import Advanced, IntensityImage, operation
from napari_medai.core.progress import Progress, part, silent
from napari_medai.preprocess.arrays import Volume, as_float
from napari_medai.preprocess.background import in_background
from napari_medai.preprocess.blockwise import denoise_blocks
from napari_medai.preprocess.check import require_finite, require_grey
from napari_medai.preprocess.noise import Distribution, is_rician, noise_of, without_rician_bias
from napari_medai.preprocess.slabs import filter_slabs, map_with_progress
from napari_medai.preprocess.wavelet import shrink_details

Sigma = Annotated[float, Ge(0)]


@operation(group="preprocess", title="Denoise: block transform")
def denoise_blockwise(
    image: IntensityImage,
    *,
    sigma: Sigma = 0.0,
    noise: Distribution = "auto",
    progress: Progress = silent,
) -> MedicalImage:
    """Remove noise by thresholding the cosine transform of all overlapping blocks; the best in general.

    Parameters
    ----------
    image : MedicalImage
        Not colour; each volume on its own.
    sigma : float
        Standard deviation of the noise in the image's intensities; 0 estimates it for each volume.
    noise : {"auto", "gaussian", "rician"}
        "rician" also undoes the brightening of dark voxels in magnitude images; "auto" does so for MR.
    progress : Progress
        Hears one report a slab.

    Returns
    -------
    MedicalImage
        float32.

    Raises
    ------
    ArgumentError
        If a volume is constant and its noise is to be estimated, or values are not finite.

    References
    ----------
    Guleryuz 2007, Weighted averaging for denoising with overcomplete dictionaries,
    doi 10.1109/TIP.2007.908078.
    Manjon et al. 2012, New methods for MRI denoising based on sparseness and self-similarity,
    doi 10.1016/j.media.2011.04.003.

    Examples
    --------
    >>> from napari_medai import Geometry
    >>> noisy = np.random.default_rng(0).normal(50, 5, (32, 32)) + 50 * (np.arange(32) > 16)
    >>> image = MedicalImage(noisy, "yx", Geometry.from_spacing((32, 32)))
    >>> bool(denoise_blockwise(image).array[:, :14].std() < 2)
    True
    """
    _check(image, "denoise_blockwise")
    rician = is_rician(image, noise)

    def one(volume: Volume, report: Progress) -> Volume:
        level = sigma or _noise(volume, report, "denoise_blockwise")
        if level == 0:
            return as_float(volume)
        clean = denoise_blocks(as_float(volume), level, report)
        return without_rician_bias(clean, level) if rician else clean

    return image.with_array(map_with_progress(image, one, progress, "Removing noise"))


@operation(group="preprocess", title="Denoise: non-local means")
def denoise_nonlocal(
    image: IntensityImage,
    *,
    sigma: Sigma = 0.0,
    strength: Annotated[float, Interval(gt=0, le=5)] = 0.8,
    patch: Annotated[int, Interval(ge=3, le=9), Advanced()] = 3,
    search: Annotated[int, Interval(ge=1, le=11), Advanced()] = 2,
    noise: Distribution = "auto",
    progress: Progress = silent,
) -> MedicalImage:
    """Average voxels whose surroundings look alike (non-local means).

    Parameters
    ----------
    image : MedicalImage
        Not colour; each volume on its own.
    sigma : float
        Standard deviation of the noise in the image's intensities; 0 estimates it for each volume.
    strength : float
        How unlike patches may be, in units of the noise.
    patch : int
        Side of the compared patches, in voxels.
    search : int
        How far alike patches are sought, in voxels.
    noise : {"auto", "gaussian", "rician"}
        "rician" also undoes the brightening of dark voxels in magnitude images; "auto" does so for MR.
    progress : Progress
        Hears one report a slab.

    Returns
    -------
    MedicalImage
        float32.

    Raises
    ------
    ArgumentError
        If a volume is constant and its noise is to be estimated, or values are not finite.

    References
    ----------
    Buades et al. 2005, A non-local algorithm for image denoising, doi 10.1109/CVPR.2005.38.
    """
    from skimage.restoration import denoise_nl_means

    _check(image, "denoise_nonlocal")
    rician = is_rician(image, noise)

    def one(volume: Volume, report: Progress) -> Volume:
        level = sigma or _noise(volume, report, "denoise_nonlocal")

        def clean(slab: Volume) -> Volume:
            options = {"patch_size": patch, "patch_distance": search, "fast_mode": True}
            return np.asarray(denoise_nl_means(slab, h=strength * level, sigma=level, **options))

        smooth = filter_slabs(
            as_float(volume), clean, patch + search, progress=report, slab_voxels=_slab(search)
        )
        return without_rician_bias(as_float(smooth), level) if rician else as_float(smooth)

    return image.with_array(map_with_progress(image, one, progress, "Non-local means"))


@operation(group="preprocess", title="Denoise: wavelets")
def denoise_wavelet(
    image: IntensityImage,
    *,
    sigma: Sigma = 0.0,
    levels: Annotated[int, Interval(ge=1, le=6)] = 3,
    threshold: Annotated[float, Interval(gt=0, le=10), Advanced()] = 3.0,
    noise: Distribution = "auto",
    progress: Progress = silent,
) -> MedicalImage:
    """Remove the small details of a redundant wavelet transform.

    Parameters
    ----------
    image : MedicalImage
        Not colour; each volume on its own.
    sigma : float
        Standard deviation of the noise in the image's intensities; 0 estimates it for each volume.
    levels : int
        How many scales of detail are cleaned, each twice as coarse as the one before.
    threshold : float
        Details below this many standard deviations of their noise go.
    noise : {"auto", "gaussian", "rician"}
        "rician" also undoes the brightening of dark voxels in magnitude images; "auto" does so for MR.
    progress : Progress
        Hears one report a scale and axis.

    Returns
    -------
    MedicalImage
        float32.

    Raises
    ------
    ArgumentError
        If a volume is constant and its noise is to be estimated, or values are not finite.

    References
    ----------
    Starck et al. 2007, The undecimated wavelet decomposition and its reconstruction,
    doi 10.1109/TIP.2006.887733.
    """
    _check(image, "denoise_wavelet")
    rician = is_rician(image, noise)

    def one(volume: Volume, report: Progress) -> Volume:
        level = sigma or _noise(volume, report, "denoise_wavelet")
        smooth = shrink_details(as_float(volume), level, levels, threshold, report)
        return without_rician_bias(smooth, level) if rician else smooth

    return image.with_array(map_with_progress(image, one, progress, "Wavelets"))


def _noise(volume: Volume, progress: Progress, operation: str) -> float:
    return in_background(lambda: noise_of(volume, operation), part(progress, 0, 0, "Measuring noise"))


def _check(image: MedicalImage, operation: str) -> None:
    require_grey(image, operation)
    require_finite(image, operation)


def _slab(search: int) -> int:
    """Voxels that non-local means filters in about half a second."""
    return max(20_000, int(4e7 / (2 * search + 1) ** 3))
