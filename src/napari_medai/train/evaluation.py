"""How good a model is on labelled cases: by case and label, with intervals, beside what costs nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.errors import ArgumentError, MedAIError, ModelError
from napari_medai.core.image import MedicalImage
from napari_medai.core.progress import Progress, part, silent
from napari_medai.measure.overlap import compare_labels
from napari_medai.models.model import Model
from napari_medai.models.pipeline import segment_image
from napari_medai.models.store import as_model
from napari_medai.train.cases import Cases
from napari_medai.train.layouts import find_cases
from napari_medai.train.split import load_split
from napari_medai.train.truth import load_case

if TYPE_CHECKING:
    from pandas import DataFrame

RESAMPLES = 2000


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A model's figures.

    Parameters
    ----------
    table : pandas.DataFrame
        One row a case and label: ``case``, ``subject``, ``label``, ``name``, ``dice``, ``hd95_mm``,
        ``assd_mm``, ``volume_difference_ml``, ``volume_difference_percent``, ``trivial_dice``, ``note``;
        ``_pixel`` and areas where voxel sizes are unknown.
    summary : pandas.DataFrame
        One row a label and measure: ``cases``, ``mean``, ``low`` and ``high`` (95 % bootstrap interval
        over subjects), ``median``, ``not_finite``.
    failed : dict
        Cases that could not be judged, and why.
    """

    table: DataFrame
    summary: DataFrame
    failed: dict[str, str]


def evaluate_model(
    model: str | Path | Model,
    cases: Cases | str | Path,
    *,
    device: str = "auto",
    seed: int = 0,
    progress: Progress = silent,
) -> Evaluation:
    """Judge a model on labelled cases, on their own grids.

    Parameters
    ----------
    model : str, path or Model
        A segmentation model.
    cases : Cases or path
        Labelled images that the model did not learn from.
    device : str
        "auto", "cpu", "cuda" or "mps".
    seed : int
        Of the bootstrap.
    progress : Progress
        Hears every case.

    Returns
    -------
    Evaluation
        Figures by case and label. The trivial baseline is the best of three that look at no shape: every
        voxel, the brighter and the darker half by Otsu's threshold of the first channel; best for each case
        and label by the truth, so it is as good as such can be.

    Raises
    ------
    ModelError
        If the model does not segment, or no case could be judged.
    """
    judged, found = as_model(model), cases if isinstance(cases, Cases) else find_cases(cases)
    if judged.spec.task != "segmentation":
        raise ModelError(f"Model {judged.spec.name} does {judged.spec.task}; this judges segmentations.")
    tables: list[Any] = []
    failed: dict[str, str] = {}
    for k, case in enumerate(found.items):
        share = part(progress, k / len(found), (k + 1) / len(found), f"Case {k + 1} of {len(found)}")
        try:
            loaded = load_case(case, found)
            table = _judge_case(judged, loaded.image, loaded.labels, found.ignore, device, share)
        except MedAIError as error:
            failed[case.name] = str(error)
            continue
        table.insert(0, "case", case.name)
        table.insert(1, "subject", case.subject)
        tables.append(table)
    return _summed(tables, failed, seed)


def evaluate_folds(
    folders: Sequence[str | Path],
    cases: Cases,
    *,
    device: str = "auto",
    seed: int = 0,
    progress: Progress = silent,
) -> Evaluation:
    """Judge the models of a k-fold training, each on the cases that it was validated on.

    Parameters
    ----------
    folders : sequence of path
        The folders that :func:`train_model` made, with ``split.json`` and ``model``.
    cases : Cases
        All cases of the training.
    device, seed, progress
        As for :func:`evaluate_model`.

    Raises
    ------
    ArgumentError
        If a case was validated on twice.
    """
    tables: list[Any] = []
    failed: dict[str, str] = {}
    for k, folder in enumerate(map(Path, folders)):
        names = load_split(folder / "split.json").validation
        again = next((n for t in tables for n in names if n in set(t["case"])), None)
        if again is not None:
            raise ArgumentError(f"Case {again} was validated on twice.", "Give each fold once.")
        share = part(progress, k / len(folders), (k + 1) / len(folders))
        done = evaluate_model(folder / "model", cases.named(names), device=device, progress=share)
        done.table.insert(0, "fold", k)
        tables.append(done.table)
        failed |= done.failed
    return _summed(tables, failed, seed)


