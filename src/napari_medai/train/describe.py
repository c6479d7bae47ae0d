"""What a training says about itself: the summary in the model's description, and its card."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from napari_medai.core.history import package_version
from napari_medai.train.plan import Plan
from napari_medai.train.result import Training
from napari_medai.train.split import Split

WHY_ENDED = {
    "epochs": "all epochs were done",
    "minutes": "the time was used up",
    "patience": "the score no longer rose",
    "asked": "it was asked to end",
}


def training_summary(plan: Plan, parts: Split, done: Training, device: str) -> dict[str, Any]:
    """Return the facts of a training; it names no case, since names may be patients'."""
    last = done.epochs[-1]
    figures = {name: _rounded(value) for name, value in done.best.metrics.items()}
    return {
        "cases": {"train": len(parts.train), "validation": len(parts.validation), "test": len(parts.test)},
        "validation": figures,
        "best_epoch": done.best.number,
        "epochs": last.number,
        "steps": last.step,
        "minutes": round(last.seconds / 60, 2),
        "ended": WHY_ENDED[done.ended],
        "batch_cut_into": done.parts,
        "device": device,
        "seed": plan.loop.seed,
        "loop": plan.loop.model_dump(mode="json"),
        "objective": plan.objective.model_dump(mode="json"),
        "augment": plan.augment.model_dump(mode="json"),
        "batch": plan.batch,
        "adversarial": plan.adversarial.model_dump(mode="json") if plan.adversarial else None,
        "program": f"napari-medai {package_version()}",
    }


def model_card(plan: Plan, summary: Mapping[str, Any]) -> str:
    """Write a model's card from the facts of its training."""
    cases = summary["cases"]
    figures = _figures(summary["validation"], summary.get("supervised_twin"))
    parent = _against_parent(summary.get("parent"))
    return f"""# {plan.name}
Segments {", ".join(plan.labels[1:])} in images with the channel(s) {", ".join(plan.channels)}.

## Training
{cases["train"]} cases, {summary["steps"]} steps in {summary["epochs"]} epochs, {summary["minutes"]} minutes
on {summary["device"]}; it ended because {summary["ended"]}.
The weights are those of epoch {summary["best_epoch"]}.

## Figures
Dice over all voxels of {min(plan.split.validate_on, cases["validation"])} of {cases["validation"]} validation
cases, on the network's grid. The best epoch was chosen by them, so they flatter; `napari-medai evaluate`
on other cases tells more.

{figures}
{parent}
## Limits
Nothing is known about images of other scanners, patients or protocols than those it learnt from.
For research; not for diagnosis.

Licence: {plan.licence}. Cite: {plan.citation}.
"""


def _figures(found: Mapping[str, Any], twin: Any) -> str:
    """Return the table of figures; a GAN's stand beside those of the same training without the adversary."""
    if not found:
        return "It was not validated: no case was held back."
    heads = ["", "validation"] + (["without the adversary"] if twin is not None else [])
    rows = [
        [name, _shown(value)] + ([_shown(twin.get(name))] if twin is not None else [])
        for name, value in found.items()
    ]
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _against_parent(parent: Any) -> str:
    if not isinstance(parent, dict):
        return ""
    lines = [f"\n## Parent\nFine-tuned from {parent['model']}: {parent['tensors']}.\n"]
    if parent.get("before"):
        lines.append("On the same validation cases:\n\n| | parent | this model |\n|---|---|---|")
        for name, before in parent["before"].items():
            lines.append(f"| {name} | {_shown(before)} | {_shown(parent['after'].get(name))} |")
    return "\n".join(lines) + "\n"


def _shown(value: Any) -> str:
    return "none" if value is None else f"{value:.3f}"


def _rounded(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None
