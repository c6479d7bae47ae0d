"""Which cases train, validate and test: split by subject, saved, and leaks refused."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from napari_medai.core.errors import ArgumentError, ReadError
from napari_medai.train.cases import Cases
from napari_medai.train.strata import deal


class Split(BaseModel):
    """Names of cases by role.

    Parameters
    ----------
    train, validation, test : tuple of str
        Case names; no subject is in two of them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    train: Annotated[tuple[str, ...], Field(min_length=1)]
    validation: tuple[str, ...] = ()
    test: tuple[str, ...] = ()


def split_cases(
    cases: Cases,
    *,
    folds: int = 5,
    fold: int = 0,
    test: float = 0.0,
    seed: int = 0,
    groups: Mapping[str, str | Collection[str]] | None = None,
) -> Split:
    """Split cases by subject: a test part, and one of k folds for validation.

    Parameters
    ----------
    cases : Cases
        Those whose layout gives them a role keep it.
    folds, fold : int
        How many parts the rest is cut into, and which one validates.
    test : float
        Share of the subjects that is kept away from training altogether.
    seed : int
        Decides who goes where.
    groups : mapping, optional
        From a subject to what should be spread evenly over the folds, one thing or several, such as the
        hospital or what :func:`napari_medai.train.label_groups` returns.

    Raises
    ------
    ArgumentError
        If there is one subject only, or a fold that does not exist.
    """
    if not 0 <= fold < folds or folds < 2:
        raise ArgumentError(f"Found fold {fold} of {folds}; needed 0 to {folds - 1}, and two folds or more.")
    given = {role: {c.subject for c in cases if c.role == role} for role in ("train", "validation", "test")}
    open_ = sorted(
        {c.subject for c in cases if not c.role} | (set() if given["validation"] else given["train"])
    )
    if len(open_) < 2 and not given["validation"]:
        raise ArgumentError(
            f"Found {len(open_)} subject; a model cannot be judged on the subject it learns from.",
            hint="Label an image of another subject, or train without validation (validation: none).",
        )
    rng, known = np.random.default_rng(seed), _as_sets(groups or {})
    count = round(test * len(open_)) if not given["test"] else 0
    rest, held = deal(open_, known, [len(open_) - count, count], rng)
    parts = min(folds, len(rest))
    dealt = deal(rest, known, [len(rest[k::parts]) for k in range(parts)], rng) if parts else []
    chosen = given["validation"] or set(dealt[fold] if fold < parts else ())
    return _named(cases, given["test"] | set(held), chosen)


def without_validation(cases: Cases) -> Split:
    """Return a split in which every case trains: for models that are judged by eye, or elsewhere."""
    return _named(cases, {c.subject for c in cases if c.role == "test"}, set())


def _as_sets(groups: Mapping[str, str | Collection[str]]) -> dict[str, set[str]]:
    return {s: {found} if isinstance(found, str) else set(found) for s, found in groups.items()}


def _named(cases: Cases, test: set[str], validation: set[str]) -> Split:
    parts: dict[str, list[str]] = {"train": [], "validation": [], "test": []}
    for case in cases:
        role = "test" if case.subject in test else "validation" if case.subject in validation else "train"
        parts[role].append(case.name)
    if not parts["train"]:
        raise ArgumentError("No case is left to train on.", hint="Label more subjects.")
    split = Split.model_validate(parts)
    refuse_leak(cases, split)
    return split


def refuse_leak(cases: Cases, split: Split) -> None:
    """Check that no subject and no case has two roles.

    Raises
    ------
    ArgumentError
        Naming the subject.
    """
    subject_of = {case.name: case.subject for case in cases}
    seen: dict[str, str] = {}
    for role, names in split.model_dump().items():
        for name in names:
            if name not in subject_of:
                raise ArgumentError(f"The split names the case {name!r}, which is not among the cases.")
            before = seen.setdefault(subject_of[name], role)
            if before != role:
                raise ArgumentError(
                    f"Subject {subject_of[name]} is in {before} and in {role}.",
                    hint="All images of a subject must have one role; split again.",
                )


def save_split(split: Split, path: Path) -> None:
    """Write a split as JSON."""
    path.write_text(json.dumps(split.model_dump(), indent=1) + "\n", encoding="utf-8")


def load_split(path: str | Path) -> Split:
    """Read a split.

    Raises
    ------
    ReadError
        If the file is missing or says something else.
    """
    try:
        return Split.model_validate_json(Path(path).read_bytes())
    except (OSError, ValidationError) as error:
        raise ReadError(f"{path} cannot be read as a split: {error}.") from error
