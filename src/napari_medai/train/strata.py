"""Subjects dealt out so that every part gets its share of every label."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.progress import Progress, silent, track
from napari_medai.train.cases import Case, Cases
from napari_medai.train.truth import load_labels


def label_groups(cases: Cases, progress: Progress = silent) -> dict[str, frozenset[str]]:
    """Say of every subject which labels it has, and of which it has much.

    Parameters
    ----------
    cases : Cases
        Their labels are read, their images are not.
    progress : Progress
        Hears of each case.

    Returns
    -------
    dict
        From subject to words such as ``"1"`` (label 1 occurs) and ``"much 1"`` (it takes a larger share of
        the subject's voxels than in half of the subjects that have it), for :func:`split_cases`.

    Raises
    ------
    ReadError, ArgumentError
        Naming a case whose labels cannot be read.
    """
    shares: dict[str, dict[int, float]] = {}
    for case in track(cases.items, progress, "Looking at labels"):
        for value, share in _shares(case, cases).items():
            of = shares.setdefault(case.subject, {})
            of[value] = of.get(value, 0.0) + share
    values = sorted({value for of in shares.values() for value in of})
    middle = {v: float(np.median([of[v] for of in shares.values() if v in of])) for v in values}
    return {
        subject: frozenset(word for v, share in of.items() for word in _words(v, share > middle[v]))
        for subject, of in shares.items()
    }


def _words(value: int, much: bool) -> tuple[str, ...]:
    return (str(value), f"much {value}") if much else (str(value),)


def _shares(case: Case, cases: Cases) -> dict[int, float]:
    """Return what share of the voxels each label of a case takes; the background is left out."""
    marks = np.asarray(load_labels(case, cases).array)
    values, counts = np.unique(marks, return_counts=True)
    pairs = zip(values.tolist(), counts.tolist(), strict=True)
    return {int(v): n / marks.size for v, n in pairs if v > 0 and v != cases.ignore}


def deal(
    subjects: Sequence[str],
    groups: Mapping[str, Collection[str]],
    sizes: Sequence[int],
    rng: np.random.Generator,
) -> list[list[str]]:
    """Deal subjects out to parts, what few of them have first, each to the part that lacks it most.

    Parameters
    ----------
    subjects : sequence of str
        Each once.
    groups : mapping
        What each has; subjects without an entry have nothing.
    sizes : sequence of int
        How many each part gets; together all.
    rng : numpy.random.Generator
        Decides between equals.

    Returns
    -------
    list of list of str
        The parts.

    References
    ----------
    Sechidis, Tsoumakas and Vlahavas 2011, On the stratification of multi-label data,
    doi 10.1007/978-3-642-23808-6_10 (iterative stratification; here the sizes are kept exactly).
    """
    left = [subjects[k] for k in rng.permutation(len(subjects))]
    table = _Table(left, groups, np.asarray(sizes, dtype=float))
    parts: list[list[str]] = [[] for _ in sizes]
    while left:
        word = table.rarest(left)
        for subject in [s for s in left if word in groups.get(s, ())] if word else list(left):
            parts[table.place(subject, word, rng)].append(subject)
            left.remove(subject)
    return parts


class _Table:
    """How many more subjects, and how many more with each word, every part should get."""

    def __init__(
        self, subjects: Sequence[str], groups: Mapping[str, Collection[str]], sizes: NDArray[np.float64]
    ) -> None:
        self._groups, self._room = groups, sizes.copy()
        counts: dict[str, int] = {}
        for subject in subjects:
            for word in groups.get(subject, ()):
                counts[word] = counts.get(word, 0) + 1
        share = sizes / max(1.0, sizes.sum())
        self._lacking = {word: share * count for word, count in counts.items()}

    def rarest(self, left: Sequence[str]) -> str:
        """Return what the fewest of the subjects have, if they have anything."""
        counts = {word: sum(word in self._groups.get(s, ()) for s in left) for word in self._lacking}
        return min((w for w, n in counts.items() if n), key=lambda w: (counts[w], w), default="")

    def place(self, subject: str, word: str, rng: np.random.Generator) -> int:
        """Choose the part that lacks the word most, of those the one with most room, and fill it in."""
        open_ = np.flatnonzero(self._room > 0)
        lacking = self._lacking[word] if word else self._room
        order = np.lexsort((rng.random(len(open_)), -self._room[open_], -np.round(lacking[open_], 9)))
        part = int(open_[order[0]])
        self._room[part] -= 1
        for owned in self._groups.get(subject, ()):
            self._lacking[owned][part] -= 1
        return part
