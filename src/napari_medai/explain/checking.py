"""Whether an explanation can be believed: the map made for one window, and tried."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from annotated_types import Interval

from napari_medai.core.boxes import Boxes
from napari_medai.core.errors import ArgumentError
from napari_medai.core.landmarks import Landmarks
from napari_medai.core.operation import Advanced, IntensityImage, LabelsImage, operation
from napari_medai.core.progress import Progress, silent
from napari_medai.core.progress import part as share
from napari_medai.explain.asking import Part, Wish, ask
from napari_medai.explain.check.subject import Floats, Mask, Subject
from napari_medai.explain.layers import Layer
from napari_medai.explain.methods import Method, window_map
from napari_medai.explain.question import EXPLAINED
from napari_medai.explain.subject import chosen_layers, on_seen_grid, seen_by
from napari_medai.explain.twin import Twin, shuffled_twin
from napari_medai.models.infer import extend_to_tile, window_corners, window_slices
from napari_medai.models.model import Model
from napari_medai.models.store import ModelArgument, as_model
from napari_medai.models.task import require_task

if TYPE_CHECKING:
    from pandas import DataFrame

    from napari_medai.explain.check.suite import Report

INPUT_CELL = 8
"""Voxels along the edge of a random control's cells for methods that look at the input."""


@dataclass(frozen=True, eq=False)
class ExplanationCheck:
    """What the tests of a map found.

    Parameters
    ----------
    table : pandas.DataFrame
        One row a test and, last, the verdict. Columns: test, value, needed, passed, note, seed.
    curves : pandas.DataFrame
        The curves behind the tests. Columns: test, map, at (share of layers or of voxels), value.
    """

    table: DataFrame
    curves: DataFrame

    @property
    def passed(self) -> bool:
        """Whether every test passed."""
        return bool(self.table["passed"].iloc[-1])


@operation(group="explain", title="Check an explanation")
def check_explanation(
    image: IntensityImage,
    model: ModelArgument = "phantom-3d",
    region: LabelsImage | None = None,
    mask: LabelsImage | None = None,
    place: Landmarks | None = None,
    box: Boxes | None = None,
    *,
    target: str = "",
    part: Part = "whole",
    method: Method = "grad_cam",
    layer: Annotated[str, Advanced()] = "",
    seed: Annotated[int, Interval(ge=0, le=2**31 - 1)] = 0,
    layer_groups: Annotated[int, Interval(ge=2, le=50), Advanced()] = 4,
    draws: Annotated[int, Interval(ge=1, le=50), Advanced()] = 3,
    curve_points: Annotated[int, Interval(ge=2, le=50), Advanced()] = 6,
    training_folder: Annotated[Path | None, Advanced()] = None,
    twin_steps: Annotated[int, Interval(ge=1, le=10_000), Advanced()] = 200,
    device: str = "auto",
    overlap: Annotated[float, Interval(ge=0, le=0.9), Advanced()] = 0.5,
    progress: Progress = silent,
) -> ExplanationCheck:
    """Try whether a map shows what the network does, and not what any picture of the image would show.

    The map is made for the window of the image that holds most of the explained region, and tried:

    - *Layers randomised*: a map of the network must change when the network forgets what it learnt.
      Spearman's correlation with the map of a network of random weights must be below 0.3 in size,
      SSIM below 0.5; on average over single groups of layers both must be below 0.5, and with the
      layers nearest to the output randomised SSIM, taken where one of the maps says something.
    - *Answers shuffled*, where training cases are at hand: a twin of the network is taught them with
      their answers dealt out anew; both likenesses to its map must be below 0.5.
    - *Deletion, insertion*: with the strongest 1 to 40 % of the map replaced by the mean, the label's
      probability must fall lower, and with only these sharp in a blurred image rise higher, than for
      a random map of the same cells, a Gaussian in the middle, and the image's edges.
    - *Stability*: little noise and a shift of one voxel must leave the ranks of the map (0.8 or more).
    - With a mask: the strongest voxel must lie in it, and three times its share of the map's sum.

    Parameters
    ----------
    image : MedicalImage
        Any size, spacing and orientation; no time axis.
    model : str or path or Model
        A model of any task.
    region : MedicalImage, optional
        Where the score is summed: every voxel above 0. By default as when explaining.
    mask : MedicalImage, optional
        Where the evidence is known to lie: every voxel above 0.
    place : Landmarks, optional
        The component or voxel that is explained.
    box : Boxes, optional
        The score is summed over the first box.
    target : str
        The name or number of the label, class, point or value; empty: as when explaining.
    part : {"whole", "component", "voxel"}
        As when explaining.
    method : str
        How the map is made.
    layer : str
        The layer or layers to look at; empty: as when explaining.
    seed : int
        Of the random weights, the random map and the noise.
    layer_groups : int
        In how many steps the layers are randomised, from the output to the input.
    draws : int
        How often the whole network is randomised; the mean counts.
    curve_points : int
        At how many shares of the voxels, from 1 to 40 %, deletion and insertion are measured.
    training_folder : Path, optional
        Training cases of the model, or others like them. For a classifier one subfolder a class; for a
        segmentation model the subfolders images and labels with files of the same names; for a
        regression model images beside values.csv (the column image, and one for each value).
    twin_steps : int
        How many batches the twin is taught.
    device : str
        Where the network runs: "auto", "cpu", "cuda" or "mps".
    overlap : float
        The share of a window that the next one covers again.
    progress : Progress
        Hears every run of the network.

    Returns
    -------
    ExplanationCheck
        Its table has one row a test, the verdict last; the curves lie beside it.

    Raises
    ------
    ArgumentError
        If the label or layer is unknown, the region is empty, or the method does not apply.
    ModelError
        If the image does not fit the model.
    ReadError
        If the training folder holds no cases of this model.

    References
    ----------
    Adebayo et al., Sanity Checks for Saliency Maps, NeurIPS 2018; Petsiuk et al., RISE, BMVC 2018;
    Arun et al., Assessing the Trustworthiness of Saliency Maps, Radiology: AI 2021.
    """
    import torch

    from napari_medai.explain.check.suite import check_map
    from napari_medai.models.runtime import ready

    loaded = as_model(model)
    require_task(loaded.spec, *EXPLAINED)
    layers = chosen_layers(loaded, layer, method)
    seen = seen_by(loaded, image, share(progress, 0, 0.02, "Preparing"))
    wish = Wish(target, part, region, place, box)
    question = ask(
        loaded, seen, image, wish, device=device, overlap=overlap, progress=share(progress, 0.02, 0.1)
    )
    known = None if mask is None else on_seen_grid(mask, "mask", seen, image)
    twin = _twin(loaded, training_folder, twin_steps, seed, device, share(progress, 0.1, 0.4))
    volume, inside, known = _fullest_window(seen.volume, question.region, known, loaded.spec.tile, overlap)
    with ready(loaded.network, device) as (lent, where), torch.inference_mode(False), torch.no_grad():
        subject = Subject(
            lent,
            volume,
            replace(question, region=inside),
            _explainer(method, layers, float(seen.volume.min())),
            _cells(layers, volume),
            str(where),
        )
        report = check_map(
            subject,
            known,
            layer_groups=layer_groups,
            draws=draws,
            curve_points=curve_points,
            seed=seed,
            twin=None if twin is None else replace(twin, network=twin.network.to(where)),
            progress=share(progress, 0.4 if twin else 0.1, 1),
        )
    return ExplanationCheck(_table(report, seed), _curves(report))


