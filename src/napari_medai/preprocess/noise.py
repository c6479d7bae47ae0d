"""The noise level of an image: measured, and asked for by filters that need it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from napari_medai.core.image import MedicalImage
from napari_medai.core.noise import estimate_sigma
from napari_medai.core.operation import IntensityImage, operation
from napari_medai.core.progress import Progress, silent, track
from napari_medai.preprocess.arrays import FloatVolume, Volume
from napari_medai.preprocess.check import require_contrast, require_finite, require_grey
from napari_medai.preprocess.normalize import otsu_of

if TYPE_CHECKING:
    from pandas import DataFrame

Distribution: TypeAlias = Literal["auto", "gaussian", "rician"]


@operation(group="preprocess", title="Noise level")
def estimate_noise(image: IntensityImage, *, progress: Progress = silent) -> DataFrame:
    """Estimate the standard deviation of the noise of each volume.

    Parameters
    ----------
    image : MedicalImage
        Any axes but colour; each time point and channel on its own.
    progress : Progress
        Hears one report a volume.

    Returns
    -------
    pandas.DataFrame
        Columns volume (its number), sigma (in the image's intensities) and percent_of_range (of the
        0.1st to 99.9th percentile).

    Raises
    ------
    ArgumentError
        If a volume is constant or values are not finite.

    References
    ----------
    Donoho and Johnstone 1994, Ideal spatial adaptation by wavelet shrinkage, doi 10.1093/biomet/81.3.425.
    """
    from pandas import DataFrame

    require_grey(image, "estimate_noise")
    require_finite(image, "estimate_noise")
    volumes = np.asarray(image.array).reshape(-1, *image.spatial_shape)
    rows = []
    for k, volume in enumerate(track(list(volumes), progress, "Measuring noise")):
        sigma = noise_of(volume, "estimate_noise")
        low, high = np.percentile(volume, (0.1, 99.9))
        share = 100 * sigma / float(high - low) if high > low else np.nan
        rows.append({"volume": k, "sigma": sigma, "percent_of_range": share})
    return DataFrame(rows)


def noise_of(volume: Volume, operation: str) -> float:
    """Return the noise within the bright part of a volume.

    Raises
    ------
    ArgumentError
        If the volume is constant.
    """
    require_contrast(volume, operation)
    return estimate_sigma(volume, volume > otsu_of(volume), volume.ndim)


def is_rician(image: MedicalImage, distribution: Distribution) -> bool:
    """Tell whether the noise is that of a magnitude image; by default if the modality is MR."""
    return distribution == "rician" or (distribution == "auto" and image.meta.get("modality") == "MR")


def without_rician_bias(volume: FloatVolume, sigma: float) -> FloatVolume:
    """Undo the brightening of dark voxels by magnitude noise: the mean of its square is A^2 + 2 sigma^2.

    After smoothing, the squared mean of a bright voxel lies one sigma^2 below its mean square, so one
    sigma^2 is taken away; where there is no signal, the result is about 0.76 sigma, not 0.
    """
    return np.asarray(np.sqrt(np.maximum(volume * volume - np.float32(sigma**2), 0)))
