"""A plan that follows from a data set's fingerprint and the memory there is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import numpy as np

from napari_medai.core.device import resolve_device
from napari_medai.core.errors import ArgumentError
from napari_medai.core.progress import Progress, silent
from napari_medai.models.spec import IntensityStep, NetworkSpec
from napari_medai.train.augment import Augmentation
from napari_medai.train.cases import Cases
from napari_medai.train.fingerprint import Fingerprint, take_fingerprint
from napari_medai.train.plan import PLAN_SCHEMA, Plan, SplitSettings
from napari_medai.train.settings import LoopSettings
from napari_medai.train.slicewise import slice_by_slice

LARGEST = {2: 192, 3: 96}
FEW_SLICES, THICK = 12, 5.0
"""Volumes of fewer slices, or of slices that much thicker than pixels are wide, are seen slice by slice."""
Dimensions: TypeAlias = Literal["auto", "2", "2.5", "3"]
NEIGHBOURS = 1
"""Slices on either side that a 2.5-D network sees."""
VOXELS_A_SECOND, ENOUGH_STEPS, COARSEST = 1e6, 500, 2.0
"""What two cores train on, in voxels of patches; steps in which a network learns something; how much larger
voxels may get for the sake of them."""
LEAST_EDGE = 4
"""Voxels along an axis on the coarsest level."""
FLOATS_A_VOXEL = 15
"""Numbers kept for each voxel and feature channel of a level until the gradient is taken."""


def make_plan(
    cases: Cases,
    *,
    name: str = "my-model",
    memory_gb: float = 4.0,
    minutes: float | None = None,
    dimensions: Dimensions = "auto",
    device: str = "auto",
    fingerprint: Fingerprint | None = None,
    progress: Progress = silent,
) -> Plan:
    """Plan a training for cases.

    Parameters
    ----------
    cases : Cases
        The labelled images; each is read once.
    name : str
        Of the model.
    memory_gb : float
        Memory the training may take; 4 also suits a computer without a graphics card.
    minutes : float, optional
        Time budget. Where the processor has time for few steps on volumes, voxels are made up to twice as
        large, so that a patch shows as much in fewer of them.
    dimensions : {"auto", "2", "2.5", "3"}
        Whether volumes are seen slice by slice, each slice with its neighbours as further channels, or
        whole. By itself: slice by slice where there are fewer than 12 slices, with neighbours where slices
        are more than five times as thick as pixels are wide, else whole. Where a few slices alone are
        known, the network looks at each by itself (:func:`napari_medai.train.slicewise.slice_by_slice`).
    device : str
        Where the training will run: "auto", "cpu", "cuda" or "mps".
    fingerprint : Fingerprint, optional
        Where it was taken before.
    progress : Progress
        Hears of each case.

    Returns
    -------
    Plan
        Every entry may be changed.

    Raises
    ------
    ArgumentError
        If a case cannot be used, nothing is labelled, or volumes are wanted of pictures.
    """
    seen = fingerprint or take_fingerprint(cases, progress)
    labels = label_names(cases, seen)
    spacing = _spacing(seen)
    sizes, steps = _median_size(seen, spacing), spacing or _median(seen.spacings)
    slicewise, neighbours = _seen_as(dimensions, seen.ndim, sizes, steps)
    if slicewise:
        sizes, steps, spacing = sizes[1:], steps[1:], spacing and spacing[1:]
    patch, strides = _patch(sizes, steps)
    larger = _enlarging(patch, minutes, device) if spacing else 1.0
    if spacing and larger > 1:
        spacing = tuple(round(max(s, min(steps) * larger), 4) for s in steps)
        sizes = [n * s / new for n, s, new in zip(sizes, steps, spacing, strict=True)]
        patch, strides = _patch(sizes, spacing, LARGEST[3] / larger)
    widths, batch = _widths_and_batch(patch, strides, memory_gb)
    arguments: dict[str, Any] = {
        "widths": widths,
        "strides": [s if len(set(s)) > 1 else s[0] for s in strides] if _uneven(strides) else _plain(strides),
        "norm": "batch" if len(patch) == 2 else "instance",
    }
    plan = Plan(
        schema=PLAN_SCHEMA,
        name=name,
        channels=cases.channels or _channel_names(seen),
        labels=labels,
        ignore=cases.ignore,
        spacing=spacing,
        intensity=_intensity(seen),
        network=NetworkSpec(name="dynunet", arguments=arguments),
        patch=patch,
        slicewise=slicewise,
        neighbours=neighbours,
        batch=batch,
        augment=_augmentation(seen, labels),
        loop=LoopSettings(minutes=minutes, epochs=1000 if minutes else 40),
        split=SplitSettings(none=len({c.subject for c in cases}) < 2),
        memory_gb=memory_gb,
    )
    if seen.known_across is None or dimensions != "auto" or len(patch) < 3:
        return plan
    return slice_by_slice(plan, seen.known_across, _median(seen.spacings)[seen.known_across])


def memory_of(plan: Plan) -> float:
    """Estimate the memory of a training step, in GB, from the activations that the gradient needs."""
    strides: Any = plan.network.arguments.get("strides", ())
    widths: Any = plan.network.arguments.get("widths", ())
    levels = [s if isinstance(s, list | tuple) else [s] * len(plan.patch) for s in strides]
    if len(levels) == len(widths) - 1:
        levels = [[1] * len(plan.patch), *levels]
    return _memory(plan.patch, levels, widths, plan.batch)


def label_names(cases: Cases, seen: Fingerprint) -> tuple[str, ...]:
    """Return the name of every label, the background first; refuse gaps and labels that never occur."""
    found = sorted(v for v in seen.voxels if v > 0)
    if not found:
        raise ArgumentError("Nothing is labelled in any case.", hint="Paint something first.")
    if cases.labels:
        empty = [name for v, name in enumerate(cases.labels) if v and not seen.voxels.get(v)]
        if empty:
            raise ArgumentError(
                f"No case has a voxel of {', '.join(empty)}.", hint="Label some, or leave the name out."
            )
        return cases.labels
    missing = [v for v in range(1, found[-1]) if v not in found]
    if missing or found[0] < 0 or found[-1] > 254:
        raise ArgumentError(
            f"Found labels {found[:8]}; needed 1, 2, 3 ... without a gap.",
            hint="Name every label (labels), or say which value means not marked (ignore).",
        )
    return ("background", *(seen.names.get(v, f"label {v}") for v in found))


def _seen_as(
    wanted: Dimensions, ndim: int, sizes: Sequence[float], steps: Sequence[float]
) -> tuple[bool, int]:
    """Return whether volumes are seen slice by slice, and with how many neighbours on either side."""
    if ndim == 2 and wanted in ("2.5", "3"):
        raise ArgumentError(f"The cases are 2-D; a {wanted}-D plan needs volumes.", "Ask for 2 or auto.")
    if ndim == 2 or wanted == "3":
        return False, 0
    if wanted != "auto":
        return True, NEIGHBOURS if wanted == "2.5" else 0
    few, thick = sizes[0] < FEW_SLICES, steps[0] > THICK * min(steps)
    return few or thick, NEIGHBOURS if thick and not few else 0


def _channel_names(seen: Fingerprint) -> tuple[str, ...]:
    count = len(seen.channels)
    if count == 1:
        return (seen.modality or "image",)
    return ("red", "green", "blue") if count == 3 else tuple(f"channel {k + 1}" for k in range(count))


def _median(rows: Sequence[Sequence[float]]) -> tuple[float, ...]:
    return tuple(float(np.round(v, 4)) for v in np.median(np.asarray(rows, dtype=float), axis=0))


def _spacing(seen: Fingerprint) -> tuple[float, ...] | None:
    return _median(seen.spacings) if seen.unit == "mm" else None


def _median_size(seen: Fingerprint, spacing: tuple[float, ...] | None) -> list[float]:
    shapes = np.asarray(seen.shapes, dtype=float)
    if spacing is not None:
        shapes = shapes * np.asarray(seen.spacings) / np.asarray(spacing)
    return [float(n) for n in np.median(shapes, axis=0)]


def _enlarging(patch: Sequence[int], minutes: float | None, device: str) -> float:
    """Return by how much voxels grow so that the processor has time for enough steps on volumes."""
    if minutes is None or len(patch) < 3 or resolve_device(device) != "cpu":
        return 1.0
    room = minutes * 60 * VOXELS_A_SECOND / ENOUGH_STEPS
    return float(np.clip((2 * np.prod(patch) / room) ** (1 / 3), 1, COARSEST))


def _patch(
    sizes: Sequence[float], spacing: Sequence[float], largest: float = 0
) -> tuple[tuple[int, ...], list[list[int]]]:
    """Choose a patch of about equal length along each axis, and strides that divide it."""
    ndim = len(sizes)
    finest = min(spacing)
    edges = [min(n, (largest or LARGEST[ndim]) * finest / s) for n, s in zip(sizes, spacing, strict=True)]
    edges = [max(e, 8.0) for e in edges]
    current, steps = list(spacing), [1] * ndim
    strides: list[list[int]] = [[1] * ndim]
    while len(strides) < 5:
        coarse = min(current)
        stride = [
            2 if edges[k] / (steps[k] * 2) >= LEAST_EDGE and current[k] < 2 * coarse else 1
            for k in range(ndim)
        ]
        if stride == [1] * ndim:
            break
        strides.append(stride)
        steps = [n * s for n, s in zip(steps, stride, strict=True)]
        current = [c * s for c, s in zip(current, stride, strict=True)]
    patch = tuple(max(8, step * int(edge // step)) for edge, step in zip(edges, steps, strict=True))
    while len(strides) < 3:
        strides.append([1] * ndim)
    return patch, strides


def _uneven(strides: list[list[int]]) -> bool:
    return any(len(set(s)) > 1 for s in strides)


def _plain(strides: list[list[int]]) -> list[int]:
    return [s[0] for s in strides]


def _widths_and_batch(
    patch: Sequence[int], strides: list[list[int]], memory_gb: float
) -> tuple[list[int], int]:
    """Take the widest network of which two patches fit, then as many patches as fit, eight at most."""
    for first in (32, 24, 16, 8):
        if first > 16 and memory_gb <= 4:
            continue
        widths = [min(first * 2 ** max(0, k - (len(patch) == 2)), 320) for k in range(len(strides))]
        batches = [n for n in (8, 6, 4, 2) if _memory(patch, strides, widths, n) <= memory_gb]
        if batches:
            return widths, batches[0] if len(patch) == 2 else min(batches[0], 2)
    return widths, 1


def _memory(patch: Sequence[int], strides: Any, widths: Sequence[int], batch: int) -> float:
    voxels, floats = float(np.prod(patch)), 0.0
    for stride, width in zip(strides, widths, strict=True):
        voxels /= float(np.prod(stride))
        floats += voxels * width * FLOATS_A_VOXEL
    return 0.4 + 4 * floats * batch / 1e9


def _intensity(seen: Fingerprint) -> tuple[IntensityStep, ...]:
    """CT numbers mean the same everywhere: one window for all. Anything else is scaled image by image."""
    if seen.modality == "CT" and len(seen.channels) == 1:
        channel = seen.channels[0]
        width = max(channel.high - channel.low, 1.0)
        arguments: dict[str, Any] = {
            "preset": "custom",
            "center": round((channel.low + channel.high) / 2, 2),
            "width": round(width, 2),
            "low": round((channel.low - channel.mean) / max(channel.deviation, 1.0), 4),
            "high": round((channel.high - channel.mean) / max(channel.deviation, 1.0), 4),
        }
        return (IntensityStep(operation="window_intensity", arguments=arguments),)
    return (IntensityStep(operation="normalize_zscore", arguments={"region": "whole"}),)


def _augmentation(seen: Fingerprint, labels: tuple[str, ...]) -> Augmentation:
    """Pictures without a patient's frame may be turned and mirrored at will; patients may not."""
    if seen.ndim == 2 and seen.unit == "pixel":
        return Augmentation(rotate_deg=180, scale=0.4, flip=("y", "x"))
    sided = any(word in name.lower() for name in labels for word in ("left", "right", "_l", "_r"))
    gamma = 0.0 if seen.modality == "CT" else 0.3
    return Augmentation(flip=() if sided else ("x",), gamma=gamma, low_resolution=0.5)
