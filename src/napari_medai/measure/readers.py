"""Two readers over a series of cases: agreement in overlap, volume and voxels, label by label."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medai.core.errors import ArgumentError
from napari_medai.core.image import MedicalImage
from napari_medai.core.operation import LabelsImage, operation
from napari_medai.core.progress import Progress, silent, track
from napari_medai.measure.agreement import bland_altman, cohen_kappa, intraclass_correlation
from napari_medai.measure.labelling import IntArray, label_name, named_labels
from napari_medai.measure.overlap import overlap_entries
from napari_medai.measure.pairing import Pairing, count_pairs, paired_volumes
from napari_medai.measure.units import size_entries

if TYPE_CHECKING:
    from pandas import DataFrame


@operation(group="measure", title="Agreement of two readers")
def compare_readers(
    first: list[LabelsImage], second: list[LabelsImage], *, progress: Progress = silent
) -> DataFrame:
    """Compare two readers (or a reader and a model) over the same cases, label by label.

    Parameters
    ----------
    first : list of MedicalImage
        The first reader's segmentations, one a case.
    second : list of MedicalImage
        The second reader's, in the same order, each on its partner's grid.
    progress : Progress
        Hears one report a case.

    Returns
    -------
    pandas.DataFrame
        One row a label: ``label``, ``name``, ``cases`` in which either reader used it, ``dice`` (mean)
        and ``dice_sd``, Cohen's ``kappa`` over all voxels of all cases, and for the volumes in ml (2-D:
        area in mm2) ``icc`` with ``icc_low`` and ``icc_high`` (two-way, absolute agreement, single
        reader) and Bland-Altman's ``bias`` (second - first), ``sd``, ``lower_limit``, ``upper_limit``,
        ``slope`` ..., as :func:`napari_medai.measure.agreement.bland_altman` gives them. Cases in
        which one reader alone used a label count with volume 0 and Dice 0. The last row, label -1, is
        the kappa of all labels together.

    Raises
    ------
    ArgumentError
        If the readers have not as many cases.
    GeometryError
        If a pair lies on different grids.

    References
    ----------
    Bland and Altman, Lancet 327:307-310, 1986. Shrout and Fleiss, Psychol Bull 86:420-428, 1979.
    """
    from pandas import DataFrame

    if len(first) != len(second) or not first:
        raise ArgumentError(
            f"Found {len(first)} cases of one reader and {len(second)} of the other.",
            hint="Give each reader's segmentation of every case, in the same order.",
        )
    cases = []
    for a, b in track(list(zip(first, second, strict=True)), progress, "Comparing readers"):
        a.require_same_grid(b, "second reader's labels")
        cases.append((a, [count_pairs(x, y) for _, x, y in paired_volumes(a, b)]))
    images = [*first, *second]
    pairings = [p for _, ps in cases for p in ps]
    found = {int(n) for p in pairings for n in (*p.labels_a, *p.labels_b)} | named_labels(*images)
    rows = [_row(label, cases, images) for label in sorted(found - {0})]
    rows.append({"label": -1, "name": "all", "cases": len(cases), "kappa": _kappa(pairings, found | {0})})
    return DataFrame(rows)


def _row(
    label: int, cases: list[tuple[MedicalImage, list[Pairing]]], images: list[MedicalImage]
) -> dict[str, Any]:
    sizes, dice = [], []
    for image, pairings in cases:
        in_a, in_b = (
            sum(count)
            for count in zip(*((p.voxels_a(label), p.voxels_b(label)) for p in pairings), strict=True)
        )
        if in_a + in_b:
            sizes.append([list(size_entries(n, image.geometry).values())[-1] for n in (in_a, in_b)])
            both = sum(p.both(label) for p in pairings)
            dice.append(overlap_entries(in_a, in_b, both, sum(p.total for p in pairings))["dice"])
    table = np.array(sizes).reshape(-1, 2)
    pairings = [p for _, ps in cases for p in ps]
    namer = next((i for i in images if label in named_labels(i)), images[0])
    return {
        "label": label,
        "name": label_name(namer, label),
        "cases": len(sizes),
        "dice": float(np.mean(dice)) if dice else float("nan"),
        "dice_sd": float(np.std(dice, ddof=1)) if len(dice) > 1 else float("nan"),
        "kappa": _kappa([_binary(p, label) for p in pairings], {0, 1}),
        **intraclass_correlation(table),
        **bland_altman(table[:, 0], table[:, 1]),
    }


def _binary(pairing: Pairing, label: int) -> Pairing:
    a, b = ((labels == label).astype(np.int64) for labels in (pairing.labels_a, pairing.labels_b))
    return Pairing(a, b, pairing.counts)


def _kappa(pairings: list[Pairing], labels: set[int]) -> float:
    numbers: IntArray = np.array(sorted(labels))
    table = np.zeros((len(numbers), len(numbers)))
    for pairing in pairings:
        rows, columns = (np.searchsorted(numbers, n) for n in (pairing.labels_a, pairing.labels_b))
        np.add.at(table, (rows, columns), pairing.counts)
    return cohen_kappa(table)
