"""Several readers' segmentations made one: majority vote and STAPLE, with an estimate of each reader."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from annotated_types import Ge
from numpy.typing import NDArray

from napari_medai.core.errors import ArgumentError
from napari_medai.core.geometry import FloatArray
from napari_medai.core.image import MedicalImage
from napari_medai.core.operation import Advanced, LabelsImage, When, operation
from napari_medai.core.progress import Progress, Step, silent
from napari_medai.measure.labelling import IntArray, label_count, label_name, named_labels, ranks_of

if TYPE_CHECKING:
    from pandas import DataFrame

Iterations = Annotated[int, Ge(1), Advanced()]


@operation(group="measure", title="Fuse readers' labels")
def fuse_labels(
    readers: list[LabelsImage],
    *,
    method: Literal["staple", "majority"] = "staple",
    tie_label: Annotated[int, Ge(0)] = 0,
    iterations: Annotated[Iterations, When("method", ("staple",))] = 100,
    progress: Progress = silent,
) -> MedicalImage:
    """Make one segmentation of several readers' segmentations of the same image.

    Parameters
    ----------
    readers : list of MedicalImage
        At least two, on one grid.
    method : {"staple", "majority"}
        STAPLE weighs each reader, label by label, by how reliable it finds them; the majority vote
        takes the label most readers chose.
    tie_label : int
        What a voxel becomes where the vote, or the probabilities, are tied.
    iterations : int
        STAPLE stops after so many, or when no reader's estimate moves by more than 1e-6.
    progress : Progress
        Hears one report an iteration.

    Returns
    -------
    MedicalImage
        Labels on the first reader's grid.

    Raises
    ------
    ArgumentError
        If there are fewer than two readers, or they have different axes.
    GeometryError
        If they lie on different grids.

    References
    ----------
    Warfield et al., "Simultaneous truth and performance level estimation (STAPLE)", IEEE Trans Med
    Imaging 23:903-921, 2004.
    """
    opinions = _opinions(readers)
    progress(Step(0, 1, "Fusing readers"))
    if method == "majority":
        support = _votes(opinions)
    else:
        support, _ = staple(opinions, iterations, progress)
    chosen = _decided(support, opinions.labels, tie_label)
    progress(Step(1, 1, "Fusing readers"))
    array = chosen[opinions.where].reshape(readers[0].array.shape)
    return readers[0].with_array(array.astype(_type_for(chosen)), name=f"{method} of {len(readers)} readers")


@operation(group="measure", title="Rate readers")
def rate_readers(
    readers: list[LabelsImage], *, iterations: Iterations = 100, progress: Progress = silent
) -> DataFrame:
    """Estimate how reliable each reader is, without a known truth, by STAPLE.

    Parameters
    ----------
    readers : list of MedicalImage
        At least two segmentations of one image, on one grid.
    iterations : int
        It stops after so many, or when no estimate moves by more than 1e-6.
    progress : Progress
        Hears one report an iteration.

    Returns
    -------
    pandas.DataFrame
        One row a reader and label: ``reader``, ``reader_name``, ``label``, ``name``, ``sensitivity``,
        ``specificity`` as STAPLE estimates them, and ``voxels`` the reader gave the label.

    Raises
    ------
    ArgumentError
        If there are fewer than two readers, or they have different axes.
    GeometryError
        If they lie on different grids.

    References
    ----------
    Warfield et al., IEEE Trans Med Imaging 23:903-921, 2004.
    """
    from pandas import DataFrame

    opinions = _opinions(readers)
    support, confusion = staple(opinions, iterations, progress)
    prior = (support * opinions.counts[:, None]).sum(axis=0) / opinions.counts.sum()
    rows = []
    for number, image in enumerate(readers):
        for k, label in enumerate(opinions.labels.tolist()):
            if label == 0:
                continue
            others = np.arange(opinions.classes) != k
            wrong = confusion[number, k, others] @ prior[others]
            chosen = opinions.patterns[:, number] == k
            rows.append({
                "reader": number + 1, "reader_name": image.name, "label": label,
                "name": label_name(_namer(readers, label), label),
                "sensitivity": float(confusion[number, k, k]),
                "specificity": float(1 - wrong / prior[others].sum()),
                "voxels": int(opinions.counts[chosen].sum()),
            })  # fmt: skip
    return DataFrame(rows)


@dataclass(frozen=True, eq=False)
class Opinions:
    """What readers said, each combination of answers once.

    Parameters
    ----------
    labels : (K,) int array
        The labels that occur, background among them.
    patterns : (P, R) int array
        For each combination of answers, the position in ``labels`` of each reader's answer.
    counts : (P,) int array
        Voxels with that combination.
    where : (V,) int array
        Which combination each voxel has.
    """

    labels: IntArray
    patterns: IntArray
    counts: IntArray
    where: IntArray

    @property
    def classes(self) -> int:
        """The number of labels."""
        return len(self.labels)


def staple(opinions: Opinions, iterations: int, progress: Progress = silent) -> tuple[FloatArray, FloatArray]:
    """Estimate the truth and the readers in turn until neither moves.

    Parameters
    ----------
    opinions : Opinions
        What the readers said.
    iterations : int
        At most so many rounds.
    progress : Progress
        Hears one report a round.

    Returns
    -------
    truth : (P, K) float array
        The probability of each label for each combination of answers.
    confusion : (R, K, K) float array
        For each reader, the probability of an answer (row) given the truth (column).
    """
    readers = opinions.patterns.shape[1]
    answers = np.stack([opinions.patterns == k for k in range(opinions.classes)], axis=2).astype(float)
    prior = (answers * opinions.counts[:, None, None]).sum(axis=(0, 1))
    prior /= prior.sum()
    reliable = 0.99
    spread = (1 - reliable) / max(opinions.classes - 1, 1)
    confusion = np.full((readers, opinions.classes, opinions.classes), spread)
    confusion[:, np.arange(opinions.classes), np.arange(opinions.classes)] = reliable
    for number in range(iterations):
        progress(Step(number, iterations, "Estimating readers"))
        truth = _truth(opinions.patterns, confusion, prior)
        weighted = truth * opinions.counts[:, None]
        total = np.maximum(weighted.sum(axis=0), np.finfo(float).tiny)
        updated = np.einsum("prk,pl->rkl", answers, weighted) / total
        moved = np.abs(updated - confusion).max()
        confusion = updated
        if moved < 1e-6:
            break
    return _truth(opinions.patterns, confusion, prior), confusion


def _votes(opinions: Opinions) -> FloatArray:
    """Count how many readers gave each label, for each combination of answers."""
    votes = [(opinions.patterns == k).sum(axis=1) for k in range(opinions.classes)]
    return np.stack(votes, axis=1).astype(float)


def _truth(patterns: IntArray, confusion: FloatArray, prior: FloatArray) -> FloatArray:
    """Return the probability of each label from what the readers said, by Bayes' rule."""
    with np.errstate(divide="ignore"):
        logs = np.log(confusion)
        score = np.log(prior) + sum(logs[r, patterns[:, r]] for r in range(patterns.shape[1]))
    score -= score.max(axis=1, keepdims=True)
    likely = np.exp(score)
    return np.asarray(likely / likely.sum(axis=1, keepdims=True))


