"""A model that goes on learning from other cases, and becomes a new model."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from napari_medai.core.device import resolve_device
from napari_medai.core.errors import ModelError
from napari_medai.core.progress import Progress, part, silent
from napari_medai.models.model import Model
from napari_medai.models.neighbours import input_names
from napari_medai.models.networks import build_network
from napari_medai.models.store import as_model
from napari_medai.train.cases import Cases
from napari_medai.train.fingerprint import take_fingerprint
from napari_medai.train.judge import Judge
from napari_medai.train.layouts import find_cases
from napari_medai.train.plan import PLAN_SCHEMA, Plan, SplitSettings, parse_plan, read_plan
from napari_medai.train.planner import label_names
from napari_medai.train.result import Watch
from napari_medai.train.settings import LoopSettings
from napari_medai.train.split import Split
from napari_medai.train.store import CaseStore
from napari_medai.train.training import Start, train_from
from napari_medai.train.transfer import Transfer, rate_factors, transfer_weights

if TYPE_CHECKING:
    import torch


class FineTuning(BaseModel):
    """How much of the parent may change.

    Parameters
    ----------
    freeze_encoder : bool
        Leave the encoder as it is.
    decay : float
        Each block nearer to the input learns by this factor more slowly.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    freeze_encoder: bool = False
    decay: Annotated[float, Field(gt=0, le=1)] = 1.0


def plan_fine_tuning(
    model: str | Path | Model,
    cases: Cases,
    *,
    name: str = "",
    minutes: float | None = None,
    progress: Progress = silent,
) -> Plan:
    """Plan a fine-tuning: network, spacing, intensities and patch are the parent's.

    Parameters
    ----------
    model : str, path or Model
        The parent.
    cases : Cases
        The labelled images; labels unnamed there have the parent's names where their numbers are known to it.
    name : str
        Of the new model; the parent's with ``-tuned`` by default.
    minutes : float, optional
        Time budget.
    progress : Progress
        Hears of each case.

    Raises
    ------
    ModelError
        If the parent does not segment, or has other dimensions than the cases.
    """
    spec = as_model(model).spec
    seen = take_fingerprint(cases, progress)
    if spec.task != "segmentation" or spec.image_ndim != seen.ndim:
        raise ModelError(
            f"Model {spec.name} does {spec.task} in {spec.image_ndim}-D; "
            f"the cases are labelled in {seen.ndim}-D.",
            hint="Choose another model, or train a new one.",
        )
    labels = cases.labels or _names_from(spec.outputs.labels, label_names(cases, seen))
    count = len(seen.channels)
    channels = spec.channels if count == len(spec.channels) else [f"channel {k + 1}" for k in range(count)]
    return Plan(
        schema=PLAN_SCHEMA,
        name=name or f"{spec.name[:58]}-tuned",
        channels=cases.channels or tuple(channels),
        labels=labels,
        ignore=cases.ignore,
        spacing=spec.spacing,
        intensity=spec.intensity,
        network=spec.network,
        patch=spec.tile,
        slicewise=spec.preparation.slicewise,
        neighbours=spec.preparation.neighbours,
        batch=4 if spec.ndim == 2 else 2,
        loop=LoopSettings(rate=1e-3, minutes=minutes, epochs=1000 if minutes else 10, average=0.99, steps=50),
        split=SplitSettings(none=len({c.subject for c in cases}) < 2),
        licence=spec.licence,
        citation=spec.citation,
    )


def _names_from(known: tuple[str, ...], found: tuple[str, ...]) -> tuple[str, ...]:
    """Call labels as the parent does, as long as nobody named them otherwise."""
    named = [known[k] if k < len(known) and n == f"label {k}" else n for k, n in enumerate(found)]
    return tuple(named) + (known[len(found) :] if found != tuple(named) else ())


