"""How strong the signal is beside the noise, with the method named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from napari_medai.core.errors import ArgumentError
from napari_medai.core.image import MedicalImage
from napari_medai.core.noise import estimate_sigma
from napari_medai.core.operation import IntensityImage, LabelsImage, operation
from napari_medai.core.progress import Progress, silent, track
from napari_medai.explore.table import Values, channels, region

if TYPE_CHECKING:
    from pandas import DataFrame

RAYLEIGH = float(np.sqrt(2 - np.pi / 2))
"""Standard deviation of a magnitude image where there is no signal, in units of the noise in each part."""


@operation(group="explore", title="Signal to noise ratio")
def estimate_snr(
    image: IntensityImage,
    signal: LabelsImage | None = None,
    background: LabelsImage | None = None,
    *,
    noise: Literal["gaussian", "magnitude"] = "gaussian",
    progress: Progress = silent,
) -> DataFrame:
    """Estimate the signal to noise ratio of each channel.

    Parameters
    ----------
    image : MedicalImage
        Each channel or colour on its own, all time points together.
    signal : MedicalImage, optional
        Labels on the same grid; the signal is the mean where they are not zero. By default above the
        Otsu threshold.
    background : MedicalImage, optional
        Labels on the same grid; the noise is the standard deviation where they are not zero. By default
        it is estimated within the signal from the finest wavelet detail (median absolute deviation).
    noise : {"gaussian", "magnitude"}
        What the background holds: plain noise (CT), or the magnitude of noise alone (air in MR), whose
        deviation is divided by 0.655.
    progress : Progress
        Hears one report a channel.

    Returns
    -------
    pandas.DataFrame
        Columns channel, signal, noise, snr, snr_db (20 log10), signal_method and noise_method.

    Raises
    ------
    ArgumentError
        If the image is constant or not finite, or the background holds one value only.
    GeometryError
        If a region lies on another grid.

    References
    ----------
    Donoho and Johnstone 1994, Ideal spatial adaptation by wavelet shrinkage, doi 10.1093/biomet/81.3.425.
    Gudbjartsson and Patz 1995, The Rician distribution of noisy MRI data, doi 10.1002/mrm.1910340618.

    Examples
    --------
    >>> from napari_medai import Geometry
    >>> noisy = 50 + np.random.default_rng(0).normal(0, 5, (64, 64)) + 50 * (np.arange(64) > 20)
    >>> image = MedicalImage(noisy, "yx", Geometry.from_spacing((64, 64)))
    >>> bool(18 < estimate_snr(image)["snr"][0] < 22)
    True
    """
    from pandas import DataFrame

    inside = region(image, signal, "estimate_snr", "signal region")
    outside = region(image, background, "estimate_snr", "background region")
    found = list(channels(image))
    rows = [
        {"channel": name, **_row(values, image, inside, outside, noise)}
        for name, values in track(found, progress, "Measuring")
    ]
    return DataFrame(rows)


def _row(
    values: Values, image: MedicalImage, inside: Values | None, outside: Values | None, noise: str
) -> dict[str, object]:
    values = np.asarray(values, dtype=np.float64)
    if not np.isfinite(values).all():
        raise ArgumentError("estimate_snr: found values that are not finite.", hint="Use replace_invalid.")
    if values.min() == values.max():
        raise ArgumentError(f"estimate_snr: found the value {values.min():g} in every voxel.")
    chosen = _foreground(values) if inside is None else np.broadcast_to(inside, values.shape)
    level = float(values[chosen].mean())
    spread, method = _noise(values, chosen, outside, noise, image.spatial_ndim)
    if spread == 0:
        raise ArgumentError(
            "estimate_snr: found no noise at all: the region holds one value only.",
            hint="Choose a background region with the scanner's own noise, not one filled in later.",
        )
    return {
        "signal": level,
        "noise": spread,
        "snr": level / spread,
        "snr_db": float(20 * np.log10(abs(level) / spread)) if level else -np.inf,
        "signal_method": "mean above Otsu's threshold" if inside is None else "mean of the region",
        "noise_method": method,
    }


def _noise(
    values: Values, chosen: Values, outside: Values | None, noise: str, ndim: int
) -> tuple[float, str]:
    if outside is None:
        return estimate_sigma(values, chosen, ndim), "median absolute deviation of the finest wavelet detail"
    spread = float(values[np.broadcast_to(outside, values.shape)].std())
    if noise == "magnitude":
        return spread / RAYLEIGH, "standard deviation of the region / 0.655 (magnitude of noise)"
    return spread, "standard deviation of the region"


def _foreground(values: Values) -> Values:
    from skimage.filters import threshold_otsu

    return np.asarray(values > threshold_otsu(values, 1024))
