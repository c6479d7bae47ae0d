"""Labelled images to learn from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from napari_medai.core.errors import ArgumentError, GeometryError, MedAIError, ReadError
from napari_medai.core.image import MedicalImage
from napari_medai.core.sampling import sample_volume
from napari_medai.io.read import read

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
    labels : MedicalImage or Path
        What a person marked, on the image's grid.
    subject : str
        Whose image it is; cases of one subject stay together in a split. The name where not said.
    role : {"", "train", "validation", "test"}
        Where the data's own layout puts it.
    """

    name: str
    images: tuple[Where, ...]
    labels: Where
    subject: str = ""
    role: str = ""

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
        Bring labels of another grid onto the image's, by nearest neighbour; without it that is an error.
    """

    items: tuple[Case, ...]
    labels: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    ignore: int | None = None
    repair: bool = False

    def __post_init__(self) -> None:
        names = [case.name for case in self.items]
        twice = next((n for n in names if names.count(n) > 1), None)
        if twice is not None:
            raise ArgumentError(f"Two cases are called {twice!r}.", hint="Give each case a name of its own.")

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Case]:
        return iter(self.items)

    def named(self, names: Sequence[str]) -> Cases:
        """Return some of the cases, in the order of ``names``."""
        known = {case.name: case for case in self.items}
        missing = [name for name in names if name not in known]
        if missing:
            raise ArgumentError(f"There is no case {missing[0]!r} among {len(known)}.")
        return replace(self, items=tuple(known[name] for name in names))


def cases_of(
    images: Sequence[MedicalImage],
    labels: Sequence[MedicalImage],
    *,
    ignore: int | None = None,
    repair: bool = False,
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
    return Cases(tuple(named), ignore=ignore, repair=repair)


def load_case(case: Case, repair: bool = False) -> tuple[MedicalImage, MedicalImage]:
    """Read a case: its image with all channels, and its labels on the same grid.

    Raises
    ------
    ReadError, GeometryError, ArgumentError
        Naming the case: an unreadable file, grids that differ, NaN, labels that are no whole numbers.
    """
    try:
        image = _joined([_loaded(where) for where in case.images])
        labels = _as_labels(_loaded(case.labels))
        if image.array.dtype.kind == "f" and not np.isfinite(image.array).all():
            count = int((~np.isfinite(image.array)).sum())
            raise ArgumentError(f"the image holds {count} NaN or infinite voxels.", "Replace them first.")
        return image, _on_grid(image, labels, repair)
    except MedAIError as error:
        raise type(error)(f"Case {case.name}: {error.message}", error.hint) from error


def _loaded(where: Where) -> MedicalImage:
    if isinstance(where, MedicalImage):
        return where
    found = read(where)
    if len(found) != 1:
        raise ReadError(f"{where.name} holds {len(found)} images.", hint="Give a file with one image.")
    return found[0]


def _joined(images: list[MedicalImage]) -> MedicalImage:
    first = images[0]
    if len(images) == 1:
        return first
    for other in images[1:]:
        first.require_same_grid(other, "next channel")
        if other.axes != first.axes or "c" in other.axes:
            raise ArgumentError(f"channels have axes {first.axes} and {other.axes}.")
    arrays = np.stack([np.asarray(image.array, dtype=np.float32) for image in images])
    return first.with_array(arrays, axes="c" + first.axes)


def _as_labels(image: MedicalImage) -> MedicalImage:
    """Take a picture of a mask for what it shows: 255, or the only other value, means label 1."""
    array = np.asarray(image.array)
    if image.is_rgb:
        if not (array[..., 0] == array[..., 1]).all():
            raise ArgumentError("the labels are a colour picture.", "Save label numbers in one channel.")
        array = array[..., 0]
    if array.dtype.kind == "f":
        if not (np.isfinite(array).all() and (array == np.round(array)).all()):
            raise ArgumentError("the labels are not whole numbers.", "Save them as integers.")
        array = array.astype(np.int32)
    if image.kind != "labels" and array.max(initial=0) == 255 and set(np.unique(array)) <= {0, 255}:
        array = (array > 0).astype(np.uint8)
    return image.with_array(array, kind="labels", axes=image.axes.removesuffix("s"))


def _on_grid(image: MedicalImage, labels: MedicalImage, repair: bool) -> MedicalImage:
    if image.geometry.is_close(labels.geometry):
        return labels
    if repair and image.geometry.ndim == labels.geometry.ndim:
        array: Any = sample_volume(
            np.asarray(labels.array), labels.geometry, image.geometry, interpolation="nearest"
        )
        return labels.with_array(array, geometry=image.geometry)
    try:
        image.require_same_grid(labels, "labels image")
    except GeometryError as error:
        hint = "Resample the labels onto the image, or ask for repair."
        raise GeometryError(error.message[0].lower() + error.message[1:], hint) from error
    raise AssertionError("grids that differ were found equal")