def _summed(tables: list[Any], failed: dict[str, str], seed: int) -> Evaluation:
    from pandas import DataFrame, concat

    if not tables:
        first = next(iter(failed.values()), "there is none.")
        raise ModelError(f"No case could be judged: {first}")
    whole = concat(tables, ignore_index=True)
    return Evaluation(whole, DataFrame(_summary_rows(whole, seed)), failed)


def _judge_case(
    model: Model,
    image: MedicalImage,
    truth: MedicalImage,
    ignore: int | None,
    device: str,
    progress: Progress,
) -> DataFrame:
    found = segment_image(model, image, device=_place(device), progress=part(progress, 0, 0.7))
    marks, guess = np.asarray(truth.array), np.asarray(found.array)
    known = marks != ignore if ignore is not None else np.ones(marks.shape, bool)
    truth, found = (i.with_array(np.where(known, a, 0)) for i, a in ((truth, marks), (found, guess)))
    values = tuple(range(1, len(model.spec.outputs.labels)))
    table = compare_labels(truth, found, labels=values, progress=part(progress, 0.7, 1))
    unit = "mm" if truth.geometry.unit == "mm" else "pixel"
    differences = [c for c in table.columns if "_difference_" in c]
    kept = ["label", "name", "dice", f"hd95_{unit}", f"assd_{unit}", *differences, "note"]
    table = table[kept].copy()
    table["name"] = list(model.spec.outputs.labels[1:])
    table.insert(3, "trivial_dice", _trivial(image, marks, known, values))
    return table


def _place(device: str) -> str:
    from napari_medai.core.device import resolve_device

    return resolve_device(device)


def _trivial(
    image: MedicalImage, marks: NDArray[Any], known: NDArray[np.bool_], values: tuple[int, ...]
) -> list[float]:
    """Return the best Dice for each label among: every voxel, the bright and the dark half."""
    from skimage.filters import threshold_otsu

    grey = np.asarray(image.array, dtype=np.float32)
    grey = grey.mean(axis=-1) if image.is_rgb else grey
    grey = grey[0] if "c" in image.axes else grey
    bright = grey > threshold_otsu(grey) if grey.min() < grey.max() else np.ones(grey.shape, bool)
    return [
        max(_dice(guess & known, (marks == value) & known) for guess in (known, bright, ~bright))
        for value in values
    ]


def _dice(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    total = int(a.sum() + b.sum())
    return float(2 * (a & b).sum() / total) if total else float("nan")


def _summary_rows(table: DataFrame, seed: int) -> list[dict[str, Any]]:
    """Summarise every measure of every label; cases of one subject are drawn together."""
    measures = [c for c in table.columns if c not in ("fold", "case", "subject", "label", "name", "note")]
    rows = []
    for name, group in table.groupby("name", sort=False):
        for measure in measures:
            values = group[measure].to_numpy(dtype=float)
            finite = np.isfinite(values)
            kept = values[finite]
            low, high = bootstrap_interval(kept, group["subject"].to_numpy()[finite], seed)
            rows.append(
                {
                    "name": name,
                    "measure": measure,
                    "cases": len(kept),
                    "mean": float(kept.mean()) if len(kept) else float("nan"),
                    "low": low,
                    "high": high,
                    "median": float(np.median(kept)) if len(kept) else float("nan"),
                    "not_finite": int((~finite).sum()),
                }
            )
    return rows


def bootstrap_interval(
    values: NDArray[np.float64], subjects: NDArray[Any], seed: int = 0
) -> tuple[float, float]:
    """Return the 95 % interval of the mean, by drawing subjects with replacement.

    Parameters
    ----------
    values : (n,) array
        Finite.
    subjects : (n,) array
        Whose each value is.
    seed : int
        Decides the draws.

    Returns
    -------
    low, high : float
        NaN for fewer than two subjects.

    References
    ----------
    Efron and Tibshirani, An introduction to the bootstrap, 1993 (percentile interval).
    """
    owners, index = np.unique(subjects.astype(str), return_inverse=True)
    if len(owners) < 2:
        return float("nan"), float("nan")
    sums, counts = np.bincount(index, values), np.bincount(index)
    rng = np.random.default_rng(seed)
    drawn = rng.integers(len(owners), size=(RESAMPLES, len(owners)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)