def _twin(
    model: Model, folder: Path | None, steps: int, seed: int, device: str, progress: Progress
) -> Twin | None:
    """Train the twin where there is something to teach it."""
    if folder is None:
        return None
    from napari_medai.explain.lessons import read_lessons

    lessons = read_lessons(folder, model, seed, share(progress, 0, 0.3))
    return shuffled_twin(
        model.network,
        lessons,
        task=model.spec.task,
        steps=steps,
        seed=seed,
        device=device,
        progress=share(progress, 0.3, 1),
    )


def _explainer(method: str, layers: Sequence[Layer], blank: float) -> Any:
    def explain(network: Any, sample: Any, target: Any, progress: Progress) -> Floats:
        return window_map(network, sample, target, method, layers, blank, progress)

    return explain


def _cells(layers: Sequence[Layer], volume: Floats) -> tuple[int, ...]:
    if not layers:
        return tuple(max(2, n // INPUT_CELL) for n in volume.shape[1:])
    return min((layer.cells for layer in layers), key=np.prod)


def _fullest_window(
    volume: Floats, region: Mask | None, mask: Mask | None, tile: Sequence[int], overlap: float
) -> tuple[Floats, Mask | None, Mask | None]:
    """Cut the window that holds most of the region from the input, the region and the mask.

    Without a region the window that holds most of the mask counts, or else the one in the middle.
    """
    padded, _ = extend_to_tile(volume, tile)
    where, known = _extended(region, tile), _extended(mask, tile)
    if where is not None and not where.any():
        raise ArgumentError(
            "The region to explain is empty.", hint="Choose a class that is there, or paint one."
        )
    corners = window_corners(padded.shape[1:], tile, overlap)
    guide = where if where is not None else known
    corner = corners[len(corners) // 2]
    if guide is not None:
        corner = max(corners, key=lambda c: int(guide[window_slices(c, tile)].sum()))
    box = window_slices(corner, tile)
    cut = [None if m is None else m[box] for m in (where, known)]
    return np.array(padded[(slice(None), *box)]), cut[0], cut[1]


def _extended(mask: Mask | None, tile: Sequence[int]) -> Mask | None:
    return None if mask is None else extend_to_tile(mask[None].astype(np.float32), tile)[0][0] > 0


def _table(report: Report, seed: int) -> DataFrame:
    from pandas import DataFrame

    rows: list[dict[str, Any]] = [
        {"test": f.test, "value": f.value, "needed": f.needed, "passed": f.passed, "note": f.note}
        for f in report.findings
    ]
    failed = [f.test for f in report.findings if not f.passed]
    note = f"failed: {'; '.join(failed)}" if failed else "every test passed"
    rows.append(
        {
            "test": "verdict",
            "value": float(len(failed)),
            "needed": "0 failed",
            "passed": not failed,
            "note": note,
        }
    )
    return DataFrame(rows).assign(seed=seed)


def _curves(report: Report) -> DataFrame:
    from pandas import DataFrame

    return DataFrame(
        [
            {"test": c.test, "map": c.map, "at": at, "value": value}
            for c in report.curves
            for at, value in zip(c.at, c.value, strict=True)
        ]
    )
