"""What the Fine-tune panel can teach: labels, or points."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from napari_medai.gui.training.point_work import make_point_plan, run_points
from napari_medai.gui.training.work import make_plan, run


@dataclass(frozen=True)
class TrainingTask:
    """How the panel trains one kind of model.

    Parameters
    ----------
    truth : {"labels", "points"}
        The kind of layer that holds what is to be learnt.
    model_task : str
        The task of models to go on from.
    make_plan, run : callable
        The worker's part.
    describe : callable
        Says a plan in a line.
    judged : callable
        Says in a few words how good a finished model is; nothing where that is not known.
    metric, metric_name : str
        What validation brings, and what the curve calls it.
    panel, operation : str
        Where a finished model is used.
    try_it : str
        The words on the button that leads there.
    """

    truth: str
    model_task: str
    make_plan: Callable[..., Any]
    run: Callable[..., Any]
    describe: Callable[[Any], str]
    judged: Callable[[Any], str]
    metric: str
    metric_name: str
    panel: str
    operation: str
    try_it: str


def _describe_labels(plan: Any) -> str:
    from napari_medai.train.planner import memory_of

    minutes = plan.loop.minutes
    time = f"at most {minutes:g} minutes" if minutes else f"{plan.loop.epochs} epochs"
    size = "×".join(map(str, plan.patch))
    return (
        f"About {memory_of(plan):.1f} GB a step and {time}; {len(plan.patch)}-D patches of {size}, "
        f"{plan.batch} at a time."
    )


def _describe_points(plan: Any) -> str:
    time = (
        f"At most {plan.minutes:g} minutes"
        if plan.minutes
        else f"{plan.coarse_steps + plan.fine_steps} steps"
    )
    whole, close = plan.coarse_spacing[0], plan.fine_spacing[0]
    window = "×".join(map(str, plan.window))
    return (
        f"{time} for {len(plan.points)} points; the whole in voxels of {whole:.3g} {plan.unit}, then windows "
        f"of {window} voxels of {close:.3g} {plan.unit}."
    )


def _judged_labels(model: Any) -> str:
    score = _validated(model, "score")
    return "" if score is None else f", mean Dice {score:.3f} on the validation cases"


def _judged_points(model: Any) -> str:
    error = _validated(model, "mean_error")
    unit = model.spec.points.unit
    return "" if error is None else f", mean error {error:.2f} {unit} on the validation cases"


def _validated(model: Any, figure: str) -> float | None:
    figures = model.spec.training.get("validation")
    value = figures.get(figure) if isinstance(figures, dict) else None
    return float(value) if isinstance(value, float) else None


LABELS = TrainingTask(
    truth="labels",
    model_task="segmentation",
    make_plan=make_plan,
    run=run,
    describe=_describe_labels,
    judged=_judged_labels,
    metric="score",
    metric_name="mean Dice of the validation cases",
    panel="Segment",
    operation="predict_labels",
    try_it="Segment another image …",
)
POINTS = TrainingTask(
    truth="points",
    model_task="landmarks",
    make_plan=make_point_plan,
    run=run_points,
    describe=_describe_points,
    judged=_judged_points,
    metric="error",
    metric_name="mean error of the validation cases",
    panel="Landmarks",
    operation="detect_landmarks",
    try_it="Find points in another image …",
)
TASKS = {"labels: segment images": LABELS, "points: find landmarks": POINTS}
"""By the words a person chooses from."""
