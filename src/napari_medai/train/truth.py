"""A case read: its image with all channels, and what a person marked, as label numbers or as shares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.errors import ArgumentError, GeometryError, MedAIError, ReadError
from napari_medai.core.image import MedicalImage
from napari_medai.core.sampling import sample_volume
from napari_medai.io.read import read
from napari_medai.train.cases import Case, Cases, Where
from napari_medai.train.painted import painted_truth

Shares = NDArray[np.float32]
ROUNDING = 0.01
"""How far shares may lie outside 0 to 1, since files round them."""


@dataclass(frozen=True, eq=False)
class Loaded:
    """A case at hand.

    Parameters
    ----------
    image, labels : MedicalImage
        On one grid; of shares the labels are the largest.
    shares : numpy.ndarray or None
        Shape (labels above the background, \\*spatial), 0 to 1; what is left to 1 is background.
    """

    image: MedicalImage
    labels: MedicalImage
    shares: Shares | None = None


def load_case(case: Case, cases: Cases) -> Loaded:
    """Read a case.

    Raises
    ------
    ReadError, GeometryError, ArgumentError
        Naming the case: an unreadable file, grids that differ, NaN, labels that are no whole numbers,
        shares outside 0 to 1.
    """
    try:
        image = _joined([_loaded(where) for where in case.images])
        if image.array.dtype.kind == "f" and not np.isfinite(image.array).all():
            count = int((~np.isfinite(image.array)).sum())
            raise ArgumentError(f"the image holds {count} NaN or infinite voxels.", "Replace them first.")
        if not cases.is_soft(case):
            return Loaded(image, _on_grid(image, _painted(case), cases.repair))
        given = _on_grid(image, _as_shares(_marks(case)), cases.repair)
        return Loaded(image, _hardened(given), np.asarray(given.array))
    except MedAIError as error:
        raise type(error)(f"Case {case.name}: {error.message}", error.hint) from error


def load_labels(case: Case, cases: Cases) -> MedicalImage:
    """Read what is marked alone, as label numbers on its own grid.

    Raises
    ------
    ReadError, ArgumentError
        Naming the case.
    """
    try:
        if cases.is_soft(case):
            return _hardened(_as_shares(_marks(case)))
        return _painted(case)
    except MedAIError as error:
        raise type(error)(f"Case {case.name}: {error.message}", error.hint) from error


def largest_share(shares: Shares) -> NDArray[np.uint8]:
    """Return the label with the largest share of each voxel; the background has what is left to 1."""
    if len(shares) == 0:
        return np.zeros(shares.shape[1:], np.uint8)
    best = shares.argmax(axis=0)
    return np.where(shares.max(axis=0) > 1 - shares.sum(axis=0), best + 1, 0).astype(np.uint8)


def _painted(case: Case) -> MedicalImage:
    labels = _as_labels(_joined(_marks(case)))
    return labels if case.unpainted == "background" else painted_truth(labels, case.unpainted)


def _marks(case: Case) -> list[MedicalImage]:
    given = case.labels if isinstance(case.labels, tuple) else (case.labels,)
    return [_loaded(where) for where in given]


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
    return first.with_array(arrays, axes="c" + first.axes, kind="intensity")


def _as_labels(image: MedicalImage) -> MedicalImage:
    """Take a picture of a mask for what it shows: 255, or the only other value, means label 1."""
    array = _grey(image)
    if array.dtype.kind == "f":
        if not (np.isfinite(array).all() and (array == np.round(array)).all()):
            hint = "Save them as integers, or say that they are shares (soft)."
            raise ArgumentError("the labels are not whole numbers.", hint)
        array = array.astype(np.int32)
    if image.kind != "labels" and array.max(initial=0) == 255 and set(np.unique(array)) <= {0, 255}:
        array = (array > 0).astype(np.uint8)
    return image.with_array(array, kind="labels", axes=image.axes.removesuffix("s"))


def _grey(image: MedicalImage) -> NDArray[Any]:
    array = np.asarray(image.array)
    if not image.is_rgb:
        return array
    if not (array[..., 0] == array[..., 1]).all():
        raise ArgumentError("the labels are a colour picture.", "Save label numbers in one channel.")
    return np.asarray(array[..., 0])


def _as_shares(images: list[MedicalImage]) -> MedicalImage:
    """Return shares (labels above the background, \\*spatial) of 0 to 1, adding up to 1 at most."""
    plain = [
        i.with_array(_from_0_to_1(_grey(i)), kind="intensity", axes=i.axes.removesuffix("s")) for i in images
    ]
    whole = _joined(plain)
    if set(whole.axes) - set("czyx"):
        raise ArgumentError(f"shares have axes {whole.axes}; needed the image's, and channels.")
    array = np.asarray(whole.array, dtype=np.float32)
    array = array if "c" in whole.axes else array[None]
    total = float(array.sum(axis=0).max())
    if total > 1 + ROUNDING:
        hint = "Give a map for each label above the background, and none for the background."
        raise ArgumentError(f"shares add up to {total:.3g}; needed 1 at most.", hint)
    return whole.with_array(array, axes="c" + whole.axes.removeprefix("c"))


def _from_0_to_1(array: NDArray[Any]) -> NDArray[np.float32]:
    """Check one map; of pictures 255 means 1."""
    values = array.astype(np.float32)
    if array.dtype == np.uint8 and array.max(initial=0) > 1:
        values /= 255
    if not np.isfinite(values).all():
        raise ArgumentError("shares hold NaN or infinite voxels.", "Replace them first.")
    low, high = float(values.min(initial=0)), float(values.max(initial=0))
    if low < -ROUNDING or high > 1 + ROUNDING:
        raise ArgumentError(f"shares run from {low:.3g} to {high:.3g}; needed 0 to 1.")
    return np.clip(values, 0, 1)


def _hardened(shares: MedicalImage) -> MedicalImage:
    labels = largest_share(np.asarray(shares.array))
    return shares.with_array(labels, kind="labels", axes=shares.axes.removeprefix("c"))


def _on_grid(image: MedicalImage, marks: MedicalImage, repair: bool) -> MedicalImage:
    if image.geometry.is_close(marks.geometry):
        return marks
    if repair and image.geometry.ndim == marks.geometry.ndim:
        maps = np.asarray(marks.array)
        way: Any = "nearest" if marks.kind == "labels" else "linear"
        rows = [maps] if marks.kind == "labels" else list(maps)
        brought = [sample_volume(row, marks.geometry, image.geometry, interpolation=way) for row in rows]
        array: Any = brought[0] if marks.kind == "labels" else np.stack(brought)
        return marks.with_array(array, geometry=image.geometry)
    try:
        image.require_same_grid(marks, "labels image")
    except GeometryError as error:
        hint = "Resample the labels onto the image, or ask for repair."
        raise GeometryError(error.message[0].lower() + error.message[1:], hint) from error
    raise AssertionError("grids that differ were found equal")
