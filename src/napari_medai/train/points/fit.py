"""The two stages of a landmark network trained one after the other, then calibrated on cases kept aside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_medai.core.geometry import FloatArray
from napari_medai.core.progress import Progress, part, silent
from napari_medai.models.model import Model
from napari_medai.models.networks import build_network
from napari_medai.models.points.heat import heat_loss, read_peaks
from napari_medai.models.points.heat_networks import Stage
from napari_medai.models.points.shape import fit_shape
from napari_medai.models.points.windows import Windows, straight
from napari_medai.models.spec import ModelSpec
from napari_medai.train.loop import run_training
from napari_medai.train.points.calibrate import calibrated
from napari_medai.train.points.cases import Missing, PointCase, Shown, show
from napari_medai.train.points.draw import Views
from napari_medai.train.points.plan import PointPlan
from napari_medai.train.result import Training, Watch
from napari_medai.train.settings import LoopSettings
from napari_medai.train.stepping import supervised

if TYPE_CHECKING:
    import torch

STEPS_IN_EPOCH, MOST_EPOCHS = 100, 24
STEPS_A_MINUTE, LEAST_STEPS = 10, 4
"""An epoch is as short as this where there is little time, so that the curves are seen to move."""
COARSE_TIME = 0.45
"""The share of the time that the first stage may take; what it leaves is the second's."""
ABSENT_WEIGHT = {"coarse": 1.0, "fine": 0.1}
"""What a point out of sight counts beside one in sight: most points are out of sight of most windows."""
MISSED_SPACINGS = 1.2
"""By how many coarse voxels the fine windows miss their points in training, along each axis."""


@dataclass(frozen=True, eq=False)
class PointTraining:
    """What a landmark training brought.

    Parameters
    ----------
    model : Model
        Calibrated, not yet saved.
    coarse, fine : Training
        The course of the two stages.
    """

    model: Model
    coarse: Training
    fine: Training


@dataclass(frozen=True)
class Conduct:
    """How a training is run, whatever is learnt.

    Parameters
    ----------
    out : pathlib.Path or None
        Where checkpoints and tables go, a folder a stage.
    device : str
        "auto", "cpu", "cuda" or "mps".
    seed : int
        Decides every view.
    resume : bool
        Go on from what lies in ``out``.
    missing : {"absent", "ignore"}
        What it means that a case lacks a point.
    precision : {"bf16", "fp32"}
        Of the forward pass.
    watch : callable, optional
        Hears of every epoch.
    """

    out: Path | None = None
    device: str = "auto"
    seed: int = 0
    resume: bool = False
    missing: Missing = "absent"
    precision: str = "bf16"
    watch: Watch | None = None


def fit_points(
    plan: PointPlan,
    spec: ModelSpec,
    learn: Sequence[PointCase],
    check: Sequence[PointCase],
    conduct: Conduct,
    start: torch.nn.Module | None = None,
    progress: Progress = silent,
) -> PointTraining:
    """Train both stages and calibrate.

    Parameters
    ----------
    plan : PointPlan
        Sizes and lengths.
    spec : ModelSpec
        What the model will say of itself.
    learn, check : sequences of PointCase
        To learn from, and to choose and calibrate by.
    conduct : Conduct
        Where, with which seed.
    start : torch.nn.Module, optional
        A network of the same description to go on from.
    progress : Progress
        Hears every step.
    """
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(conduct.seed)
        network = build_network(spec)
    if start is not None:
        network.load_state_dict(start.state_dict())
    stages = {
        "coarse": (plan.coarse_spacing, part(progress, 0, COARSE_TIME)),
        "fine": (plan.fine_spacing, part(progress, COARSE_TIME, 0.95)),
    }
    done: dict[str, Training] = {}
    for name, (spacing, report) in stages.items():
        shown = [
            show(spec, spacing, cases, conduct.missing, part(report, 0.0, 0.02)) for cases in (learn, check)
        ]
        minutes = None if plan.minutes is None else stage_minutes(plan.minutes, done.get("coarse"))
        done[name] = _fit_stage(
            name, plan, spec, getattr(network, name), shown, conduct, minutes, part(report, 0.02, 1)
        )
        setattr(network, name, done[name].network)
    spec = with_shape(spec, show(spec, plan.coarse_spacing, learn, conduct.missing))
    model = Model(spec, network.eval().requires_grad_(False))
    model = calibrated(model, check, conduct.device, part(progress, 0.95, 1))
    return PointTraining(model, done["coarse"], done["fine"])


def with_shape(spec: ModelSpec, cases: Sequence[Shown]) -> ModelSpec:
    """Add the shape prior of the training cases to a description."""
    configurations = [np.where((c.state > 0)[:, None], c.at, np.nan) for c in cases]
    if spec.points is None or len(spec.outputs.points) < 4:
        return spec
    mean, spread = fit_shape(configurations)
    told = spec.points.model_copy(
        update={
            "shape": tuple(tuple(round(float(v), 3) for v in row) for row in mean),
            "spread": tuple(round(float(v), 3) for v in spread),
        }
    )
    return spec.model_copy(update={"points": told})


