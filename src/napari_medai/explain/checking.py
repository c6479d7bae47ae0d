"""Whether an explanation can be believed: the map made for one window, and tried."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from annotated_types import Interval

from napari_medai.core.boxes import Boxes
from napari_medai.core.image import MedicalImage
from napari_medai.core.landmarks import Landmarks
from napari_medai.core.operation import Advanced, IntensityImage, LabelsImage, operation
from napari_medai.core.progress import Progress, silent
from napari_medai.core.progress import part as share
from napari_medai.explain.asking import Part, Wish, ask
from napari_medai.explain.check.case import fullest_window
from napari_medai.explain.check.report import Report
from napari_medai.explain.check.subject import Floats, Mask, Subject
from napari_medai.explain.check.suite import Effort, check_map
from napari_medai.explain.layers import Layer
from napari_medai.explain.methods import Method, window_map
from napari_medai.explain.question import EXPLAINED, Question
from napari_medai.explain.subject import chosen_layers, on_seen_grid, seen_by
from napari_medai.explain.twin import Twin, shuffled_twin
from napari_medai.explain.way import Way
from napari_medai.models.model import Model
from napari_medai.models.store import ModelArgument, as_model
from napari_medai.models.task import require_task

if TYPE_CHECKING:
    from pandas import DataFrame

    from napari_medai.explain.check.subject import Explainer

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
    loaded = as_model(model)
    require_task(loaded.spec, *EXPLAINED)
    way = Way(method, tuple(chosen_layers(loaded, layer, method)), overlap, device)
    wish = Wish(target, part, region, place, box)
    case = _case(loaded, image, wish, mask, way, share(progress, 0, 0.1))
    twin = _twin(loaded, training_folder, twin_steps, seed, device, share(progress, 0.1, 0.4))
    effort = Effort(layer_groups, draws, curve_points, seed)
    report = _tried(loaded, case, way, effort, twin, share(progress, 0.4 if twin else 0.1, 1))
    return ExplanationCheck(report.table(seed), report.curve_table())


@dataclass(frozen=True, eq=False)
class _Case:
    """The window in which a map is tried.

    Parameters
    ----------
    volume : numpy.ndarray
        Shape (C, *S).
    question : Question
        Its region cut to the window.
    mask : numpy.ndarray, optional
        Shape (*S): where the evidence lies.
    blank : float
        The value of an input without content.
    """

    volume: Floats
    question: Question
    mask: Mask | None
    blank: float


def _case(
    model: Model,
    image: MedicalImage,
    wish: Wish,
    mask: MedicalImage | None,
    way: Way,
    progress: Progress,
) -> _Case:
    seen = seen_by(model, image, share(progress, 0, 0.2, "Preparing"))
    question = ask(model, seen, image, wish, way, share(progress, 0.2, 1))
    known = None if mask is None else on_seen_grid(mask, "mask", seen, image)
    volume, inside, known = fullest_window(seen.volume, question.region, known, model.spec.tile, way.overlap)
    return _Case(volume, replace(question, region=inside), known, float(seen.volume.min()))


def _twin(
    model: Model, folder: Path | None, steps: int, seed: int, device: str, progress: Progress
) -> Twin | None:
    """Train the twin where there is something to teach it."""
    if folder is None:
        return None
    from napari_medai.explain.lessons import read_lessons

    lessons = read_lessons(folder, model, seed, share(progress, 0, 0.3))
    inner = share(progress, 0.3, 1)
    return shuffled_twin(
        model.network, lessons, task=model.spec.task, steps=steps, seed=seed, device=device, progress=inner
    )


def _tried(
    model: Model, case: _Case, way: Way, effort: Effort, twin: Twin | None, progress: Progress
) -> Report:
    import torch

    from napari_medai.models.runtime import ready

    explainer, cells = _explainer(way, case.blank), _cells(way.layers, case.volume)
    with ready(model.network, way.device) as (lent, where), torch.inference_mode(False), torch.no_grad():
        subject = Subject(lent, case.volume, case.question, explainer, cells, str(where))
        if twin is not None:
            twin = replace(twin, network=twin.network.to(where))
        return check_map(subject, case.mask, effort=effort, twin=twin, progress=progress)


def _explainer(way: Way, blank: float) -> Explainer:
    def explain(network: Any, sample: Any, target: Any, progress: Progress) -> Floats:
        return window_map(network, sample, target, way.method, way.layers, blank, progress)

    return explain


def _cells(layers: Sequence[Layer], volume: Floats) -> tuple[int, ...]:
    if not layers:
        return tuple(max(2, n // INPUT_CELL) for n in volume.shape[1:])
    return min((layer.cells for layer in layers), key=np.prod)
