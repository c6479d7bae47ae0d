"""Operations that put MR intensities, which have no unit, on a common scale."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from annotated_types import Interval
from pydantic import BeforeValidator

from napari_medai.core.errors import ArgumentError
from napari_medai.core.image import MedicalImage
from napari_medai.core.operation import Advanced, IntensityImage, LabelsImage, operation
from napari_medai.core.progress import Progress, silent, track
from napari_medai.preprocess.arrays import Volume, as_float, map_channels, new_meta
from napari_medai.preprocess.check import mask_array, require_contrast, require_finite, require_grey
from napari_medai.preprocess.normalize import otsu_of

if TYPE_CHECKING:
    from pandas import DataFrame

PERCENTS = (1.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 99.0)


def _load_scale(value: Any) -> Any:
    """Read a scale from a table, or from the CSV file that ``fit_nyul`` was saved to."""
    if isinstance(value, str | Path):
        if not str(value).strip():
            return ()
        from pandas import read_csv

        try:
            value = read_csv(value)
        except (OSError, ValueError) as error:
            raise ValueError(f"a CSV file with the columns percent and value ({error})") from error
    if hasattr(value, "columns"):
        if not {"percent", "value"} <= set(value.columns):
            raise ValueError("a table with the columns percent and value")
        return tuple(zip(value["percent"].tolist(), value["value"].tolist(), strict=True))
    return value


Scale = Annotated[tuple[tuple[float, float], ...], BeforeValidator(_load_scale)]


@operation(group="preprocess", title="Fit a common intensity scale (Nyul)")
def fit_nyul(
    images: Sequence[IntensityImage],
    *,
    low: float = 0.0,
    high: float = 100.0,
    progress: Progress = silent,
) -> DataFrame:
    """Learn where the percentiles of a set of images lie on a common scale, for ``normalize_nyul``.

    Parameters
    ----------
    images : sequence of MedicalImage
        Of one modality and body part; what lies above each one's Otsu threshold is looked at.
    low, high : float
        Where the 1st and 99th percentile lie on the scale.
    progress : Progress
        Hears one report an image.

    Returns
    -------
    pandas.DataFrame
        Columns percent and value. Saved as CSV, it can be given to ``normalize_nyul``.

    Raises
    ------
    ArgumentError
        If an image is constant or not finite, or there is none.

    References
    ----------
    Nyul, Udupa and Zhang 2000, New variants of a method of MRI scale standardization,
    doi 10.1109/42.836373.
    """
    from pandas import DataFrame

    if not images:
        raise ArgumentError("fit_nyul: found no image; needed one or more.")
    found = []
    for image in track(list(images), progress, "Fitting"):
        _check(image, "fit_nyul")
        marks = _percentiles(_foreground(np.asarray(image.array), "fit_nyul"), PERCENTS)
        require_contrast(marks[[0, -1]], "fit_nyul")
        found.append(low + (marks - marks[0]) / (marks[-1] - marks[0]) * (high - low))
    return DataFrame({"percent": PERCENTS, "value": np.mean(found, axis=0)})


@operation(group="preprocess", title="Normalise: common scale (Nyul)")
def normalize_nyul(
    image: IntensityImage,
    mask: LabelsImage | None = None,
    *,
    scale: Scale = (),
    progress: Progress = silent,
) -> MedicalImage:
    """Map intensities piece by piece so that their percentiles lie where those of a fitted set do.

    Parameters
    ----------
    image : MedicalImage
        MR of the modality the scale was fitted on; each channel on its own.
    mask : MedicalImage, optional
        Labels on the same grid; percentiles are taken where they are not zero. By default above the Otsu
        threshold.
    scale : table, path or sequence of (percent, value)
        What ``fit_nyul`` returned, or the CSV file it was saved to. Without it the 1st and 99th
        percentile become 0 and 100.
    progress : Progress
        Hears one report a channel.

    Returns
    -------
    MedicalImage
        float32.

    Raises
    ------
    ArgumentError
        If the image is constant or not finite, or the scale does not rise.
    GeometryError
        If the mask lies on another grid.

    References
    ----------
    Nyul, Udupa and Zhang 2000, New variants of a method of MRI scale standardization,
    doi 10.1109/42.836373.
    """
    _check(image, "normalize_nyul")
    inside = mask_array(image, mask, "normalize_nyul")
    marks = np.array(scale or ((1.0, 0.0), (99.0, 100.0)))
    if len(marks) < 2 or np.any(np.diff(marks, axis=0) <= 0):
        raise ArgumentError("normalize_nyul: found a scale whose percents or values do not rise.")

    def one(values: Volume) -> Volume:
        seen = _foreground(values, "normalize_nyul") if inside is None else _within(values, inside)
        return _piecewise(values, _percentiles(seen, marks[:, 0]), marks[:, 1])

    array = map_channels(image, one, progress, "Normalising")
    return image.with_array(as_float(array), meta=new_meta(image, "window"))


@operation(group="preprocess", title="Normalise: WhiteStripe")
def normalize_whitestripe(
    image: IntensityImage,
    mask: LabelsImage | None = None,
    *,
    contrast: Literal["T1", "T2", "FLAIR"] = "T1",
    width: Annotated[float, Interval(gt=0, lt=0.5), Advanced()] = 0.05,
    progress: Progress = silent,
) -> MedicalImage:
    """Set normal white matter to mean 0 and standard deviation 1 (WhiteStripe).

    Parameters
    ----------
    image : MedicalImage
        MR of a brain, best with the skull stripped; each channel on its own.
    mask : MedicalImage, optional
        Labels of the brain on the same grid. By default above the Otsu threshold, which is right only
        for a stripped brain.
    contrast : {"T1", "T2", "FLAIR"}
        White matter is the brightest peak of the histogram in T1, the highest one in T2 and FLAIR.
    width : float
        Half width of the stripe around the peak, as a share of the voxels.
    progress : Progress
        Hears one report a channel.

    Returns
    -------
    MedicalImage
        float32.

    Raises
    ------
    ArgumentError
        If the image is constant or not finite.
    GeometryError
        If the mask lies on another grid.

    References
    ----------
    Shinohara et al. 2014, Statistical normalization techniques for magnetic resonance imaging,
    doi 10.1016/j.nicl.2014.08.008.
    """
    _check(image, "normalize_whitestripe")
    inside = mask_array(image, mask, "normalize_whitestripe")

    def one(values: Volume) -> Volume:
        seen = _foreground(values, "normalize_whitestripe") if inside is None else _within(values, inside)
        require_contrast(seen, "normalize_whitestripe")
        place = float(np.mean(seen <= _white_matter(seen, contrast)))
        low, high = np.quantile(seen, np.clip([place - width, place + width], 0, 1))
        stripe = seen[(seen >= low) & (seen <= high)]
        require_contrast(stripe, "normalize_whitestripe")
        return as_float((values - stripe.mean()) / stripe.std())

    array = map_channels(image, one, progress, "WhiteStripe")
    return image.with_array(array, meta=new_meta(image, "window"))


def _white_matter(seen: Volume, contrast: str) -> float:
    """Return the intensity of white matter: a peak of the smoothed histogram."""
    from scipy import ndimage, signal

    low, high = np.percentile(seen, (0.1, 99.9))
    counts, edges = np.histogram(seen, bins=400, range=(float(low), float(high)))
    smooth = ndimage.gaussian_filter1d(counts.astype(float), 8)
    centres = (edges[:-1] + edges[1:]) / 2
    peaks, _ = signal.find_peaks(np.pad(smooth, 1), prominence=0.05 * smooth.max())
    if contrast == "T1" and len(peaks):
        return float(centres[peaks[-1] - 1])
    return float(centres[int(np.argmax(smooth))])


def _piecewise(values: Volume, found: Volume, wanted: Volume) -> Volume:
    """Map ``found`` to ``wanted``; the first and last piece go on beyond the ends."""
    kept = np.append(np.diff(found) > 0, True)
    found, wanted = found[kept], wanted[kept]
    require_contrast(found, "normalize_nyul")
    piece = np.clip(np.searchsorted(found, values) - 1, 0, len(found) - 2)
    slope = np.diff(wanted) / np.diff(found)
    return as_float(wanted[piece] + (values - found[piece]) * slope[piece])


def _percentiles(seen: Volume, percents: Any) -> Volume:
    return np.asarray(np.percentile(seen, percents))


def _foreground(values: Volume, operation: str) -> Volume:
    require_contrast(values, operation)
    return values[values > otsu_of(values)]


def _within(values: Volume, inside: Volume) -> Volume:
    return np.asarray(values[np.broadcast_to(inside, values.shape)])


def _check(image: MedicalImage, operation: str) -> None:
    require_grey(image, operation)
    require_finite(image, operation)
