"""Operations that find and weigh scar in late-enhancement images of the heart muscle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from annotated_types import Gt, Interval

from napari_medai.core.errors import ArgumentError
from napari_medai.core.image import MedicalImage
from napari_medai.core.operation import Advanced, IntensityImage, LabelsImage, When, operation
from napari_medai.core.progress import Progress, Step, silent, track
from napari_medai.preprocess.arrays import Volume, as_float, labels_image
from napari_medai.preprocess.check import (
    BoolArray,
    mask_array,
    require_contrast,
    require_finite,
    require_grey,
)
from napari_medai.segment.components import sorted_components
from napari_medai.segment.seeds import require_one_volume

if TYPE_CHECKING:
    from pandas import DataFrame

SWEEP = (2.0, 3.0, 4.0, 5.0, 6.0)


@operation(group="segment", title="Cardiac scar")
def segment_scar(
    image: IntensityImage,
    myocardium: LabelsImage,
    remote: LabelsImage | None = None,
    *,
    method: Literal["fwhm", "deviations"] = "fwhm",
    deviations: Annotated[float, Interval(ge=1, le=10), When("method", ("deviations",))] = 5.0,
    min_size_mm3: Annotated[float, Interval(ge=0), Advanced()] = 0.0,
    progress: Progress = silent,
) -> MedicalImage:
    """Find scar in the heart muscle by its brightness after contrast agent.

    Parameters
    ----------
    image : MedicalImage
        Late-enhancement MR, without time or channels.
    myocardium : MedicalImage
        Labels of the muscle on the same grid.
    remote : MedicalImage, optional
        Labels of healthy muscle far from the scar. By default its mean and spread are those of the
        darker mode of the muscle's intensities.
    method : {"fwhm", "deviations"}
        Brighter than half way between remote muscle and the brightest scar (full width at half
        maximum), or than the remote mean by a number of standard deviations.
    deviations : float
        That number, customarily 2 to 6.
    min_size_mm3 : float
        Smaller specks are left out.
    progress : Progress
        Hears one report.

    Returns
    -------
    MedicalImage
        Labels: 1 healthy muscle, 2 scar. ``meta["scar"]`` has the threshold; ``measure_scar`` gives mass
        and share.

    Raises
    ------
    ArgumentError
        If the muscle or the remote region is empty or of one intensity, or values are not finite.
    GeometryError
        If they lie on another grid.

    References
    ----------
    Amado et al. 2004, Accurate and objective infarct sizing, doi 10.1016/j.jacc.2004.09.020.
    Flett et al. 2011, Evaluation of techniques for the quantification of myocardial scar,
    doi 10.1016/j.jcmg.2010.11.015.
    """
    progress(Step(0, 1, "Finding scar"))
    volume, muscle, mean, spread = _prepared(image, myocardium, remote, "segment_scar")
    threshold = _threshold(volume[muscle], mean, spread, method, deviations)
    scar = muscle & (volume > threshold)
    if min_size_mm3:
        scar = sorted_components(scar, "corners", min_size_mm3 / image.geometry.voxel_volume) > 0
    array = muscle.astype(np.uint8) + scar
    facts = {"method": method, "threshold": threshold, "remote_mean": mean, "remote_deviation": spread}
    return labels_image(image, array, {1: "myocardium", 2: "scar"}, scar=facts)


@operation(group="segment", title="Cardiac scar: mass and share")
def measure_scar(
    scar: LabelsImage,
    *,
    density_g_per_ml: Annotated[float, Gt(0), Advanced()] = 1.05,
    progress: Progress = silent,
) -> DataFrame:
    """Weigh the scar and the muscle.

    Parameters
    ----------
    scar : MedicalImage
        Labels as ``segment_scar`` gives them: 1 healthy muscle, 2 scar; voxels in mm.
    density_g_per_ml : float
        Of heart muscle.
    progress : Progress
        Hears one report.

    Returns
    -------
    pandas.DataFrame
        One row: myocardium_ml, scar_ml, myocardium_g, scar_g, scar_percent.

    Raises
    ------
    ArgumentError
        If nothing is labelled, the image is 2-D or its voxel size is not known.
    """
    from pandas import DataFrame

    progress(Step(0, 1, "Weighing"))
    if scar.geometry.unit != "mm" or scar.spatial_ndim != 3:
        raise ArgumentError(
            "measure_scar: found an image without a volume in mm; needed one to tell mass.",
            hint="Set the spacing of the image first.",
        )
    array = np.asarray(scar.array)
    return DataFrame([_row(array > 0, array == 2, scar.geometry.voxel_volume, density_g_per_ml)])


@operation(group="segment", title="Cardiac scar: all thresholds")
def sweep_scar(
    image: IntensityImage,
    myocardium: LabelsImage,
    remote: LabelsImage | None = None,
    *,
    density_g_per_ml: Annotated[float, Gt(0), Advanced()] = 1.05,
    progress: Progress = silent,
) -> DataFrame:
    """Measure scar by full width at half maximum and by 2 to 6 standard deviations, side by side.

    Parameters
    ----------
    image : MedicalImage
        Late-enhancement MR, without time or channels.
    myocardium : MedicalImage
        Labels of the muscle on the same grid.
    remote : MedicalImage, optional
        Labels of healthy muscle far from the scar; found by itself without it.
    density_g_per_ml : float
        Of heart muscle.
    progress : Progress
        Hears one report a threshold.

    Returns
    -------
    pandas.DataFrame
        One row a method: method, threshold, myocardium_ml, scar_ml, myocardium_g, scar_g, scar_percent.

    Raises
    ------
    ArgumentError
        As ``segment_scar``.
    GeometryError
        If image and labels lie on different grids.
    """
    from pandas import DataFrame

    volume, muscle, mean, spread = _prepared(image, myocardium, remote, "sweep_scar")
    rows = []
    for deviations in track([0.0, *SWEEP], progress, "Measuring scar"):
        method = "deviations" if deviations else "fwhm"
        threshold = _threshold(volume[muscle], mean, spread, method, deviations)
        name = f"{deviations:g} SD" if deviations else "FWHM"
        scar = muscle & (volume > threshold)
        row = _row(muscle, scar, image.geometry.voxel_volume, density_g_per_ml)
        rows.append({"method": name, "threshold": threshold, **row})
    return DataFrame(rows)


def _prepared(
    image: MedicalImage, myocardium: MedicalImage, remote: MedicalImage | None, operation: str
) -> tuple[Volume, BoolArray, float, float]:
    require_grey(image, operation)
    require_one_volume(image, operation)
    require_finite(image, operation)
    muscle = mask_array(image, myocardium, operation)
    assert muscle is not None  # a label was given
    volume = as_float(np.asarray(image.array))
    require_contrast(volume[muscle], operation)
    healthy = mask_array(image, remote, operation)
    if healthy is None:
        mean, spread = _darker_mode(volume[muscle])
    else:
        seen = volume[healthy & muscle] if (healthy & muscle).any() else volume[healthy]
        mean, spread = float(seen.mean()), float(seen.std())
    if spread == 0:
        raise ArgumentError(f"{operation}: found remote muscle of one intensity only; paint a larger region.")
    return volume, muscle, mean, spread


def _threshold(seen: Volume, mean: float, spread: float, method: str, deviations: float) -> float:
    if method == "deviations":
        return mean + deviations * spread
    # The brightest per cent stands for the maximum, which a single noisy voxel would be otherwise.
    brightest = float(seen[seen >= np.percentile(seen, 99)].mean())
    return mean + (brightest - mean) / 2


def _darker_mode(seen: Volume) -> tuple[float, float]:
    """Return mode and spread of the healthy part: the spread is that of the values below the mode."""
    from skimage.filters import threshold_otsu

    low = seen[seen <= threshold_otsu(seen, 256)]
    middle = float(np.median(low))
    for _ in range(20):
        spread = float(np.sqrt(np.mean((seen[seen < middle] - middle) ** 2)))
        moved = float(seen[np.abs(seen - middle) <= 1.5 * spread].mean())
        if abs(moved - middle) < 1e-3 * spread:
            break
        middle = moved
    return middle, spread


def _row(muscle: BoolArray, scar: BoolArray, voxel_mm3: float, density: float) -> dict[str, float]:
    whole, part = np.count_nonzero(muscle) * voxel_mm3 / 1000, np.count_nonzero(scar) * voxel_mm3 / 1000
    if whole == 0:
        raise ArgumentError("measure_scar: found no labelled muscle.")
    return {
        "myocardium_ml": whole,
        "scar_ml": part,
        "myocardium_g": whole * density,
        "scar_g": part * density,
        "scar_percent": 100 * part / whole,
    }
