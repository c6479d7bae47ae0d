"""Images with their classes: prepared once, parted into those to learn from and those held back."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.errors import ArgumentError
from napari_medai.core.image import MedicalImage
from napari_medai.core.progress import Progress, silent, track
from napari_medai.io.class_folder import find_classed, read_classed

HELD_SHARE = 0.2


@dataclass(frozen=True, eq=False)
class ClassCase:
    """One image with its class.

    Parameters
    ----------
    image : MedicalImage
        2-D or 3-D.
    of : str
        Its class.
    subject : str
        Whose image it is; images of one subject stay on one side of the split.
    """

    image: MedicalImage
    of: str
    subject: str


@dataclass(frozen=True, eq=False)
class Learnt:
    """An image as the network sees it.

    Parameters
    ----------
    volume : numpy.ndarray
        Shape (C, *tile), 16 bits: a thousand images of 128 x 128 take 33 MB.
    truth : int
        The number of its class.
    """

    volume: NDArray[np.float16]
    truth: int


def class_cases(
    cases: str | Path | Mapping[str, Sequence[MedicalImage]],
    subject: str = "",
    progress: Progress = silent,
) -> list[ClassCase]:
    """Read images with their classes.

    Parameters
    ----------
    cases : path or mapping
        A folder with one subfolder a class, or from each class to its images.
    subject : str
        A regular expression whose first group, found in a file's name, is the subject.
    progress : Progress
        Hears each image.

    Raises
    ------
    ReadError
        If the folder holds fewer than two classes, or an image cannot be read.
    ArgumentError
        If a class has fewer than two subjects, or the subject is not found in a name.
    """
    if isinstance(cases, Mapping):
        found = [
            ClassCase(image, of, _subject(image.name, subject) if subject else f"{of}/{k}")
            for of, images in cases.items()
            for k, image in enumerate(images)
        ]
    else:
        items = find_classed(cases)
        found = [
            ClassCase(read_classed(i), i.of, _subject(i.name, subject) if subject else f"{i.of}/{i.name}")
            for i in track(items, progress, "Reading")
        ]
    require_two(found)
    return found


def hold_back(cases: Sequence[ClassCase], seed: int) -> tuple[list[ClassCase], list[ClassCase]]:
    """Part cases into those to learn from and a fifth of each class, one at least, to be judged by.

    A subject with images of several classes goes to one side with all of them.
    """
    wanted = {of: max(1, round(HELD_SHARE * n)) for of, n in Counter(c.of for c in cases).items()}
    of_subject: dict[str, Counter[str]] = {}
    for case in cases:
        of_subject.setdefault(case.subject, Counter())[case.of] += 1
    order = np.random.default_rng([seed, 43]).permutation(sorted(of_subject))
    left, held = Counter(c.of for c in cases), set()
    for subject in map(str, order):
        share = of_subject[subject]
        if all(wanted[of] > 0 and left[of] > n for of, n in share.items()):
            held.add(subject)
            wanted = {of: n - share[of] for of, n in wanted.items()}
            left -= share
    return [c for c in cases if c.subject not in held], [c for c in cases if c.subject in held]


def _subject(name: str, pattern: str) -> str:
    match = re.search(pattern, name)
    if match is None:
        raise ArgumentError(f"The subject {pattern!r} is not found in the name {name!r}.")
    return str(match.group(match.lastindex or 0))


def require_two(cases: Sequence[ClassCase]) -> None:
    """Refuse fewer than two classes, and a class with one subject."""
    subjects: dict[str, set[str]] = {}
    for case in cases:
        subjects.setdefault(case.of, set()).add(case.subject)
    if len(subjects) < 2:
        raise ArgumentError(f"Found {len(subjects)} classes; needed two or more.")
    few = next((of for of, names in subjects.items() if len(names) < 2), None)
    if few is not None:
        raise ArgumentError(
            f"The class {few!r} has one image or one subject only.",
            hint="Give each class two or more: one to learn from, one to be judged by.",
        )
