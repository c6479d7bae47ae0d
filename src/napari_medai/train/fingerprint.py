"""What a data set is like, in numbers: the facts that a plan follows from."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from napari_medai.core.errors import ArgumentError, MedAIError
from napari_medai.core.image import MedicalImage
from napari_medai.core.progress import Progress, silent, track
from napari_medai.models.prepare import channel_count
from napari_medai.train.cases import Cases
from napari_medai.train.painted import known_across
from napari_medai.train.truth import load_case

SAMPLES = 20_000
"""Voxels of each case whose intensities are looked at."""


class Channel(BaseModel):
    """Intensities of one channel inside the labels (everywhere where there is none), over all cases."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    mean: float
    deviation: float
    low: float
    high: float


class Fingerprint(BaseModel):
    """Facts about cases.

    Parameters
    ----------
    ndim : int
        2 or 3.
    unit : {"mm", "pixel"}
        ``"pixel"`` where a voxel size is unknown.
    spacings, shapes : tuple
        Of each case, (z, y, x) or (y, x), upright.
    modality : str
        As the images say; empty where they do not or differ.
    channels : tuple of Channel
        Intensities; low and high are the 0.5th and 99.5th percentile.
    voxels : dict
        How many voxels carry each label, over all cases.
    present : dict
        In how many cases each label occurs.
    names : dict
        Of the labels, where their files give them.
    known_across : int or None
        The axis (of z, y, x) across which only a few slices of every case are known.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    ndim: int
    unit: str
    spacings: tuple[tuple[float, ...], ...]
    shapes: tuple[tuple[int, ...], ...]
    modality: str
    channels: tuple[Channel, ...]
    voxels: dict[int, int]
    present: dict[int, int]
    names: dict[int, str] = {}
    known_across: int | None = None


def take_fingerprint(cases: Cases, progress: Progress = silent) -> Fingerprint:
    """Look at every case once.

    Raises
    ------
    ArgumentError
        Naming every case that cannot be used, and why; and where cases differ in dimensions or channels.
    """
    looks: list[_Look] = []
    faults: list[str] = []
    for case in track(cases.items, progress, "Looking at cases"):
        try:
            loaded = load_case(case, cases)
            looks.append(_Look(loaded.image, loaded.labels, ignore=cases.ignore))
        except MedAIError as error:
            faults.append(error.message)
    if faults:
        more = f" and {len(faults) - 5} more" if len(faults) > 5 else ""
        raise ArgumentError(
            f"{len(faults)} of {len(cases)} cases cannot be used: {' '.join(faults[:5])}{more}",
            hint="Correct them, or leave them out.",
        )
    return _summed(looks)


class _Look:
    """The facts about one case."""

    def __init__(self, image: MedicalImage, labels: MedicalImage, ignore: int | None) -> None:
        turn = image.geometry.nearest_axes()
        order = turn.order if image.spatial_ndim == 3 else (0, 1)
        self.spacing = tuple(float(image.geometry.spacing[k]) for k in order)
        self.shape = tuple(image.spatial_shape[k] for k in order)
        self.unit, self.modality = image.geometry.unit, str(image.meta.get("modality", ""))
        marks = np.asarray(labels.array)
        values, counts = np.unique(marks, return_counts=True)
        pairs = zip(values.tolist(), counts.tolist(), strict=True)
        self.voxels = {int(v): int(n) for v, n in pairs if v != ignore}
        self.names = {int(k): str(name) for k, name in labels.meta.get("labels", {}).items()}
        self.samples = _samples(image, marks, ignore)
        self.known_across = None if ignore is None else known_across(labels, ignore)


def _samples(image: MedicalImage, marks: NDArray[np.integer], ignore: int | None) -> NDArray[np.float32]:
    """Return intensities (channels, n) inside the labels, or everywhere where nothing is labelled."""
    array = np.asarray(image.array)
    array = np.moveaxis(array, -1, 0) if image.is_rgb else array
    flat = array.reshape(channel_count(image), -1)
    inside = np.flatnonzero((marks > 0) & (marks != ignore))
    where = inside if len(inside) else np.arange(flat.shape[1])
    step = max(1, len(where) // SAMPLES)
    return np.asarray(flat[:, where[::step]], dtype=np.float32)


def _summed(looks: list[_Look]) -> Fingerprint:
    for name, kinds in (
        ("dimensions", {len(look.shape) for look in looks}),
        ("channels", {len(look.samples) for look in looks}),
    ):
        if len(kinds) > 1:
            raise ArgumentError(f"The cases have {sorted(kinds)} {name}.", "Give cases of one kind.")
    units, modalities = {look.unit for look in looks}, {look.modality for look in looks}
    labels = sorted({value for look in looks for value in look.voxels})
    across = {look.known_across for look in looks}
    return Fingerprint(
        ndim=len(looks[0].shape),
        unit="mm" if units == {"mm"} else "pixel",
        spacings=tuple(look.spacing for look in looks),
        shapes=tuple(look.shape for look in looks),
        modality=modalities.pop() if len(modalities) == 1 else "",
        channels=tuple(_channel(looks, k) for k in range(len(looks[0].samples))),
        voxels={value: sum(look.voxels.get(value, 0) for look in looks) for value in labels},
        present={value: sum(value in look.voxels for look in looks) for value in labels},
        names=_first_names([look.names for look in looks]),
        known_across=across.pop() if len(across) == 1 else None,
    )


def _channel(looks: list[_Look], number: int) -> Channel:
    values = np.concatenate([look.samples[number] for look in looks])
    low, high = np.percentile(values, [0.5, 99.5])
    return Channel(mean=float(values.mean()), deviation=float(values.std()), low=float(low), high=float(high))


def _first_names(named: list[dict[int, str]]) -> dict[int, str]:
    names: dict[int, str] = {}
    for entry in named:
        names = {**entry, **names}
    return names


def frequency(voxels: Mapping[int, int], value: int) -> float:
    """Return the share of the labelled voxels that carry a label."""
    return voxels.get(value, 0) / max(1, sum(voxels.values()))
