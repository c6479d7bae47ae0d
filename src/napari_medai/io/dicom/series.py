"""Frames sorted into the images that a person would expect to see."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from napari_medai.core.errors import ReadError
from napari_medai.io.dicom import duplicates
from napari_medai.io.dicom.frames import Frame
from napari_medai.io.dicom.geometry import SAME_PLACE_MM, Gaps, UnevenError
from napari_medai.io.dicom.motion import moved_together
from napari_medai.io.dicom.naming import named
from napari_medai.io.dicom.stack import Stack, grouped, series_name
from napari_medai.io.dicom.volumes import split_into_volumes, subsets_without_collision

_DIRECTION_TOLERANCE = 1e-3
_MOST_LONE_SLICES = 64
_SAME_LOCATION_MM = 0.5
_FAR_APART = 5.0


def stacks_of(frames: Sequence[Frame], gaps: Gaps = "resample") -> list[Stack]:
    """Sort the frames of one series into images.

    Parameters
    ----------
    frames : sequence of Frame
        All frames of a series.
    gaps : {"resample", "error"}
        What happens to uneven slices; with ``"error"`` they are refused.

    Returns
    -------
    list of Stack
        One an image, named; frames that differ in size, orientation, frame of reference, kind, echo or
        component apart, those at one place after each other along the time axis.

    Raises
    ------
    ReadError
        If the frames cannot be put in order without guessing.
    """
    name = series_name(frames[0].header)
    stacks: list[Stack] = []
    for group in _alike(frames):
        if group[0].is_placed:
            stacks += _placed(group, gaps, name)
        else:
            stacks += _unplaced(group)
    return named(moved_together(stacks, name), name)


def _alike(frames: Sequence[Frame]) -> list[list[Frame]]:
    """Group frames by what can never share an image."""
    groups = list(grouped(frames, _hard_key).values())
    return [part for group in groups for part in _by_orientation(group)]


def _hard_key(frame: Frame) -> tuple[Any, ...]:
    header = frame.header
    spacing = tuple(round(s, 4) for s in frame.spacing) if frame.spacing else ()
    return (
        frame.rows,
        frame.columns,
        spacing,
        frame.is_placed,
        header.text("FrameOfReferenceUID"),
        header.text("SOPClassUID"),
        header.integer("SamplesPerPixel", 1),
        header.text("PhotometricInterpretation"),
        frame.traits.get("localizer"),
        frame.traits.get("component"),
        frame.traits.get("stack"),
    )


def _by_orientation(frames: list[Frame]) -> list[list[Frame]]:
    groups: list[list[Frame]] = []
    for frame in frames:
        for group in groups:
            if _same_plane(group[0], frame):
                group.append(frame)
                break
        else:
            groups.append([frame])
    return groups


def _same_plane(a: Frame, b: Frame) -> bool:
    if a.plane is None or b.plane is None:
        return a.plane is b.plane
    return bool(np.abs(a.plane - b.plane).max() < _DIRECTION_TOLERANCE)


def _placed(frames: list[Frame], gaps: Gaps, name: str) -> list[Stack]:
    """Put planes of one orientation in order; what collides becomes further images or a time axis."""
    places = by_place(frames)
    if max(len(place) for place in places) == 1:
        return _regular([place[0] for place in places], gaps, name)
    for trait in ("image_type", "echo"):
        parts = _split_by_trait(frames, trait)
        if parts:
            return [stack for part in parts for stack in _placed(part, gaps, name)]
    _refuse_contradiction(places, name)
    if len({len(place) for place in places}) > 1:
        return _uneven_counts(frames, places, gaps, name)
    try:
        volumes, time = split_into_volumes(places, name)
    except ReadError:
        return _without_copies(places, gaps, name)
    stack = Stack(volumes, name, time)
    return [stack] if _is_even(stack, gaps) else _parts(frames, gaps, name)


def _refuse_contradiction(places: list[list[Frame]], name: str) -> None:
    """Refuse slices that state one position but different slice locations: one of the two is wrong."""
    for place in places:
        stated = [frame.header.number("SliceLocation") for frame in place if not _is_shared(frame)]
        heights = [height for height in stated if height is not None]
        if len(heights) > 1 and max(heights) - min(heights) > _SAME_LOCATION_MM:
            raise ReadError(
                f"{name}: {len(place)} slices state one position in space, but slice locations from "
                f"{min(heights):.2f} to {max(heights):.2f} mm.",
                hint="Their positions were overwritten: export the series again with its positions.",
            )


def _is_shared(frame: Frame) -> bool:
    """Tell whether a frame is one of several in its file, whose header then speaks of none in particular."""
    return frame.tile is not None or frame.header.integer("NumberOfFrames", 1) > 1


def _without_copies(places: list[list[Frame]], gaps: Gaps, name: str) -> list[Stack]:
    """Read what is left when copies of frames are dropped; raise where that settles nothing."""
    kept, notice = duplicates.without_copies(places)
    counts = {len(place) for place in kept}
    if not notice or len(counts) > 1:
        split_into_volumes(places, name)
    rest = [frame for place in kept for frame in place]
    return _with_notice(_placed(rest, gaps, name), f"{name}: {notice}")


def by_place(frames: Sequence[Frame]) -> list[list[Frame]]:
    """Return the frames of each place, places sorted along the normal."""
    positions = np.array([frame.position for frame in frames])
    heights = positions @ frames[0].normal
    places: list[list[Frame]] = []
    firsts: list[int] = []
    for index in np.argsort(heights, kind="stable").tolist():
        for place, first in zip(reversed(places), reversed(firsts), strict=True):
            if heights[index] - heights[first] > SAME_PLACE_MM:
                places.append([frames[index]])
                firsts.append(index)
                break
            if np.abs(positions[first] - positions[index]).max() < SAME_PLACE_MM:
                place.append(frames[index])
                break
        else:
            places.append([frames[index]])
            firsts.append(index)
    return places


def _split_by_trait(frames: list[Frame], trait: str) -> list[list[Frame]]:
    """Split by a trait that explains collisions: within every part, each place holds as many frames."""
    parts = list(grouped(frames, lambda f: f.traits.get(trait)).values())
    if len(parts) < 2:
        return []
    for part in parts:
        if len({len(place) for place in by_place(part)}) > 1:
            return []
    return parts


def _uneven_counts(frames: list[Frame], places: list[list[Frame]], gaps: Gaps, name: str) -> list[Stack]:
    """Handle places that hold different numbers of frames: copies dropped, else split by acquisition."""
    parts = subsets_without_collision(frames, by_place)
    if not parts or min(len(place) for place in places) == 1:
        kept, notice = duplicates.without_copies(places)
        if notice and len({len(place) for place in kept}) == 1:
            rest = [frame for place in kept for frame in place]
            return _with_notice(_placed(rest, gaps, name), f"{name}: {notice}")
    if not parts:
        counts = sorted({len(place) for place in places})
        raise ReadError(
            f"{name}: some positions hold {counts[0]} slices and others {counts[-1]}, and nothing in "
            "the files tells which belong together.",
            hint="Some files may be missing: export the series again, or read a part of it.",
        )
    stacks = [stack for part in parts for stack in _placed(part, gaps, name)]
    return _with_notice(
        stacks, f"{name}: positions hold different numbers of slices; it was split into parts."
    )


def _regular(frames: list[Frame], gaps: Gaps, name: str) -> list[Stack]:
    """Make one image of planes in a row, or several where they do not lie on one line."""
    stack = Stack((tuple(frames),), name)
    return [stack] if _is_even(stack, gaps) else _parts(frames, gaps, name)


def _is_even(stack: Stack, gaps: Gaps) -> bool:
    try:
        stack.placement(gaps)
    except UnevenError:
        return False
    return True


def _parts(frames: list[Frame], gaps: Gaps, name: str) -> list[Stack]:
    """Split planes that lie on no line: side by side, by acquisition, else one image each."""
    for parts in (_side_by_side(frames), *(_by_moments(frames) if gaps == "resample" else []), _runs(frames)):
        if 1 < len(parts) <= len(frames) // 2 and all(_fits(part) for part in parts):
            return [stack for part in parts for stack in _placed(part, gaps, name)]
    if gaps == "error" or len(frames) > _MOST_LONE_SLICES:
        Stack((tuple(place[0] for place in by_place(frames)),), name).placement(gaps)
    notice = f"{name}: its {len(frames)} slices lie on no regular line; each is shown as an image of its own."
    return [Stack(((frame,),), name, notices=(notice,)) for frame in frames]


def _fits(frames: list[Frame]) -> bool:
    places = by_place(frames)
    if len({len(place) for place in places}) > 1:
        return False
    return _is_even(Stack((tuple(place[0] for place in places),)), "error")


def _side_by_side(frames: list[Frame]) -> list[list[Frame]]:
    """Group frames whose first pixels lie on one line along the normal."""
    plane = frames[0].plane
    return list(grouped(frames, lambda f: tuple(np.round(plane @ f.position / 0.5).astype(int))).values())


def _runs(frames: list[Frame]) -> list[list[Frame]]:
    """Split slices where far more than the usual step lies between two of them: both breasts, two regions."""
    places = by_place(frames)
    heights = np.array([place[0].position for place in places]) @ frames[0].normal
    steps = np.diff(heights)
    far = np.flatnonzero(steps > _FAR_APART * np.median(steps)) + 1
    return [
        [frame for place in part for frame in place]
        for part in (places[a:b] for a, b in zip([0, *far], [*far, len(places)], strict=True))
    ]


def _by_moments(frames: list[Frame]) -> list[list[list[Frame]]]:
    keys: tuple[Callable[[Frame], Any], ...] = (
        lambda f: f.moments.get("acquisition"),
        lambda f: f.moments.get("temporal"),
        lambda f: f.traits.get("image_type"),
        lambda f: f.header.shown if f.tile else None,
    )
    return [list(grouped(frames, key).values()) for key in keys]


def _unplaced(frames: list[Frame]) -> list[Stack]:
    """Show planes without a place: the frames of one file after each other, files apart."""
    files = grouped(frames, lambda f: f.header.shown).values()
    stacks = [Stack(tuple((frame,) for frame in group), time=_cine(group)) for group in files]
    if len(stacks) > _MOST_LONE_SLICES:
        return [_sequence(frames)]
    return stacks


def _cine(frames: list[Frame]) -> dict[str, Any]:
    header = frames[0].header
    if len(frames) < 2:
        return {}
    step = header.number("FrameTime")
    rate = header.number("CineRate")
    seconds = step / 1000 if step else 1 / rate if rate else None
    return {"axis": "frame", **({"step_s": seconds} if seconds else {})}


def _sequence(frames: list[Frame]) -> Stack:
    ordered = sorted(frames, key=lambda f: (f.moments.get("instance", 0.0), f.header.shown))
    notice = (
        f"The {len(frames)} pictures do not say where they lie in the patient; they are shown as a sequence "
        "in the order of their instance numbers, not as a volume."
    )
    return Stack(tuple((frame,) for frame in ordered), time={"axis": "instance"}, notices=(notice,))


def _with_notice(stacks: list[Stack], notice: str) -> list[Stack]:
    return [replace(stack, notices=(*stack.notices, notice)) for stack in stacks]
