"""How many objects two segmentations have in common: matching, F1 and panoptic quality."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from annotated_types import Interval
from numpy.typing import NDArray

from napari_medai.core.geometry import FloatArray
from napari_medai.core.image import MedicalImage
from napari_medai.core.operation import LabelsImage, operation
from napari_medai.core.progress import Progress, part, silent, track
from napari_medai.measure.labelling import label_name, named_labels, present_labels
from napari_medai.measure.pairing import count_pairs, on_grid_of, paired_volumes

if TYPE_CHECKING:
    from pandas import DataFrame

Threshold = Annotated[float, Interval(gt=0, le=1)]


@operation(group="measure", title="Compare instances")
def compare_instances(
    a: LabelsImage,
    b: LabelsImage,
    *,
    instances: Literal["parts", "labels"] = "parts",
    iou_thresholds: tuple[Threshold, ...] = (0.1, 0.25, 0.5, 0.75),
    resample: bool = False,
    progress: Progress = silent,
) -> DataFrame:
    """Match the objects of two segmentations one to one and count what was found.

    Objects are matched so that the sum of their IoU is largest, among pairs that reach the threshold
    (Hungarian method); above 0.5 no object has a choice.

    Parameters
    ----------
    a : MedicalImage
        The reference.
    b : MedicalImage
        The segmentation to judge.
    instances : {"parts", "labels"}
        What an object is: each part of a label that touches no other part of it, not even at a corner
        (lesions of one class), compared label by label; or each label number (cells).
    iou_thresholds : tuple of float
        Objects match when intersection over union is at least this.
    resample : bool
        Bring ``b`` onto the grid of ``a`` by nearest neighbour where the grids differ.
    progress : Progress
        Hears one report a label.

    Returns
    -------
    pandas.DataFrame
        One row a threshold (and label, with ``"parts"``): ``iou_threshold``, ``in_a``, ``in_b``,
        ``found`` (true positives), ``false``, ``missed``, ``precision``, ``recall``, ``f1``,
        ``mean_iou`` of the matched (segmentation quality), ``panoptic_quality``. With no object in
        either image the shares are NaN; ``mean_iou`` is NaN where nothing matched.

    Raises
    ------
    GeometryError
        If the images lie on different grids and ``resample`` is off.

    References
    ----------
    Kirillov et al., "Panoptic segmentation", CVPR 2019.

    Examples
    --------
    >>> from napari_medai import Geometry
    >>> grid = Geometry.from_spacing((1, 7), (1, 1))
    >>> a, b = (MedicalImage(np.array([x]), "yx", grid, "labels")
    ...         for x in ([1, 1, 0, 1, 0, 0, 0], [1, 1, 0, 0, 0, 1, 1]))
    >>> compare_instances(a, b, iou_thresholds=(0.5,))[["found", "false", "missed"]].to_numpy().tolist()
    [[1, 1, 1]]
    """
    from pandas import DataFrame

    b = on_grid_of(a, b, resample, part(progress, 0, 0.1))
    rows: list[dict[str, Any]] = []
    pairs = paired_volumes(a, b)
    for number, (place, first, second) in enumerate(pairs):
        stretch = part(progress, 0.1 + 0.9 * number / len(pairs), 0.1 + 0.9 * (number + 1) / len(pairs))
        if instances == "labels":
            groups: list[int | None] = [None]
        else:
            present = {*present_labels(first).tolist(), *present_labels(second).tolist()}
            groups = sorted(present | named_labels(a, b))
        for label in track(groups, stretch, "Matching objects"):
            table = _iou_table(first, second, label)
            name = {} if label is None else {"label": label, "name": label_name(_namer(label, a, b), label)}
            rows += [{**place, **name, "iou_threshold": t, **match_entries(table, t)} for t in iou_thresholds]
    return DataFrame(rows)


def match_entries(iou: FloatArray, threshold: float) -> dict[str, float]:
    """Match objects and count.

    Parameters
    ----------
    iou : (A, B) float array
        Intersection over union of every object of the reference with every judged object.
    threshold : float
        The least IoU of a match.
    """
    from scipy.optimize import linear_sum_assignment

    worth = np.where(iou >= threshold, iou, 0.0)
    rows, columns = linear_sum_assignment(worth, maximize=True)
    matched = worth[rows, columns]
    matched = matched[matched > 0]
    in_a, in_b, found = *iou.shape, len(matched)
    quality = matched.mean() if found else float("nan")
    f1 = _ratio(2 * found, in_a + in_b)
    return {
        "in_a": in_a,
        "in_b": in_b,
        "found": found,
        "false": in_b - found,
        "missed": in_a - found,
        "precision": _ratio(found, in_b),
        "recall": _ratio(found, in_a),
        "f1": f1,
        "mean_iou": float(quality),
        "panoptic_quality": float(f1 * quality) if found else 0.0 * f1,
    }


def _iou_table(first: NDArray[Any], second: NDArray[Any], label: int | None) -> FloatArray:
    """Return the IoU of every object pair; with a label, of its parts."""
    if label is not None:
        first, second = _parts(first == label), _parts(second == label)
    rows, columns, counts = count_pairs(first, second).matrix()
    total = counts.sum(axis=1)[:, None] + counts.sum(axis=0)[None] - counts
    iou = counts / np.maximum(total, 1)
    return np.asarray(iou[np.ix_(rows != 0, columns != 0)])


def _parts(mask: NDArray[Any]) -> NDArray[Any]:
    from scipy import ndimage

    return np.asarray(ndimage.label(mask, np.ones((3,) * mask.ndim))[0])


def _namer(label: int, a: MedicalImage, b: MedicalImage) -> MedicalImage:
    return a if label in named_labels(a) else b


def _ratio(part_: float, whole: float) -> float:
    return part_ / whole if whole else float("nan")
