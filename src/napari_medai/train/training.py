"""A segmentation model made from cases and a plan."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medai.core.device import require_torch, resolve_device
from napari_medai.core.errors import ArgumentError
from napari_medai.core.progress import Progress, part, silent
from napari_medai.models.check import make_case
from napari_medai.models.folder import save_folder
from napari_medai.models.model import Model
from napari_medai.models.networks import build_network
from napari_medai.models.spec import ModelSpec
from napari_medai.train.adversary import Adversarial
from napari_medai.train.cases import Cases
from napari_medai.train.describe import model_card, training_summary
from napari_medai.train.drawn import drawn_image
from napari_medai.train.given import SPLIT, cases_from, plan_of, require_labels, split_of
from napari_medai.train.judge import Judge, Steady
from napari_medai.train.loop import LAST, run_training
from napari_medai.train.objective import deeply_supervised, segmentation_objective
from napari_medai.train.patches import Patches, drawing_place
from napari_medai.train.plan import GanSettings, Plan, write_plan
from napari_medai.train.planner import make_plan
from napari_medai.train.result import Training, Watch
from napari_medai.train.split import Split, save_split
from napari_medai.train.stepping import RateOf
from napari_medai.train.store import CaseStore

if TYPE_CHECKING:
    import torch

MODEL, RUN, TWIN, PLAN = "model", "run", "twin", "plan.yaml"
"""What a training's folder holds: the model, checkpoints and log (a GAN's twin has its own), plan, split."""


@dataclass(frozen=True, eq=False)
class Start:
    """What a training starts from besides its plan.

    Parameters
    ----------
    network : torch.nn.Module or None
        With its weights; none: fresh ones.
    rate_of : callable or None
        Factor of the learning rate by parameter name.
    spec : dict
        Entries of the model's description beside those of the plan (``parent``).
    summary : dict
        Entries of the model's training summary.
    finish : callable or None
        Given the model before it is saved, returns further entries of the summary.
    """

    network: Any = None
    rate_of: RateOf | None = None
    spec: dict[str, Any] | None = None
    summary: dict[str, Any] | None = None
    finish: Callable[[Model, CaseStore, Split], dict[str, Any]] | None = None


def train_model(
    cases: Cases | str | Path | None,
    plan: Plan | str | Path | dict[str, Any] | None = None,
    *,
    out: str | Path,
    split: Split | str | Path | None = None,
    resume: bool = False,
    device: str = "auto",
    base: str | Path | None = None,
    watch: Watch | None = None,
    progress: Progress = silent,
) -> Model:
    """Train a segmentation model.

    Parameters
    ----------
    cases : Cases or path
        Labelled images, or a place that :func:`find_cases` understands. None: the plan says where.
    plan : Plan, path or dict, optional
        How; made by :func:`make_plan` where it is not given.
    out : path
        A folder for ``plan.yaml``, ``split.json``, ``run`` (checkpoints and ``log.csv``) and ``model``.
    split : Split or path, optional
        Who trains and who validates; by default as the plan says. It is saved.
    resume : bool
        Go on with the training in ``out``. On the CPU the result is the same as without the interruption.
    device : str
        "auto", "cpu", "cuda" or "mps".
    base : path, optional
        The folder that paths in the plan are relative to: the plan file's by default.
    watch : callable, optional
        ``watch(epoch, network)`` after each epoch.
    progress : Progress
        Hears every step; ``Cancelled`` leaves the best and the last network in ``out/run``;
        :class:`napari_medai.train.Finish` ends the training well, with a model.

    Returns
    -------
    Model
        As loaded from ``out/model``, which ``predict_labels`` runs.

    Raises
    ------
    ArgumentError
        If cases, plan or split do not fit each other; ``out`` holds a model already.
    """
    require_torch()
    chosen = plan_of(plan)
    if base is None:
        base = Path(plan).parent if isinstance(plan, str | Path) else Path()
    found = cases_from(cases, chosen, Path(base))
    chosen = chosen or make_plan(found, device=device, progress=part(progress, 0, 0.02))
    return train_from(Start(), found, chosen, out=out, split=split, resume=resume, device=device, watch=watch,
                      progress=part(progress, 0.02, 1))  # fmt: skip


def train_from(
    start: Start,
    cases: Cases,
    plan: Plan,
    *,
    out: str | Path,
    split: Split | str | Path | None,
    resume: bool,
    device: str,
    watch: Watch | None,
    progress: Progress,
) -> Model:
    """Train from a start: fresh weights or another model's. See :func:`train_model`."""
    out, place = Path(out), resolve_device(device)
    if (out / MODEL).exists():
        raise ArgumentError(f"{out} holds a finished model.", hint="Choose another folder.")
    parts = split_of(cases, plan, split, out, resume, part(progress, 0, 0))
    out.mkdir(parents=True, exist_ok=True)
    write_plan(plan, out / PLAN)
    save_split(parts, out / SPLIT)
    spec = plan.spec(**(start.spec or {}))
    store = CaseStore(cases, spec, plan.cache_mb)
    require_labels(plan, store, parts)
    job = _Job(start, plan, spec, store, parts, out, place)
    if plan.adversarial is not None:
        twin = job.run(None, TWIN, resume, None, part(progress, 0, 0.49))
        job = replace(job, start=_beside_twin(start, twin))
        progress = part(progress, 0.49, 1)
    done = job.run(plan.adversarial, RUN, resume, watch, part(progress, 0, 0.98))
    return _saved(job, done)


