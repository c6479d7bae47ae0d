"""Labelled images to learn from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from napari_medai.core.errors import ArgumentError
from napari_medai.core.image import MedicalImage
from napari_medai.train.painted import UNKNOWN, Unpainted

Where: TypeAlias = MedicalImage | Path


@dataclass(frozen=True, eq=False)
class Case:
    """One labelled image, at hand or on disk.

    Parameters
    ----------
    name : str
        Unique among the cases.
    images : tuple of MedicalImage or Path
        The image; several are its channels, in order.
    labels : MedicalImage, Path or tuple
        What a person marked, on the image's grid: label numbers; or several maps of shares from 0 to 1,
        one for each label above the background in order.
    subject : str
        Whose image it is; cases of one subject stay together in a split. The name where not said.
    role : {"", "train", "validation", "test"}
        Where the data's own layout puts it.
    unpainted : {"background", "unknown outside painted slices", "unknown"}
        What 0 means in its labels, as :func:`napari_medai.train.painted.painted_truth` takes it; where it
        may mean unknown, the ``ignore`` of the cases is 255.
    """

    name: str
    images: tuple[Where, ...]
    labels: Where | tuple[Where, ...]
    subject: str = ""
    role: str = ""
    unpainted: Unpainted = "background"

    def __post_init__(self) -> None:
        if not self.subject:
            object.__setattr__(self, "subject", self.name)


@dataclass(frozen=True, eq=False)
class Cases:
    """Cases with the meaning of their channels and labels.

    Parameters
    ----------
    items : tuple of Case
        Each name once.
    labels : tuple of str
        Name of each label value in order, the background first; empty: found when the cases are read.
    channels : tuple of str
        Name of each channel; empty: found when the cases are read.
    ignore : int or None
        The label value of voxels that nobody marked; they teach nothing and are not judged.
    repair : bool
        Bring labels of another grid onto the image's, by nearest neighbour (shares linearly); without it
        that is an error.
    soft : bool
        A single labels image holds shares too: of label 1, or of each label along its channels.
    """

    items: tuple[Case, ...]
    labels: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    ignore: int | None = None
    repair: bool = False
    soft: bool = False

    def __post_init__(self) -> None:
        names = [case.name for case in self.items]
        twice = next((n for n in names if names.count(n) > 1), None)
        if twice is not None:
            raise ArgumentError(f"Two cases are called {twice!r}.", hint="Give each case a name of its own.")
        if self.ignore != UNKNOWN and any(case.unpainted != "background" for case in self.items):
            raise ArgumentError(
                f"Unpainted voxels may be unknown, which is label {UNKNOWN}; found ignore {self.ignore}.",
                hint=f"Let ignore be {UNKNOWN}, or say with it alone what is not marked.",
            )
        if any(self.is_soft(case) and case.unpainted != "background" for case in self.items):
            raise ArgumentError("Shares say of every voxel what it is; unpainted is for painted labels.")

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Case]:
        return iter(self.items)

    def is_soft(self, case: Case) -> bool:
        """Whether the truth of a case is shares, not label numbers."""
        return self.soft or isinstance(case.labels, tuple)

    def named(self, names: Sequence[str]) -> Cases:
        """Return some of the cases, in the order of ``names``."""
        known = {case.name: case for case in self.items}
        missing = [name for name in names if name not in known]
        if missing:
            raise ArgumentError(f"There is no case {missing[0]!r} among {len(known)}.")
        return replace(self, items=tuple(known[name] for name in names))


def cases_of(
    images: Sequence[MedicalImage],
    labels: Sequence[MedicalImage | tuple[MedicalImage, ...]],
    *,
    ignore: int | None = None,
    repair: bool = False,
    soft: bool = False,
) -> Cases:
    """Make cases of images at hand and their labels, pair by pair.

    Raises
    ------
    ArgumentError
        If there are not as many labels as images.
    """
    if len(images) != len(labels) or not images:
        raise ArgumentError(
            f"Found {len(images)} images and {len(labels)} labels; needed a labels image for each image."
        )
    named: list[Case] = []
    for image, marks in zip(images, labels, strict=True):
        name, taken = image.name or "case", {case.name for case in named}
        number = 2
        while name in taken:
            name, number = f"{image.name or 'case'}-{number}", number + 1
        named.append(Case(name, (image,), marks))
    return Cases(tuple(named), ignore=ignore, repair=repair, soft=soft)
