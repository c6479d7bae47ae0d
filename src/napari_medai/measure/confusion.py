"""Which labels are taken for which: the confusion matrix of two segmentations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from napari_medai.core.operation import LabelsImage, operation
from napari_medai.core.progress import Progress, part, silent, track
from napari_medai.measure.labelling import IntArray, label_name, named_labels
from napari_medai.measure.pairing import count_pairs, on_grid_of, paired_volumes

if TYPE_CHECKING:
    from pandas import DataFrame


@operation(group="measure", title="Confusion matrix")
def confusion_matrix(
    a: LabelsImage,
    b: LabelsImage,
    *,
    normalise: Literal["none", "rows", "columns"] = "none",
    resample: bool = False,
    progress: Progress = silent,
) -> DataFrame:
    """Count how often each label of the reference carries each label of the other image.

    Parameters
    ----------
    a : MedicalImage
        The reference; its labels are the rows.
    b : MedicalImage
        The segmentation to judge; its labels are the columns.
    normalise : {"none", "rows", "columns"}
        Give voxels, shares of each row (what became of the reference's label), or shares of each column
        (what the judged label really is). A row or column without voxels is NaN.
    resample : bool
        Bring ``b`` onto the grid of ``a`` by nearest neighbour where the grids differ.
    progress : Progress
        Hears one report a time point or channel; all are counted together.

    Returns
    -------
    pandas.DataFrame
        Square; rows and columns are named alike, background first. The index is named ``a``.

    Raises
    ------
    GeometryError
        If the images lie on different grids and ``resample`` is off.

    Examples
    --------
    >>> from napari_medai import Geometry, MedicalImage
    >>> grid = Geometry.from_spacing((1, 3), (1, 1))
    >>> a, b = (MedicalImage(np.array([x]), "yx", grid, "labels") for x in ([0, 1, 1], [0, 1, 2]))
    >>> confusion_matrix(a, b).to_numpy().tolist()
    [[1, 0, 0], [0, 1, 1], [0, 0, 0]]
    """
    from pandas import DataFrame, Index

    b = on_grid_of(a, b, resample, part(progress, 0, 0.2))
    pairings = [
        count_pairs(x, y)
        for _, x, y in track(paired_volumes(a, b), part(progress, 0.2, 1), "Counting voxels")
    ]
    found = {int(n) for p in pairings for n in (*np.unique(p.labels_a), *np.unique(p.labels_b))}
    numbers = np.array(sorted(found | named_labels(a, b) | {0}))
    numbers = np.concatenate([[0], numbers[numbers != 0]])
    table = sum_pairs(numbers, [(p.labels_a, p.labels_b, p.counts) for p in pairings])
    names = [_name(int(n), a, b) for n in numbers]
    return DataFrame(_normalised(table, normalise), index=Index(names, name="a"), columns=names)


def sum_pairs(numbers: IntArray, pairs: list[tuple[IntArray, IntArray, IntArray]]) -> IntArray:
    """Add up counts of label pairs into a square table over ``numbers``."""
    order = np.argsort(numbers)
    table = np.zeros((len(numbers), len(numbers)), dtype=np.int64)
    for labels_a, labels_b, counts in pairs:
        rows, columns = (order[np.searchsorted(numbers[order], n)] for n in (labels_a, labels_b))
        np.add.at(table, (rows, columns), counts)
    return table


def _name(number: int, *images: LabelsImage) -> str:
    if number == 0:
        return "background"
    return next((label_name(i, number) for i in images if number in named_labels(i)), f"label {number}")


def _normalised(table: IntArray, by: str) -> np.ndarray:
    if by == "none":
        return table
    whole = table.sum(axis=1 if by == "rows" else 0, keepdims=True)
    return np.where(whole > 0, table / np.maximum(whole, 1), np.nan)
