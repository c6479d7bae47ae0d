"""How an image is parted by a threshold, whatever rule finds it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.image import MedicalImage
from napari_medai.core.progress import Progress
from napari_medai.preprocess.arrays import Volume, grey, labels_image, map_channels
from napari_medai.preprocess.check import BoolArray, mask_array, require_contrast, require_finite

Side: TypeAlias = Literal["above", "below"]
Histogram: TypeAlias = tuple[NDArray[np.int64], NDArray[np.float64]]
Rule: TypeAlias = Callable[[Histogram], float]
"""From counts and bin centres to a threshold."""


def part_by(
    image: MedicalImage,
    mask: MedicalImage | None,
    rule: Rule,
    side: Side,
    *,
    operation: str,
    bins: int,
    progress: Progress,
) -> MedicalImage:
    """Label one side of the threshold that a rule finds in each channel.

    Parameters
    ----------
    image : MedicalImage
        Intensities; colours are taken as their luminance.
    mask : MedicalImage or None
        Where to look, and where to label.
    rule : callable
        From the histogram (counts, bin centres) to a threshold.
    side : {"above", "below"}
        Which side is labelled; the threshold itself is below.
    operation : str
        The operation's name, for errors.
    bins : int
        Bins of the histogram.
    progress : Progress
        Hears one report a channel.
    """
    image = grey(image)
    require_finite(image, operation)
    inside = mask_array(image, mask, operation)
    found: list[float] = []

    def label(values: Volume) -> Volume:
        threshold = rule(histogram(seen_values(values, inside, operation), bins))
        found.append(threshold)
        return apply_threshold(values, threshold, side, inside)

    array = map_channels(image, label, progress, "Finding the threshold")
    return labels_image(image, array, {1: f"{side} {found[0]:g}"}, thresholds=found)


def apply_threshold(values: Volume, threshold: float, side: Side, inside: BoolArray | None) -> BoolArray:
    """Return where values lie on one side of a threshold, inside the mask."""
    result = values > threshold if side == "above" else values <= threshold
    return np.asarray(result if inside is None else result & inside)


def seen_values(values: Volume, inside: BoolArray | None, operation: str) -> Volume:
    """Return the values in the mask, checked to differ."""
    seen = values if inside is None else values[np.broadcast_to(inside, values.shape)]
    require_contrast(seen, operation)
    return seen


def histogram(values: Volume, bins: int) -> Histogram:
    """Count values in equal bins from the smallest to the largest; return counts and bin centres."""
    counts, edges = np.histogram(values, bins=bins)
    return counts, (edges[:-1] + edges[1:]) / 2


def otsu(counted: Histogram) -> float:
    """Otsu's threshold."""
    from skimage.filters import threshold_otsu

    return float(threshold_otsu(hist=counted))


def li(counted: Histogram) -> float:
    """Li's minimum cross entropy threshold, by its fixed-point iteration (Li and Tam 1998)."""
    counts, centres = counted
    shift = centres[0] - (centres[1] - centres[0])
    values = centres - shift
    threshold, before = float(np.average(values, weights=counts)), np.inf
    while abs(threshold - before) > (centres[1] - centres[0]) / 4:
        low = values <= threshold
        if not counts[low].any() or not counts[~low].any():
            break
        back = np.average(values[low], weights=counts[low])
        fore = np.average(values[~low], weights=counts[~low])
        before, threshold = threshold, float((fore - back) / (np.log(fore) - np.log(back)))
    return threshold + float(shift)


def yen(counted: Histogram) -> float:
    """Yen's maximum correlation threshold."""
    from skimage.filters import threshold_yen

    return float(threshold_yen(hist=counted))


def triangle(counted: Histogram) -> float:
    """The value farthest from the line between the histogram's peak and its longer tail's end."""
    counts, centres = counted
    peak = int(np.argmax(counts))
    filled = np.flatnonzero(counts)
    first, last = int(filled[0]), int(filled[-1])
    end = first if peak - first > last - peak else last
    places = np.arange(min(peak, end), max(peak, end) + 1)
    if len(places) < 3:
        return float(centres[peak])
    line = counts[peak] + (counts[end] - counts[peak]) * (places - peak) / (end - peak)
    return float(centres[places[int(np.argmax(line - counts[places]))]])


RULES: dict[str, Rule] = {"otsu": otsu, "li": li, "yen": yen, "triangle": triangle}