def _beside_twin(start: Start, twin: Training) -> Start:
    """Put the figures of the supervised twin into the summary."""
    figures = {name: round(value, 4) for name, value in twin.best.metrics.items() if np.isfinite(value)}
    return replace(start, summary={**(start.summary or {}), "supervised_twin": figures})


@dataclass(frozen=True, eq=False)
class _Job:
    """All that a run of the loop needs but how it is watched."""

    start: Start
    plan: Plan
    spec: ModelSpec
    store: CaseStore
    parts: Split
    out: Path
    device: str

    def run(
        self,
        adversary: GanSettings | None,
        folder: str,
        resume: bool,
        watch: Watch | None,
        progress: Progress,
    ) -> Training:
        """Train once, with or without an adversary."""
        plan, place = self.plan, self.out / folder
        how, where = plan.augment, drawing_place(self.device)
        draw = Patches(
            self.store, self.parts.train, plan.patch, plan.batch, how, plan.foreground, device=where
        )
        judged = self.parts.validation[: plan.split.validate_on]
        steady = Steady(progress)
        judge = Judge(self.store, judged, self.spec, self.device, steady.judging) if judged else None
        return run_training(
            self._network(),
            draw,
            self._objective(adversary),
            plan.loop,
            out=place,
            validate=judge,
            watch=watch,
            rate_of=self.start.rate_of,
            device=self.device,
            resume=resume and (place / LAST).exists(),
            progress=steady,
        )

    def _network(self) -> Any:
        import torch

        with torch.random.fork_rng():
            torch.manual_seed(self.plan.loop.seed)
            given = self.start.network
            network: Any = build_network(self.spec) if given is None else copy.deepcopy(given)
            if self.spec.ndim == 2:
                network = network.to(memory_format=torch.channels_last)
            if self.plan.objective.deep_supervision:
                network = deeply_supervised(network, len(self.plan.labels))
        return network

    def _objective(self, adversary: GanSettings | None) -> Any:
        import torch

        classes = len(self.plan.labels)
        supervised = segmentation_objective(self.plan.objective, classes)
        if adversary is None:
            return supervised
        with torch.random.fork_rng():
            torch.manual_seed(self.plan.loop.seed)
            return Adversarial(
                supervised, adversary, len(self.plan.patch), self.spec.inputs, classes, self.device
            )


def _saved(job: _Job, done: Training) -> Model:
    start, plan, spec = job.start, job.plan, job.spec
    network: Any = getattr(done.network, "inner", done.network)
    network = network.to(memory_format=_contiguous())
    model = Model(spec, network)
    extra = start.finish(model, job.store, job.parts) if start.finish else {}
    summary = training_summary(plan, job.parts, done, job.device) | (start.summary or {}) | extra
    described = spec.model_copy(update={"training": json.loads(json.dumps(summary))})
    model = Model(described, network, model_card(plan, summary))
    checked = Model(described, network, model.card, make_case(model, drawn_image(described)))
    return save_folder(checked, job.out / MODEL)


def _contiguous() -> torch.memory_format:
    import torch

    return torch.contiguous_format