def _fit_stage(
    name: str,
    plan: PointPlan,
    spec: ModelSpec,
    network: torch.nn.Module,
    shown: Sequence[Sequence[Shown]],
    conduct: Conduct,
    minutes: float | None,
    progress: Progress,
) -> Training:
    learn, check = shown
    coarse = name == "coarse"
    if spec.points is None:
        raise ValueError("not a landmark model")
    sigma = spec.points.sigma if coarse else spec.points.fine_sigma or spec.points.sigma
    around = None if coarse else MISSED_SPACINGS * plan.coarse_spacing[0]
    shape, batch = (plan.tile, plan.coarse_batch) if coarse else (plan.window, plan.fine_batch)
    context = Stage.model_validate(spec.network.arguments[name]).context
    draw = Views(learn, shape, sigma, batch, around, context)
    steps = plan.coarse_steps if coarse else plan.fine_steps
    each = min(steps, _epoch_steps(steps, plan.minutes))
    settings = LoopSettings(
        epochs=max(1, round(steps / each)),
        steps=each,
        minutes=minutes,
        patience=plan.patience,
        rate=plan.rate,
        precision=conduct.precision,  # type: ignore[arg-type]
        average=0.99,
        seed=conduct.seed + (0 if coarse else 1),
    )
    return run_training(
        network,
        draw,
        supervised(partial(heat_loss, absent_weight=ABSENT_WEIGHT[name])),
        settings,
        out=None if conduct.out is None else conduct.out / name,
        validate=_Judge(check, shape, sigma, around, context) if check else None,
        watch=conduct.watch,
        device=conduct.device,
        resume=conduct.resume
        and conduct.out is not None
        and (conduct.out / name / "last.safetensors").exists(),
        progress=progress,
    )


def stage_minutes(budget: float, coarse: Training | None) -> float:
    """Return the time of a stage: a share for the first, for the second what that has left.

    Parameters
    ----------
    budget : float
        Minutes of both together.
    coarse : Training or None
        The first stage's course; None: the first stage is asked about.
    """
    if coarse is None:
        return COARSE_TIME * budget
    return max((1 - COARSE_TIME) * budget, budget - coarse.epochs[-1].seconds / 60)


def _epoch_steps(steps: int, minutes: float | None) -> int:
    usual = max(STEPS_IN_EPOCH, steps // MOST_EPOCHS)
    return usual if minutes is None else min(usual, max(LEAST_STEPS, round(STEPS_A_MINUTE * minutes)))


@dataclass(frozen=True, eq=False)
class _Judge:
    """Measures one stage on cases kept aside: the mean radial error, and whether absence is known."""

    cases: Sequence[Shown]
    shape: tuple[int, ...]
    sigma: float
    around: float | None
    context: float

    def __call__(self, network: torch.nn.Module) -> Mapping[str, float]:
        rng = np.random.default_rng(0)
        errors, right = [], []
        for case in self.cases:
            windows, which = self._windows(case, rng)
            error, known = self._judge(network, case, windows, which)
            errors += error
            right += known
        far = float(np.mean(np.array(errors) > 3 * self.sigma)) if errors else 1.0
        mean = float(np.mean(errors)) if errors else float("inf")
        return {"score": -mean, "error": mean, "far": far, "presence": float(np.mean(right))}

    def _windows(self, case: Shown, rng: np.random.Generator) -> tuple[Windows, list[int]]:
        size = (np.array(case.volume.shape[1:]) - 1) * case.spacing
        if self.around is None:
            return straight(size[None] / 2, self.shape, case.spacing), []
        there = [int(k) for k in np.flatnonzero(case.state > 0)]
        centres = case.at[there] + rng.normal(0, self.around, (len(there), len(size)))
        return straight(centres, self.shape, case.spacing), there

    def _judge(
        self, network: torch.nn.Module, case: Shown, windows: Windows, which: Sequence[int]
    ) -> tuple[list[float], list[float]]:
        import torch

        if len(windows.centres) == 0:
            return [], []
        device = next(network.parameters()).device
        with torch.inference_mode():
            maps = (
                network(windows.cut(case.volume, case.spacing, self.context).to(device)).float().cpu().numpy()
            )
        own: FloatArray = maps[0] if not which else np.stack([maps[i][k] for i, k in enumerate(which)])
        peaks = read_peaks(own, case.spacing, self.sigma)
        rows = replace(
            windows,
            centres=np.broadcast_to(windows.centres, peaks.index.shape),
            matrices=np.broadcast_to(windows.matrices, (len(own), *windows.matrices.shape[1:])),
        )
        picked = np.array(which) if which else np.arange(len(case.at))
        there, known = case.state[picked] > 0, case.state[picked] >= 0
        errors = np.linalg.norm(rows.to_image(peaks.index) - case.at[picked], axis=1)
        right = (peaks.present > 0.5) == there
        return list(errors[there]), list(right[known].astype(float))
