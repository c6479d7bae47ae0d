"""Training cases at hand, as a model sees them: what a twin of it is taught from."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.errors import ArgumentError, ReadError
from napari_medai.core.image import MedicalImage
from napari_medai.core.progress import Progress, silent, track
from napari_medai.core.sampling import sample_volume
from napari_medai.explain.check.case import fullest_corner
from napari_medai.explain.subject import seen_by
from napari_medai.io.class_folder import ClassedFile, find_classed, read_classed
from napari_medai.io.point_rows import IMAGES, plain_stem
from napari_medai.models.infer import extend_to_tile, window_corners, window_slices
from napari_medai.models.model import Model

Floats = NDArray[np.float32]
MOST = 400
"""Cases that are read at most; a random choice of more."""
PAIRED = (("images", "labels"), ("imagesTr", "labelsTr"))
VALUES = "values.csv"


@dataclass(frozen=True, eq=False)
class Lesson:
    """One case.

    Parameters
    ----------
    volume : numpy.ndarray
        Shape (C, *tile), prepared: one window.
    truth : numpy.ndarray
        A class (), the values (V,), or labels (*tile).
    """

    volume: Floats
    truth: NDArray[Any]


@dataclass(frozen=True)
class _Found:
    """Where a case lies: its image, and its class, its values or the file of its labels."""

    path: Path
    said: Any


def read_lessons(folder: Path, model: Model, seed: int, progress: Progress = silent) -> list[Lesson]:
    """Read training cases as a model sees them.

    Parameters
    ----------
    folder : Path
        For a classifier: one subfolder a class. For a segmentation model: the subfolders ``images`` and
        ``labels`` (or ``imagesTr`` and ``labelsTr``), whose files have the same names. For a regression
        model: images beside ``values.csv`` with the column ``image`` and one for each value by its name.
    model : Model
        Whose cases they are.
    seed : int
        Chooses 400 cases of more.
    progress : Progress
        Hears each image.

    Raises
    ------
    ReadError
        If the folder holds no such cases.
    ArgumentError
        If the model's task is another, or there are fewer than two different answers.
    """
    task = model.spec.task
    if task not in _FINDERS:
        raise ArgumentError(
            f"A twin of a model for {task} cannot be trained here.",
            hint="Leave the training folder out; all other tests are made.",
        )
    if not folder.is_dir():
        raise ReadError(f"There is no folder {folder}.", hint="Give the folder of the training cases.")
    found = _FINDERS[task](folder, model)
    if len(found) > MOST:
        chosen = np.sort(np.random.default_rng([seed, 47]).permutation(len(found))[:MOST])
        found = [found[k] for k in chosen]
    lessons = [_lesson(model, one) for one in track(found, progress, "Reading training cases")]
    if len({lesson.truth.tobytes() for lesson in lessons}) < 2:
        raise ArgumentError(
            f"The {len(lessons)} training cases have one answer: shuffled it stays the same.",
            hint="Give cases with different answers.",
        )
    return lessons


def _classed(folder: Path, model: Model) -> list[_Found]:
    names = model.spec.outputs.classes
    items = find_classed(folder)
    strange = sorted({item.of for item in items} - set(names))
    if strange:
        raise ArgumentError(
            f"The folder has the class {strange[0]!r}; model {model.spec.name} knows {', '.join(names)}.",
            hint="Name the subfolders as the model names its classes.",
        )
    return [_Found(item.path, names.index(item.of)) for item in items]


def _paired(folder: Path, model: Model) -> list[_Found]:
    if len(model.spec.channels) > 1:
        raise ArgumentError("A twin of a model with several channels cannot be trained here.")
    pair = next(((a, b) for a, b in PAIRED if (folder / a).is_dir() and (folder / b).is_dir()), None)
    if pair is None:
        raise ReadError(f"{folder.name} has no subfolders images and labels.", hint="Make both.")
    labels = {plain_stem(path): path for path in _images(folder / pair[1])}
    named = {plain_stem(path).removesuffix("_0000"): path for path in _images(folder / pair[0])}
    both = [_Found(named[name], labels[name]) for name in sorted(named) if name in labels]
    if not both:
        raise ReadError(f"No image in {folder.name} has labels of the same name.", hint="Rename them.")
    return both


def _valued(folder: Path, model: Model) -> list[_Found]:
    names = model.spec.outputs.values
    if not (folder / VALUES).is_file():
        raise ReadError(f"{folder.name} has no {VALUES}.", hint="One row an image: image, and each value.")
    with (folder / VALUES).open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    missing = [name for name in ("image", *names) if not rows or name not in rows[0]]
    if missing:
        raise ReadError(f"{VALUES} has no column {missing[0]!r}.", hint=f"Needed: image, {', '.join(names)}.")
    return [_Found(folder / row["image"], [float(row[name]) for name in names]) for row in rows]


_FINDERS = {"classification": _classed, "segmentation": _paired, "regression": _valued}


def _images(folder: Path) -> list[Path]:
    return [p for p in sorted(folder.iterdir()) if p.name[0] != "." and p.name.lower().endswith(IMAGES)]


def _lesson(model: Model, found: _Found) -> Lesson:
    image = read_classed(ClassedFile(found.path, found.path.parent.name))
    if isinstance(found.said, Path):
        labels = read_classed(ClassedFile(found.said, found.said.parent.name))
        return labelled_lesson(model, image, labels)
    volume = seen_by(model, image).volume
    padded, _ = extend_to_tile(volume, model.spec.tile)
    corners = window_corners(padded.shape[1:], model.spec.tile, 0.5)
    box = window_slices(corners[len(corners) // 2], model.spec.tile)
    kind = np.int64 if model.spec.task == "classification" else np.float32
    return Lesson(np.array(padded[(slice(None), *box)]), np.asarray(found.said, kind))


def labelled_lesson(model: Model, image: MedicalImage, labels: MedicalImage) -> Lesson:
    """Cut the window that holds most of the labels from an image and its labels on the same grid."""
    image.require_same_grid(labels, "labels")
    seen, tile = seen_by(model, image), model.spec.tile
    turned = seen.reorientation.apply(np.array(labels.array))
    marks = sample_volume(turned, seen.upright, seen.grid, interpolation="nearest")
    padded, _ = extend_to_tile(seen.volume, tile)
    wide = extend_to_tile(marks[None], tile)[0][0]
    box = window_slices(fullest_corner(wide > 0, window_corners(wide.shape, tile, 0.5), tile), tile)
    return Lesson(np.array(padded[(slice(None), *box)]), wide[box].astype(np.int64))
