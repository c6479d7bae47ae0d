"""How often each intensity occurs, over all or within labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np
from annotated_types import Interval

from napari_medai.core.errors import ArgumentError
from napari_medai.core.image import MedicalImage
from napari_medai.core.operation import IntensityImage, LabelsImage, operation
from napari_medai.core.progress import Progress, silent, track
from napari_medai.explore.table import Values, channels, finite, label_name, region

if TYPE_CHECKING:
    from pandas import DataFrame


@operation(group="explore", title="Histogram")
def histogram(
    image: IntensityImage,
    labels: LabelsImage | None = None,
    *,
    bins: Annotated[int, Interval(ge=2, le=4096)] = 256,
    log_scale: bool = False,
    progress: Progress = silent,
) -> DataFrame:
    """Count how often intensities occur, in the whole image or within each label.

    Parameters
    ----------
    image : MedicalImage
        Each channel or colour is counted on its own, all time points together.
    labels : MedicalImage, optional
        Labels on the same grid; one histogram for each label but 0.
    bins : int
        Equal bins from the smallest to the largest finite value of the whole image.
    log_scale : bool
        Add the column log10 of (1 + count).
    progress : Progress
        Hears one report a histogram.

    Returns
    -------
    pandas.DataFrame
        Columns channel, region, low, high (bin edges, in the image's intensities), count, share (of the
        region's voxels) and, if asked for, log_count.

    Raises
    ------
    ArgumentError
        If no value is finite, or nothing is labelled.
    GeometryError
        If the labels lie on another grid.

    Examples
    --------
    >>> from napari_medai import Geometry
    >>> image = MedicalImage(np.array([[0.0, 0.2, 1.0]]), "yx", Geometry.from_spacing((1, 3)))
    >>> histogram(image, bins=2)["count"].tolist()
    [2, 1]
    """
    from pandas import DataFrame, concat

    edges = _edges(image, bins)
    regions = _regions(image, labels)
    jobs = [(c, v, n, r) for c, v in channels(image) for n, r in regions.items()]
    tables = []
    for channel, values, name, inside in track(jobs, progress, "Counting"):
        seen = finite(values if inside is None else values[np.broadcast_to(inside, values.shape)])
        counts, _ = np.histogram(seen, edges)
        table = {"channel": channel, "region": name, "low": edges[:-1], "high": edges[1:], "count": counts}
        table["share"] = counts / max(1, seen.size)
        if log_scale:
            table["log_count"] = np.log10(1 + counts)
        tables.append(DataFrame(table))
    return concat(tables, ignore_index=True)


def _edges(image: MedicalImage, bins: int) -> Values:
    seen = finite(np.asarray(image.array))
    if not seen.size:
        raise ArgumentError("histogram: found no finite value.", hint="Replace them first: replace_invalid.")
    low, high = float(seen.min()), float(seen.max())
    return np.linspace(low, high if high > low else low + 1, bins + 1)


def _regions(image: MedicalImage, labels: MedicalImage | None) -> dict[str, Values | None]:
    if labels is None:
        return {"all": None}
    region(image, labels, "histogram", "labels image")
    numbers = np.asarray(labels.array)
    return {label_name(labels, int(n)): numbers == n for n in np.unique(numbers) if n != 0}
