"""Planes at the same places told apart into volumes: by time, diffusion, trigger or acquisition."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from napari_medai.core.errors import ReadError
from napari_medai.io.dicom.frames import Frame
from napari_medai.io.dicom.stack import grouped

Volumes = tuple[tuple[Frame, ...], ...]

_SHARED = ("temporal", "trigger", "frame_time", "acquisition", "acquired", "content")
_RANKED = ("trigger", "frame_time", "acquired", "content", "instance")
_AXIS_NAMES = {"trigger": "cardiac phase", "temporal": "time", "frame_time": "time"}


def split_into_volumes(places: Sequence[Sequence[Frame]], name: str) -> tuple[Volumes, dict[str, Any]]:
    """Sort equally many planes at every place into volumes.

    A moment serves where every place holds every one of its values once (the planes of one volume share it),
    else one whose rank at each place does (slices of one volume follow each other in time).

    Parameters
    ----------
    places : sequence of sequence of Frame
        The planes of each place.
    name : str
        The series' name for messages.

    Returns
    -------
    volumes : tuple of tuple of Frame
        ``volumes[t][z]``.
    time : dict
        ``"axis"``, and ``"values"``, ``"b_values"``, ``"b_vectors"``, ``"step_s"`` where known.

    Raises
    ------
    ReadError
        If nothing in the files orders the planes.
    """
    for key, value_of in _shared_keys(places):
        volumes = _by_shared_value(places, value_of)
        if volumes and _is_consistent(volumes):
            ordered = _in_order(volumes, key)
            return ordered, _describe(ordered, key)
    for key in _RANKED:
        volumes = _by_rank(places, key)
        if volumes and _is_consistent(volumes):
            return volumes, _describe(volumes, key)
    raise ReadError(
        f"{name}: {len(places[0])} slices lie at each position and nothing in the files orders them.",
        hint="Export the series again with its acquisition times and instance numbers.",
    )


def subsets_without_collision(
    frames: list[Frame], by_place: Callable[[Sequence[Frame]], list[list[Frame]]]
) -> list[list[Frame]]:
    """Split planes into groups in each of which every place holds as many frames.

    Parameters
    ----------
    frames : list of Frame
        Planes of one orientation, unequally many at the places.
    by_place : callable
        Groups frames by place.

    Returns
    -------
    list of list of Frame
        At least two groups, or none where no moment does it.
    """
    for key in ("acquisition", "temporal", "b_value", "trigger", "content", "acquired"):
        parts = list(grouped(frames, lambda f, key=key: f.moments.get(key)).values())
        if 1 < len(parts) <= len(frames) // 2 and all(_even_counts(by_place(part)) for part in parts):
            return _merged(parts, by_place)
    return []


def _even_counts(places: list[list[Frame]]) -> bool:
    return len({len(place) for place in places}) == 1


def _merged(
    parts: list[list[Frame]], by_place: Callable[[Sequence[Frame]], list[list[Frame]]]
) -> list[list[Frame]]:
    """Put parts that lie at the same places together again: they are volumes of one image."""
    merged: dict[Any, list[Frame]] = {}
    for part in parts:
        key = tuple(tuple(np.round(np.asarray(place[0].position), 1)) for place in by_place(part))
        merged.setdefault(key, []).extend(part)
    return list(merged.values())


def _shared_keys(places: Sequence[Sequence[Frame]]) -> list[tuple[str, Callable[[Frame], Any]]]:
    def moment(key: str) -> Callable[[Frame], Any]:
        return lambda frame: frame.moments.get(key)

    dimensions = [key for key in places[0][0].moments if key.startswith("dimension ")]
    keys: list[tuple[str, Callable[[Frame], Any]]] = [(key, moment(key)) for key in _SHARED]
    keys += [(key, moment(key)) for key in dimensions]
    keys.append(("dimensions", lambda frame: tuple(frame.moments.get(key) for key in dimensions) or None))
    keys.append(("diffusion", _diffusion_value))
    keys.append(("file", lambda frame: frame.header.shown))
    return keys


def _diffusion_value(frame: Frame) -> Any:
    b_value = frame.moments.get("b_value")
    if b_value is None:
        return None
    gradient = frame.facts.get("gradient") or (0.0, 0.0, 0.0)
    return b_value, tuple(round(g, 4) for g in gradient)


def _by_shared_value(places: Sequence[Sequence[Frame]], value_of: Callable[[Frame], Any]) -> Volumes:
    """Return volumes of equal value, or none where some place lacks one or holds it twice."""
    wanted = {value_of(frame) for frame in places[0]}
    if None in wanted or len(wanted) < len(places[0]):
        return ()
    columns = []
    for place in places:
        column = {value_of(frame): frame for frame in place}
        if column.keys() != wanted:
            return ()
        columns.append(column)
    return tuple(tuple(column[value] for column in columns) for value in columns[0])


def _by_rank(places: Sequence[Sequence[Frame]], key: str) -> Volumes:
    """Return volumes of equal rank, or none where values are missing or equal."""
    columns = []
    for place in places:
        values = [frame.moments.get(key) for frame in place]
        if None in values or len(set(values)) < len(values):
            return ()
        columns.append(sorted(place, key=lambda frame: frame.moments[key]))
    return tuple(zip(*columns, strict=True))


def _is_consistent(volumes: Volumes) -> bool:
    """Tell whether no volume mixes diffusion weightings."""
    for volume in volumes:
        first = volume[0].moments.get("b_value")
        if any(frame.moments.get("b_value") != first for frame in volume):
            return False
        gradient = volume[0].facts.get("gradient")
        if gradient is not None and any(_differ(gradient, frame.facts.get("gradient")) for frame in volume):
            return False
    return True


def _differ(a: Any, b: Any) -> bool:
    return b is None or bool(np.abs(np.array(a) - np.array(b)).max() > 1e-2)


def _in_order(volumes: Volumes, key: str) -> Volumes:
    """Sort volumes by the moment that told them apart where it is an order, else as they were acquired."""
    if key in _SHARED or key.startswith("dimension "):
        return tuple(sorted(volumes, key=lambda v: v[0].moments[key]))
    return tuple(sorted(volumes, key=lambda v: min(_acquired(frame) for frame in v)))


def _acquired(frame: Frame) -> tuple[float, float, str]:
    moments = frame.moments
    return moments.get("instance", 0.0), moments.get("acquired", 0.0), frame.header.shown


def _describe(volumes: Volumes, key: str) -> dict[str, Any]:
    firsts = [volume[0] for volume in volumes]
    time: dict[str, Any] = {"axis": _AXIS_NAMES.get(key, "time")}
    b_values = [frame.moments.get("b_value") for frame in firsts]
    if all(b is not None for b in b_values) and len(set(b_values)) > 1:
        time["axis"] = "diffusion"
        time["b_values"] = b_values
        gradients = [frame.facts.get("gradient") or (0.0, 0.0, 0.0) for frame in firsts]
        if any(any(g) for g in gradients):
            time["b_vectors"] = [list(g) for g in gradients]
        return time
    step = _step_seconds(firsts)
    return {**time, **({"step_s": step} if step else {})}


def _step_seconds(firsts: list[Frame]) -> float | None:
    """Return the time between volumes: of trigger or frame times where they are regular, else none."""
    for key in ("trigger", "frame_time"):
        values = [frame.moments.get(key) for frame in firsts]
        if all(v is not None for v in values):
            steps = np.diff(np.array(values, dtype=float)) / 1000
            if len(steps) and steps.min() > 0 and np.ptp(steps) < 0.02 * steps.mean() + 0.002:
                return float(steps.mean())
    return None
