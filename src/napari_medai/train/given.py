"""What a training is given, brought into one form: plan, cases, split."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari_medai.core.errors import ArgumentError
from napari_medai.core.progress import Progress, silent
from napari_medai.train.cases import Cases
from napari_medai.train.layouts import find_cases
from napari_medai.train.plan import Plan, parse_plan, read_plan
from napari_medai.train.split import Split, load_split, refuse_leak, split_cases, without_validation
from napari_medai.train.store import CaseStore, all_labels
from napari_medai.train.strata import label_groups

SPLIT = "split.json"


def plan_of(plan: Plan | str | Path | dict[str, Any] | None) -> Plan | None:
    """Read a plan, or check what is given as one."""
    if isinstance(plan, str | Path):
        return read_plan(plan)
    return parse_plan(plan) if isinstance(plan, dict) else plan


def cases_from(cases: Cases | str | Path | None, plan: Plan | None, base: Path) -> Cases:
    """Find the cases that are given, or that the plan names, below ``base``."""
    if isinstance(cases, Cases):
        return cases
    if cases is not None:
        return find_cases(cases)
    if plan is None or plan.cases is None:
        raise ArgumentError("The plan does not say where its cases lie.", hint="Give cases.")
    source = plan.cases
    return find_cases(
        base / source.place,
        image=source.image or "",
        labels=source.labels,
        subject=source.subject,
        ignore=plan.ignore,
        soft=source.soft,
        unpainted=source.unpainted,
    )


def split_of(
    cases: Cases,
    plan: Plan,
    split: Split | str | Path | None,
    out: Path,
    resume: bool,
    progress: Progress = silent,
) -> Split:
    """Take the split that is given or was saved, or split as the plan says."""
    if resume and (out / SPLIT).is_file():
        split = load_split(out / SPLIT)
    if split is None:
        if plan.split.none:
            return without_validation(cases)
        groups = label_groups(cases, progress) if plan.split.stratify else None
        return split_cases(
            cases, folds=plan.split.folds, fold=plan.split.fold, seed=plan.loop.seed, groups=groups
        )
    parts = split if isinstance(split, Split) else load_split(split)
    refuse_leak(cases, parts)
    return parts


def require_labels(plan: Plan, store: CaseStore, parts: Split) -> None:
    """Check that every label occurs among the training cases."""
    found = all_labels(store, parts.train)
    empty = [name for value, name in enumerate(plan.labels) if value and value not in found]
    if empty:
        raise ArgumentError(
            f"No training case has a voxel of {', '.join(empty)}.",
            hint="Label some, leave the label out of the plan, or split otherwise.",
        )
