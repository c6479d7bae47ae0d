"""How well two divisions of an image into pieces agree, whatever the pieces are numbered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_medai.core.operation import LabelsImage, operation
from napari_medai.core.progress import Progress, part, silent, track
from napari_medai.measure.labelling import IntArray
from napari_medai.measure.pairing import Pairing, count_pairs, on_grid_of, paired_volumes

if TYPE_CHECKING:
    from pandas import DataFrame


@operation(group="measure", title="Compare partitions")
def compare_partitions(
    a: LabelsImage,
    b: LabelsImage,
    *,
    ignore_background: bool = True,
    resample: bool = False,
    progress: Progress = silent,
) -> DataFrame:
    """Compare two divisions of an image into pieces (cells, parcels), whatever their numbers.

    Parameters
    ----------
    a : MedicalImage
        The reference.
    b : MedicalImage
        The division to judge.
    ignore_background : bool
        Leave out the voxels that are background (0) in the reference.
    resample : bool
        Bring ``b`` onto the grid of ``a`` by nearest neighbour where the grids differ.
    progress : Progress
        Hears one report a time point or channel.

    Returns
    -------
    pandas.DataFrame
        One row (a time point, channel): ``adapted_rand_error``, ``rand_precision``, ``rand_recall``,
        ``v_rand`` (their harmonic mean), ``v_info`` (the same from mutual information),
        ``adjusted_rand``, ``split_bits`` (entropy of b given a: pieces cut too often), ``merge_bits``
        (entropy of a given b), ``variation_of_information_bits`` (their sum). NaN where no voxel is left.

    Raises
    ------
    GeometryError
        If the images lie on different grids and ``resample`` is off.

    References
    ----------
    Arganda-Carreras et al., "Crowdsourcing the creation of image segmentation algorithms for
    connectomics", Front Neuroanat 9:142, 2015. Meila, "Comparing clusterings", J Multivar Anal 98, 2007.

    Examples
    --------
    >>> from napari_medai import Geometry, MedicalImage
    >>> grid = Geometry.from_spacing((2, 2), (1, 1))
    >>> a, b = (MedicalImage(np.array(x), "yx", grid, "labels") for x in ([[1, 1], [2, 2]], [[5, 5], [3, 3]]))
    >>> float(compare_partitions(a, b).adapted_rand_error[0])
    0.0
    """
    from pandas import DataFrame

    b = on_grid_of(a, b, resample, part(progress, 0, 0.2))
    rows = []
    for place, first, second in track(paired_volumes(a, b), part(progress, 0.2, 1.0), "Comparing pieces"):
        rows.append({**place, **partition_entries(count_pairs(first, second), ignore_background)})
    return DataFrame(rows)


def partition_entries(pairing: Pairing, ignore_background: bool) -> dict[str, float]:
    """Return the measures of :func:`compare_partitions` from counts of pairs."""
    kept = pairing.labels_a != 0 if ignore_background else np.ones(len(pairing.counts), dtype=bool)
    both = pairing.counts[kept].astype(float)
    if both.sum() == 0:
        return dict.fromkeys(_NAMES, float("nan"))
    in_a = _sums(pairing.labels_a[kept], both)
    in_b = _sums(pairing.labels_b[kept], both)
    pairs, pairs_a, pairs_b = ((n**2).sum() for n in (both, in_a, in_b))
    entropy, entropy_a, entropy_b = (_entropy(n) for n in (both, in_a, in_b))
    split, merge = entropy - entropy_a, entropy - entropy_b
    shared = entropy_a + entropy_b - entropy
    v_rand = 2 * pairs / (pairs_a + pairs_b)
    v_info = 2 * shared / (entropy_a + entropy_b) if entropy_a + entropy_b else 1.0
    adjusted = _adjusted_rand(both, in_a, in_b)
    values = (
        1 - v_rand,
        pairs / pairs_b,
        pairs / pairs_a,
        v_rand,
        v_info,
        adjusted,
        split,
        merge,
        split + merge,
    )
    return {name: float(value) for name, value in zip(_NAMES, values, strict=True)}


_NAMES = (
    "adapted_rand_error",
    "rand_precision",
    "rand_recall",
    "v_rand",
    "v_info",
    "adjusted_rand",
    "split_bits",
    "merge_bits",
    "variation_of_information_bits",
)


def _sums(labels: IntArray, counts: np.ndarray) -> np.ndarray:
    _, position = np.unique(labels, return_inverse=True)
    return np.bincount(position, weights=counts)


def _entropy(counts: np.ndarray) -> float:
    share = counts / counts.sum()
    return float(-(share * np.log2(share)).sum())


def _adjusted_rand(both: np.ndarray, in_a: np.ndarray, in_b: np.ndarray) -> float:
    total = both.sum()
    pairs, pairs_a, pairs_b, every = ((n * (n - 1) / 2).sum() for n in (both, in_a, in_b, total))
    expected = pairs_a * pairs_b / every if every else 0.0
    most = (pairs_a + pairs_b) / 2
    return float((pairs - expected) / (most - expected)) if most != expected else 1.0
