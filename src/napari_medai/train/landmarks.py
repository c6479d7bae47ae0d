"""A landmark model from images with points, in a folder of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medai.core.errors import ArgumentError
from napari_medai.core.files import written_beside
from napari_medai.core.progress import Progress, part, silent
from napari_medai.io.point_folder import MarkedImage, read_marked_images
from napari_medai.models.check import make_case
from napari_medai.models.folder import save_folder
from napari_medai.models.model import Model
from napari_medai.models.points.grey import as_grey
from napari_medai.models.store import load_model
from napari_medai.train.points.card import point_card, point_figures
from napari_medai.train.points.cases import Missing, Outside, PointCase, check_cases, outside_as_absent
from napari_medai.train.points.fit import Conduct, PointTraining, fit_points
from napari_medai.train.points.plan import PointPlan, Size, plan_points, read_point_plan
from napari_medai.train.result import Watch

if TYPE_CHECKING:
    from napari_medai.core.landmarks import Landmarks

PLAN, MODEL, RUN = "plan.json", "model", "run"
CHECK_SHARE, MOST_CHECKED = 0.15, 20
FINE_TUNED_RATE = 3.0
"""By what the rate is divided where a trained model goes on."""


def train_landmarks(
    cases: str | Path | Sequence[PointCase],
    *,
    out: str | Path,
    table: str | Path | None = None,
    spacing_mm: float | None = None,
    plan: PointPlan | None = None,
    size: Size = "standard",
    minutes: float | None = 45.0,
    start: str | Path | Model | None = None,
    name: str = "",
    licence: str = "not stated",
    citation: str = "not stated",
    missing: Missing = "absent",
    outside: Outside = "refuse",
    seed: int = 0,
    resume: bool = False,
    device: str = "auto",
    watch: Watch | None = None,
    progress: Progress = silent,
) -> Model:
    """Train a model that finds points.

    Parameters
    ----------
    cases : path or sequence of PointCase
        A folder of images with a table of points (see
        :func:`napari_medai.io.point_folder.read_marked_images`), or the cases themselves. Of two readers
        the mean is learnt.
    out : path
        A folder to make: ``plan.json``, ``run/`` with checkpoints and curves, ``model/``.
    table : path, optional
        The table, if it does not lie in the folder.
    spacing_mm : float, optional
        Pixel size of images that do not say it. Without any, the model works in pixels.
    plan : PointPlan, optional
        Made from the images if not given.
    size : {"standard", "small"}
        How wide the networks of a new plan are.
    minutes : float or None
        Time for both stages together; the learning rate falls with it. None: all steps of the plan.
    start : str, path or Model, optional
        A model with the same points to go on from (fine-tuning); it stays as it is.
    name, licence, citation : str
        What the model says of itself; the name is the folder's by default.
    missing : {"absent", "ignore"}
        What it means that a case lacks a point: the image does not show it, or nobody looked.
    outside : {"refuse", "absent"}
        What is done with a point beyond the border of its image, most often a mistake: refuse to begin, or
        learn that this image does not show it.
    seed : int
        Decides which cases are kept aside and every view.
    resume : bool
        Go on with the training in ``out``.
    device : str
        "auto", "cpu", "cuda" or "mps".
    watch : callable, optional
        Hears of every epoch of both stages.
    progress : Progress
        Hears every step.

    Returns
    -------
    Model
        As loaded back from ``out/model``, with error bars calibrated on the cases kept aside.

    Raises
    ------
    ArgumentError
        If the cases do not fit together, or the folder holds a training already, or a finished one.
    ReadError
        If images or points cannot be read.
    """
    folder = Path(out)
    if folder.exists() and not resume:
        raise ArgumentError(f"{folder} exists already.", hint="Resume it, or choose another folder.")
    if (folder / MODEL).exists():
        raise ArgumentError(
            f"The training in {folder} is finished.", hint=f"Go on from {folder / MODEL} in another folder."
        )
    if isinstance(cases, str | Path):
        marked = read_marked_images(cases, table, spacing_mm=spacing_mm, progress=part(progress, 0, 0.04))
        cases = [case_of(one) for one in marked]
    if outside == "absent":
        cases = [outside_as_absent(case) for case in cases]
    check_cases(cases)
    learn, check = keep_aside(cases, seed)
    origin = _origin(start)
    chosen = _plan(cases, plan, folder, resume, size, minutes, origin)
    spec = _spec(chosen, origin, name or folder.resolve().name, licence, citation)
    _keep_plan(chosen, folder)
    conduct = Conduct(folder / RUN, device, seed, resume, missing, watch=watch)
    network = None if origin is None else origin.network
    done = fit_points(chosen, spec, learn, check, conduct, network, part(progress, 0.04, 0.98))
    return _saved(done, learn, check, folder, device)


def case_of(marked: MarkedImage) -> PointCase:
    """Make a case of an image, in grey, and its readers; of several readers the mean is taken."""
    return PointCase(as_grey(marked.image), mean_points(marked.readers), marked.name)


def mean_points(readers: Sequence[Landmarks]) -> Landmarks:
    """Average readers point by point; a point is there where any of them has placed it."""
    if len(readers) == 1:
        return readers[0]
    names = list(dict.fromkeys(n for r in readers for n in r.names))
    ndim = readers[0].positions.shape[1]
    positions, absent = np.zeros((len(names), ndim)), np.zeros(len(names), dtype=bool)
    for k, name in enumerate(names):
        placed = [r.present[name] for r in readers if name in r.present.names]
        absent[k] = not placed
        if placed:
            positions[k] = np.mean(placed, axis=0)
    return readers[0].replace(
        names=tuple(names), positions=positions, covariance=None, confidence=None, absent=absent
    )


def keep_aside(cases: Sequence[PointCase], seed: int) -> tuple[list[PointCase], list[PointCase]]:
    """Split cases into those to learn from, and a sixth or so (20 at most) to check and calibrate by."""
    order = np.random.default_rng([seed, 41]).permutation(len(cases))
    count = min(MOST_CHECKED, max(1, round(CHECK_SHARE * len(cases))))
    return [cases[k] for k in order[count:]], [cases[k] for k in order[:count]]


def _origin(start: str | Path | Model | None) -> Model | None:
    return None if start is None else start if isinstance(start, Model) else load_model(start)


def plan_landmarks(
    cases: Sequence[PointCase],
    *,
    size: Size = "standard",
    minutes: float | None = 45.0,
    start: str | Path | Model | None = None,
) -> PointPlan:
    """Make the plan of a training, new or from a model.

    Parameters
    ----------
    cases : sequence of PointCase
        All that there is to learn from.
    size : {"standard", "small"}
        How wide new networks are.
    minutes : float or None
        Time for both stages together.
    start : str, path or Model, optional
        A model with the same points to go on from: its grids are kept, and the rate is a third.

    Raises
    ------
    ArgumentError
        If the cases do not fit together, or the model has other points.
    """
    made, origin = plan_points(cases, size=size, minutes=minutes), _origin(start)
    if origin is None:
        return made
    return _fitted(made, origin).model_copy(update={"rate": made.rate / FINE_TUNED_RATE})


def _plan(
    cases: Sequence[PointCase],
    plan: PointPlan | None,
    folder: Path,
    resume: bool,
    size: Size,
    minutes: float | None,
    origin: Model | None,
) -> PointPlan:
    if resume and (folder / PLAN).exists():
        before = read_point_plan(folder / PLAN)
        return before if plan is None else before.model_copy(update={"minutes": plan.minutes})
    if plan is None:
        return plan_landmarks(cases, size=size, minutes=minutes, start=origin)
    return plan if origin is None else _fitted(plan, origin)


def _fitted(plan: PointPlan, origin: Model) -> PointPlan:
    """Let a plan see images as a model does."""
    spec, points = origin.spec, origin.spec.points
    if points is None or spec.spacing is None or set(spec.outputs.points) != set(plan.points):
        raise ArgumentError(
            f"Model {spec.name} finds {', '.join(spec.outputs.names)}; "
            f"the cases have {', '.join(plan.points)}.",
            hint="Go on from a landmark model with the same points.",
        )
    return plan.model_copy(
        update={
            "points": spec.outputs.points,
            "unit": points.unit,
            "coarse_spacing": spec.spacing,
            "fine_spacing": points.fine_spacing or spec.spacing,
            "tile": spec.tile,
            "window": points.window or plan.window,
        }
    )


def _spec(plan: PointPlan, origin: Model | None, name: str, licence: str, citation: str) -> Any:
    plain = "".join(c if c.isalnum() or c in "-_." else "-" for c in name.lower()).lstrip("-_.")[:64]
    spec = plan.spec(plain or "landmarks", licence, citation)
    if origin is None:
        return spec
    return spec.model_copy(
        update={
            "network": origin.spec.network,
            "intensity": origin.spec.intensity,
            "channels": origin.spec.channels,
            "parent": origin.digest or None,
        }
    )


def _keep_plan(plan: PointPlan, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with written_beside(folder / PLAN) as partial:
        partial.write_text(plan.model_dump_json(indent=2) + "\n", encoding="utf-8")


def _saved(
    done: PointTraining,
    learn: Sequence[PointCase],
    check: Sequence[PointCase],
    folder: Path,
    device: str,
) -> Model:
    figures = point_figures(done.model, learn, check, device)
    summary: Mapping[str, Any] = {
        "cases": {"train": len(learn), "validation": len(check)},
        "steps": {"coarse": done.coarse.epochs[-1].step, "fine": done.fine.epochs[-1].step},
        "minutes": round((done.coarse.epochs[-1].seconds + done.fine.epochs[-1].seconds) / 60, 2),
        "validation": figures.summary,
    }
    spec = done.model.spec.model_copy(update={"training": json.loads(json.dumps(summary))})
    model = replace(done.model, spec=spec, card=point_card(spec, figures))
    model = replace(model, case=make_case(model, check[0].image))
    return save_folder(model, folder / MODEL)