def fine_tune(
    model: str | Path | Model,
    cases: Cases | str | Path,
    plan: Plan | str | Path | dict[str, Any] | None = None,
    *,
    out: str | Path,
    freeze_encoder: bool = False,
    decay: float = 1.0,
    split: Split | str | Path | None = None,
    resume: bool = False,
    device: str = "auto",
    watch: Watch | None = None,
    progress: Progress = silent,
) -> Model:
    """Train a model further on other cases.

    Parameters
    ----------
    model : str, path or Model
        The parent; it is not changed. Its network may meet other channels and other labels.
    cases : Cases or path
        Labelled images, or a place that :func:`find_cases` understands.
    plan : Plan, path or dict, optional
        How; made by :func:`plan_fine_tuning` where it is not given. Its network must be the parent's.
    out : path
        A folder, as for :func:`train_model`.
    freeze_encoder : bool
        Leave the encoder as it is.
    decay : float
        Each block nearer to the input learns by this factor more slowly.
    split, resume, device, watch, progress
        As for :func:`train_model`.

    Returns
    -------
    Model
        As loaded from ``out/model``; ``spec.parent`` is the parent's hash, and ``spec.training["parent"]``
        holds what was kept and, where the labels are the same, both models' Dice on the validation cases.

    Raises
    ------
    ModelError
        If the parent does not suit the cases.
    """
    parent = as_model(model)
    found = cases if isinstance(cases, Cases) else find_cases(cases)
    if plan is None:
        chosen = plan_fine_tuning(parent, found, progress=part(progress, 0, 0.02))
    elif isinstance(plan, dict):
        chosen = parse_plan(plan)
    else:
        chosen = plan if isinstance(plan, Plan) else read_plan(plan)
    if chosen.network.name != parent.spec.network.name:
        raise ModelError(
            f"The plan's network is {chosen.network.name}, the parent's {parent.spec.network.name}.",
            hint="Leave the network of the plan as it is.",
        )
    network, report = _child(parent, chosen)
    tuning = FineTuning(freeze_encoder=freeze_encoder, decay=decay)
    return train_from(
        _start(parent, chosen, network, report, tuning, resolve_device(device)),
        found,
        chosen,
        out=out,
        split=split,
        resume=resume,
        device=device,
        watch=watch,
        progress=part(progress, 0.02, 1),
    )


def _child(parent: Model, plan: Plan) -> tuple[torch.nn.Module, Transfer]:
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(plan.loop.seed)
        network = build_network(plan.spec())
    channels = (input_names(parent.spec), input_names(plan.spec()))
    labels = (parent.spec.outputs.labels, plan.labels)
    return network, transfer_weights(parent.network, network, channels=channels, labels=labels)


def _start(
    parent: Model, plan: Plan, network: torch.nn.Module, report: Transfer, tuning: FineTuning, device: str
) -> Start:
    new = (*report.new, *report.adapted)
    factors = rate_factors(network, freeze_encoder=tuning.freeze_encoder, decay=tuning.decay, new=new)
    beside = _Beside(parent, report, tuning, device)
    spec = parent.spec
    way = spec.preparation.model_copy(update={"neighbours": plan.neighbours})
    described: dict[str, Any] = {"preparation": way, "windows": spec.windows}
    described |= {"mirror_axes": spec.mirror_axes, "parent": parent.digest or None}
    return Start(
        network,
        # under deep supervision the network's own names stand behind "inner."; the heads are new
        lambda name: factors.get(name.removeprefix("inner."), 1.0),
        described,
        finish=beside,
    )


@dataclass(frozen=True, eq=False)
class _Beside:
    """Judges parent and child on the same validation cases when the training is done."""

    parent: Model
    report: Transfer
    tuning: FineTuning
    device: str

    def __call__(self, model: Model, store: CaseStore, parts: Split) -> dict[str, Any]:
        entry: dict[str, Any] = {
            "model": self.parent.reference,
            "tensors": str(self.report),
            "adapted": list(self.report.adapted),
            "new": list(self.report.new),
            **self.tuning.model_dump(),
        }
        if parts.validation and self._comparable(model):
            judge = Judge(store, parts.validation, model.spec, self.device)
            entry["before"] = _rounded(judge(copy.deepcopy(self.parent.network)))
            entry["after"] = _rounded(judge(model.network))
        return {"parent": entry}

    def _comparable(self, model: Model) -> bool:
        old, new = self.parent.spec, model.spec
        return all(
            getattr(old, what) == getattr(new, what)
            for what in ("outputs", "channels", "inputs", "intensity", "spacing")
        )


def _rounded(figures: dict[str, float]) -> dict[str, float | None]:
    return {name: round(value, 4) if value == value else None for name, value in figures.items()}
