"""Radiomics of every labelled region, as a table with the settings beside the values."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from annotated_types import Gt, Interval
from numpy.typing import NDArray

from napari_medai.core.errors import ArgumentError
from napari_medai.core.geometry import Geometry
from napari_medai.core.image import MedicalImage
from napari_medai.core.operation import Advanced, IntensityImage, LabelsImage, When, operation
from napari_medai.core.progress import Progress, Step, silent
from napari_medai.measure.labelling import label_name, named_labels, present_labels, single_volume
from napari_medai.measure.radiomics.discretise import Discretisation
from napari_medai.measure.radiomics.families import (
    TEXTURE,
    Aggregation,
    Family,
    catalogue,
    family_features,
    grey_levels,
)
from napari_medai.measure.radiomics.prepare import prepare
from napari_medai.measure.radiomics.roi import Mask
from napari_medai.measure.radiomics.settings import CONFIGURATIONS, Configuration, Settings

if TYPE_CHECKING:
    from pandas import DataFrame

FAMILIES: tuple[Family, ...] = get_args(Family)
Layout = Literal["long", "wide"]


@operation(group="measure", title="Radiomics")
def measure_radiomics(
    image: IntensityImage,
    labels: LabelsImage,
    *,
    families: tuple[Family, ...] = FAMILIES,
    discretisation: Discretisation = "fixed_number",
    bins: Annotated[float, Gt(0), When("discretisation", ("fixed_size", "fixed_number"))] = 32.0,
    spacing_mm: Annotated[float, Interval(gt=0, le=50)] | None = None,
    interpolation: Literal["linear", "cubic"] = "linear",
    round_intensities: bool = False,
    lowest: float | None = None,
    highest: float | None = None,
    outlier_sd: Annotated[float, Gt(0)] | None = None,
    by_slice: bool = False,
    aggregation: Aggregation = "all",
    ivh_discretisation: Annotated[Discretisation, Advanced()] = "none",
    ivh_bins: Annotated[
        float, Gt(0), Advanced(), When("ivh_discretisation", ("fixed_size", "fixed_number"))
    ] = 1000.0,
    layout: Layout = "long",
    progress: Progress = silent,
) -> DataFrame:
    """Compute the features of the image biomarker standard (IBSI-1) for every labelled region.

    Values depend on the settings as much as on the image: they stand beside the values in the table.
    A region whose features cannot be computed (no voxel left in the range, NaN inside) gets NaN and a
    ``note`` that says why; a label without voxels likewise. Feature by feature, NaN means undefined
    (Moran's I of one voxel, co-occurrence without neighbours). A region of one intensity has skewness
    and kurtosis 0, correlation 1, coarseness 1e6, as the standard asks.

    Parameters
    ----------
    image : MedicalImage
        The intensities, one volume.
    labels : MedicalImage
        The regions, on the image's grid.
    families : tuple of str
        Which families of features.
    discretisation : {"fixed_size", "fixed_number", "none"}
        How intensities become grey levels: bins of one width (for calibrated units, HU or SUV), a number
        of bins (for arbitrary units), or not at all (they are levels from 1 already).
    bins : float
        Width of the bins, or their number.
    spacing_mm : float, optional
        Resample to voxels of this size first; in the slice only with ``by_slice``.
    interpolation : {"linear", "cubic"}
        How intensities are interpolated then.
    round_intensities : bool
        Round to whole numbers after that, as for HU.
    lowest, highest : float, optional
        Leave out intensities beyond; with bins of one width the first bin begins at ``lowest``.
    outlier_sd : float, optional
        Leave out intensities further than so many standard deviations from the region's mean.
    by_slice : bool
        Compute texture within slices along the first spatial axis, not in space.
    aggregation : {"all", "averaged", "merged"}
        Average the features of texture matrices, merge the matrices first, or both.
    ivh_discretisation : {"fixed_size", "fixed_number", "none"}
        Bins of the intensity-volume histogram; none for whole numbers, else 1000 bins.
    ivh_bins : float
        Width of its bins, or their number.
    layout : {"long", "wide"}
        One row a feature, or one row a region with a column a feature.
    progress : Progress
        Hears one report a family of a region.

    Returns
    -------
    pandas.DataFrame
        Long: ``label``, ``name``, ``family``, ``feature``, ``aggregation``, ``tag``, ``value``, ``note``,
        ``settings``. Wide: ``label``, ``name``, one column a tag, ``note``, ``settings``.

    Raises
    ------
    GeometryError
        If the labels lie on another grid than the image.
    ArgumentError
        If the image has time or channel axes, is 2-D, has no known voxel size, or a sheared grid.

    References
    ----------
    Zwanenburg et al., Radiology 295(2):328-338, 2020; reference manual arXiv:1612.07003.

    Examples
    --------
    >>> import numpy as np
    >>> grid = Geometry.from_spacing((6, 6, 6), (2, 1, 1))
    >>> values = np.arange(216.0).reshape(6, 6, 6)
    >>> regions = np.zeros((6, 6, 6), np.uint8)
    >>> regions[1:5, 1:5, 1:5] = 1
    >>> image, labels = MedicalImage(values, "zyx", grid), MedicalImage(regions, "zyx", grid, "labels")
    >>> table = measure_radiomics(image, labels, families=("statistics",))
    >>> float(table.set_index("tag").value["stat_mean"])
    107.5
    """
    settings = Settings(
        by_slice, spacing_mm, interpolation, round_intensities, lowest, highest, outlier_sd,
        discretisation, bins, ivh_discretisation, ivh_bins,
    )  # fmt: skip
    return _table(image, labels, settings, families, aggregation, layout, progress)


@operation(group="measure", title="Radiomics, standard configuration")
def measure_radiomics_ibsi(
    image: IntensityImage,
    labels: LabelsImage,
    *,
    configuration: Configuration = "C",
    families: tuple[Family, ...] = FAMILIES,
    layout: Layout = "long",
    progress: Progress = silent,
) -> DataFrame:
    """Compute radiomics of CT in one of the five configurations of the image biomarker standard.

    A: within slices, as acquired, -500 to 400 HU, bins of 25 HU. B: within slices of 2 mm pixels, -500 to
    400 HU, 32 bins. C: in space, voxels of 2 mm, -1000 to 400 HU, bins of 25 HU. D: in space, voxels of
    2 mm, outliers beyond 3 standard deviations left out, 32 bins. E: as D with cubic interpolation and
    -1000 to 400 HU.

    Parameters
    ----------
    image : MedicalImage
        The intensities in HU, one volume.
    labels : MedicalImage
        The regions, on the image's grid.
    configuration : {"A", "B", "C", "D", "E"}
        Which configuration.
    families : tuple of str
        Which families of features.
    layout : {"long", "wide"}
        One row a feature, or one row a region with a column a feature.
    progress : Progress
        Hears one report a family of a region.

    Returns
    -------
    pandas.DataFrame
        As :func:`measure_radiomics` gives it.

    Raises
    ------
    GeometryError
        If the labels lie on another grid than the image.
    ArgumentError
        If the image has time or channel axes, is 2-D, has no known voxel size, or a sheared grid.

    References
    ----------
    Zwanenburg et al., Radiology 295(2):328-338, 2020; reference manual arXiv:1612.07003, chapter 5.
    """
    return _table(image, labels, CONFIGURATIONS[configuration], families, "all", layout, progress)


def _table(
    image: MedicalImage,
    labels: MedicalImage,
    settings: Settings,
    families: tuple[Family, ...],
    aggregation: Aggregation,
    layout: Layout,
    progress: Progress,
) -> DataFrame:
    from pandas import DataFrame

    _check(image, labels)
    values, regions = single_volume(image, "image"), single_volume(labels, "labels image")
    wanted = sorted(set(present_labels(regions).tolist()) | named_labels(labels))
    steps = _Counter(progress, len(wanted) * len(families))
    said = json.dumps(settings.to_json())
    rows: list[dict[str, Any]] = []
    for label in wanted:
        found, note = _features(
            values, regions == label, image.geometry, settings, families, aggregation, steps
        )
        head = {"label": label, "name": label_name(labels, label)}
        tail = {"note": note, "settings": said}
        if layout == "wide":
            rows.append({**head, **found, **tail})
        else:
            rows += [{**head, **_described(tag), "value": v, **tail} for tag, v in found.items()]
            rows += [] if found else [{**head, "value": float("nan"), **tail}]
    steps.finish()
    return DataFrame(rows, columns=None if rows else ["label", "name", "note", "settings"])


def _features(
    values: NDArray[Any],
    mask: Mask,
    geometry: Geometry,
    settings: Settings,
    families: tuple[Family, ...],
    aggregation: Aggregation,
    steps: _Counter,
) -> tuple[dict[str, float], str]:
    """Compute the features of one region, or say why there are none."""
    if not mask.any():
        return {}, "no voxels"
    result: dict[str, float] = {}
    z, y, x = geometry.spacing.tolist()
    try:
        roi = prepare(values, mask, (z, y, x), settings)
        levels = grey_levels(roi, settings) if TEXTURE.intersection(families) else None
        for family in families:
            steps.step()
            result |= family_features(roi, family, settings, aggregation, levels)
    except ArgumentError as error:
        return {}, error.message
    return result, ""


class _Counter:
    """Reports one step at a time of a known number."""

    def __init__(self, progress: Progress, total: int) -> None:
        self.progress, self.total, self.done = progress, total, 0

    def step(self) -> None:
        self.progress(Step(self.done, self.total, "Computing radiomics"))
        self.done += 1

    def finish(self) -> None:
        self.progress(Step(self.total, self.total, "Computing radiomics"))


def _described(tag: str) -> dict[str, str]:
    entry = catalogue()[tag]
    return {
        "family": entry.family,
        "feature": entry.feature,
        "aggregation": entry.aggregation,
        "tag": tag,
    }


def _check(image: MedicalImage, labels: MedicalImage) -> None:
    image.require_same_grid(labels, "labels image")
    geometry = image.geometry
    if geometry.ndim != 3:
        raise ArgumentError(
            "Found a 2-D image; radiomics here needs a volume.", hint="Give the volume the slice comes from."
        )
    if geometry.unit != "mm":
        raise ArgumentError(
            "The image's voxel size is unknown; radiomics needs millimetres.",
            hint="Set the spacing of the image first.",
        )
    if geometry.shear_deg > 0.1:
        raise ArgumentError(
            f"The image's axes are {90 - geometry.shear_deg:.1f} degrees apart, not 90.",
            hint="Resample it to a box grid first.",
        )