def _opinions(readers: list[MedicalImage]) -> Opinions:
    if len(readers) < 2:
        raise ArgumentError(f"Found {len(readers)} segmentation; needed at least two readers'.")
    first = readers[0]
    for other in readers[1:]:
        first.require_same_grid(other, "next reader's labels")
        if other.array.shape != first.array.shape:
            raise ArgumentError(
                f"Found readers' labels of axes {first.axes!r} and {other.axes!r}.",
                hint="Take the same time points and channels of each.",
            )
    arrays = [np.asarray(image.array).reshape(-1) for image in readers]
    labels = np.unique(np.concatenate([[0], *(label_count(a)[0] for a in arrays)]))
    code = np.zeros(arrays[0].shape, dtype=np.int64)
    patterns = np.zeros((1, 0), dtype=np.int64)
    for array in arrays:
        code = code * len(labels) + ranks_of(array, labels)
        found, _ = label_count(code)
        code = ranks_of(code, found).astype(np.int64)
        patterns = np.column_stack([patterns[found // len(labels)], found % len(labels)])
    return Opinions(labels, patterns, np.bincount(code), code)


def _decided(support: NDArray[Any], labels: IntArray, tie_label: int) -> IntArray:
    """Return the best supported label of each combination, or the tie's."""
    best = support.max(axis=1, keepdims=True)
    tied = np.isclose(support, best, rtol=1e-9, atol=1e-12).sum(axis=1) > 1
    return np.where(tied, tie_label, labels[support.argmax(axis=1)])


def _type_for(labels: IntArray) -> Any:
    return np.result_type(np.min_scalar_type(labels.min()), np.min_scalar_type(labels.max()))


def _namer(readers: list[MedicalImage], label: int) -> MedicalImage:
    return next((image for image in readers if label in named_labels(image)), readers[0])
