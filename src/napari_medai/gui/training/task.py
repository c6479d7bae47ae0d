"""What the Fine-tune panel must know of each kind of model it can train."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class TrainingTask:
    """How the panel trains one kind of model.

    Parameters
    ----------
    truth : {"labels", "points"}
        The kind of layer that holds what is to be learnt.
    model_task : str
        The task of models to go on from.
    make_plan : callable
        ``make_plan(wish, progress)`` looks at the cases and plans the training.
    parse_plan : callable
        Reads a plan as it stands in the panel.
    has_begun : callable
        ``has_begun(folder, plan)`` tells whether a training that can go on lies in the folder: the same plan
        but for its time budget.
    train : callable
        ``train(wish, plan, course, resume, progress)`` trains and returns the new model's folder.
    rank : callable
        ``rank(images, model, progress)`` orders image layers by how unsure a model is of them.
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
    parse_plan: Callable[[str], Any]
    has_begun: Callable[[Path, Any], bool]
    train: Callable[..., Path]
    rank: Callable[..., list[tuple[int, float]]]
    describe: Callable[[Any], str]
    judged: Callable[[Any], str]
    metric: str
    metric_name: str
    panel: str
    operation: str
    try_it: str


def validated(model: Any, figure: str) -> float | None:
    """Return what a model's description says of its validation, if it does."""
    figures = model.spec.training.get("validation")
    value = figures.get(figure) if isinstance(figures, dict) else None
    return float(value) if isinstance(value, float) else None
