"""Every family of radiomics features of one prepared region, and the names of the features."""

from __future__ import annotations

import csv
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from napari_medai.measure.radiomics import emphasis, glcm, glrlm, neighbourhood, zones
from napari_medai.measure.radiomics.discretise import discretise, levels_of
from napari_medai.measure.radiomics.ivh import ivh_features
from napari_medai.measure.radiomics.local import local_intensity
from napari_medai.measure.radiomics.matrices import directional, undirected
from napari_medai.measure.radiomics.morphology import morphology
from napari_medai.measure.radiomics.roi import Levels, Roi
from napari_medai.measure.radiomics.settings import Settings
from napari_medai.measure.radiomics.statistics import histogram_features, intensity_statistics

Family: TypeAlias = Literal[
    "morphology",
    "local",
    "statistics",
    "histogram",
    "ivh",
    "glcm",
    "glrlm",
    "glszm",
    "gldzm",
    "ngtdm",
    "ngldm",
]
Aggregation: TypeAlias = Literal["all", "averaged", "merged"]

TEXTURE = frozenset(("glcm", "glrlm", "glszm", "gldzm", "ngtdm", "ngldm"))


class Reference(NamedTuple):
    """One feature of the standard, with its value on the digital phantom."""

    tag: str
    family: str
    feature: str
    aggregation: str
    value: float | None
    tolerance: float


def family_features(
    roi: Roi,
    family: Family,
    settings: Settings,
    aggregation: Aggregation = "all",
    levels: Levels | None = None,
) -> dict[str, float]:
    """Compute one family.

    Parameters
    ----------
    roi : Roi
        The prepared region.
    family : str
        Which family.
    settings : Settings
        Bins, and whether to work within slices.
    aggregation : {"all", "averaged", "merged"}
        Which ways to bring matrices together: average their features, merge them first, or both.
    levels : Levels, optional
        The region's grey levels, where they are known already.

    Returns
    -------
    dict
        Values by the standard's tag.
    """
    if family in TEXTURE:
        return _texture(levels or grey_levels(roi, settings), family, settings.by_slice, aggregation)
    return _PLAIN[family](roi, settings)


def grey_levels(roi: Roi, settings: Settings) -> Levels:
    """Return the grey levels of a region."""
    return levels_of(roi, settings.discretisation, settings.bins, settings.lowest)


@cache
def catalogue() -> dict[str, Reference]:
    """Return every feature of the standard by tag, with its reference value on the digital phantom.

    A value is missing where the standard names a feature but has no agreed value.

    References
    ----------
    Zwanenburg et al., "The Image Biomarker Standardization Initiative: standardized quantitative
    radiomics for high-throughput image-based phenotyping", Radiology 295(2):328-338, 2020.
    """
    text = files("napari_medai.measure.radiomics").joinpath("ibsi1_digital_phantom.csv").read_text("utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    entries = [
        Reference(
            row["tag"],
            row["family"],
            row["feature"],
            row["aggregation"],
            float(row["value"]) if row["value"] else None,
            float(row["tolerance"] or 0),
        )
        for row in csv.DictReader(lines)
    ]
    return {entry.tag: entry for entry in entries}


def _texture(levels: Levels, family: str, by_slice: bool, aggregation: Aggregation) -> dict[str, float]:
    if family in ("glcm", "glrlm"):
        make, features = _DIRECTIONAL[family]
        endings = {"all": ("avg", "comb"), "averaged": ("avg",), "merged": ("comb",)}[aggregation]
        spaces = ("2D", "2_5D") if by_slice else ("3D",)
        return directional(levels, make, features, [f"{s}_{e}" for s in spaces for e in endings])
    make, features = _UNDIRECTED[family]
    both = {"all": ("2D", "2_5D"), "averaged": ("2D",), "merged": ("2_5D",)}[aggregation]
    return undirected(levels, make, features, both if by_slice else ("3D",))


_DIRECTIONAL = {
    "glcm": (glcm.co_occurrence, glcm.co_occurrence_features),
    "glrlm": (glrlm.run_lengths, emphasis.emphasis_features("rlm", emphasis.RUNS)),
}
_UNDIRECTED = {
    "glszm": (zones.zone_sizes, emphasis.emphasis_features("szm", emphasis.SIZES)),
    "gldzm": (zones.zone_distances, emphasis.emphasis_features("dzm", emphasis.DISTANCES)),
    "ngtdm": (neighbourhood.tone_differences, neighbourhood.tone_features),
    "ngldm": (neighbourhood.dependences, emphasis.emphasis_features("ngl", emphasis.DEPENDENCES)),
}


def _histogram(roi: Roi, settings: Settings) -> dict[str, float]:
    levels = discretise(roi.values, settings.discretisation, settings.bins, settings.lowest)
    return histogram_features(levels, int(levels.max()))


def _ivh(roi: Roi, settings: Settings) -> dict[str, float]:
    """Compute the intensity-volume histogram at whole numbers, at the middles of bins, or at bin numbers."""
    values, method, bins = roi.values, settings.ivh_discretisation, settings.ivh_bins
    if method == "none" and np.any(values != np.rint(values)):
        method, bins = "fixed_number", 1000
    if method == "fixed_number":
        levels = discretise(values, method, bins, None)
        return ivh_features(levels.astype(np.float64), np.arange(1.0, levels.max() + 1))
    low: float = float(values.min()) if settings.lowest is None else settings.lowest
    high = float(values.max()) if settings.highest is None else settings.highest
    if method == "none":
        return ivh_features(values, np.arange(low, high + 1, dtype=np.float64))
    count = int(np.ceil((high - low) / bins))
    middles = low + (np.arange(count, dtype=np.float64) + 0.5) * bins
    levels = np.minimum(discretise(values, method, bins, low), len(middles))
    return ivh_features(middles[levels - 1], middles)


_PLAIN: dict[str, Callable[[Roi, Settings], dict[str, float]]] = {
    "morphology": lambda roi, _: morphology(roi),
    "local": lambda roi, _: local_intensity(roi),
    "statistics": lambda roi, _: intensity_statistics(roi.values),
    "histogram": _histogram,
    "ivh": _ivh,
}
