"""Planes in a row turned into a grid: step from positions, tilt as shear, gaps said or refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from napari_medai.core.errors import ReadError
from napari_medai.core.geometry import FloatArray, Geometry
from napari_medai.io.dicom.frames import Frame

Gaps: TypeAlias = Literal["resample", "error"]
SAME_PLACE_MM = 0.01
_EXACT_MM = 0.051
"""Half of the last digit of positions written with one decimal, and a little more."""
_EXACT_SHARE = 0.02
_TILT_DEG = 0.1
_STRAY_STEP, _STRAY_PIXEL, _STRAY_MM = 0.1, 0.25, 0.3
"""How far slices may stray from an even line: shares of a step and of a pixel, and mm."""
_MOST_GROWTH = 6


class UnevenError(ReadError):
    """Slices that do not lie on one regular line."""


@dataclass(frozen=True)
class Placement:
    """The grid on which a row of planes is shown.

    Parameters
    ----------
    geometry : Geometry
        Grid of (slices, rows, columns).
    places : (N,) numpy.ndarray or None
        For each slice of the grid where it lies among the planes that were read, as a fractional index;
        ``None`` where slice k simply is plane k.
    notices : tuple of str
        What a person must know.
    """

    geometry: Geometry
    places: FloatArray | None = None
    notices: tuple[str, ...] = ()


def place(frames: Sequence[Frame], gaps: Gaps = "resample", what: str = "The series") -> Placement:
    """Find the grid of planes that are sorted along their normal.

    Parameters
    ----------
    frames : sequence of Frame
        One a position, all of one size and orientation.
    gaps : {"resample", "error"}
        What to do where slices are missing or unevenly spaced.
    what : str
        The series' name for messages.

    Raises
    ------
    ReadError
        If the slices do not lie on a line, or unevenly and ``gaps="error"``.
    """
    first = frames[0]
    assert first.spacing is not None
    assert first.plane is not None
    positions = np.array([frame.position for frame in frames])
    if len(frames) == 1:
        return _lone(first)
    step = (positions[-1] - positions[0]) / (len(frames) - 1)
    misplaced = np.linalg.norm(
        positions - positions[0] - np.arange(len(frames))[:, None] * step, axis=1
    ).max()
    allowed = max(_EXACT_MM, min(_EXACT_SHARE * float(np.linalg.norm(step)), 2 * _EXACT_MM))
    if misplaced <= allowed:
        affine = _affine(first, positions[0], step)
        notices = _tilt_notice(first, step, what)
        return Placement(Geometry((len(frames), first.rows, first.columns), affine), None, notices)
    straying = _straying(first, positions, what) if gaps == "resample" else None
    return straying or _regularised(first, positions, gaps, what)


def _straying(first: Frame, positions: FloatArray, what: str) -> Placement | None:
    """Place slices that stray a little from an even line on the line that fits them best, and say so."""
    assert first.spacing is not None
    numbers = np.arange(len(positions))
    slopes, origin = np.polynomial.polynomial.polyfit(numbers, positions, 1)[::-1]
    off = float(np.linalg.norm(positions - origin - numbers[:, None] * slopes, axis=1).max())
    if off > min(_STRAY_STEP * float(np.linalg.norm(slopes)), _STRAY_PIXEL * min(first.spacing), _STRAY_MM):
        return None
    affine = _affine(first, origin, slopes)
    notice = (
        f"{what}: its slices stray from an even line by up to {off:.2f} mm; they are shown on the line that "
        "fits them best, and no voxel was changed."
    )
    geometry = Geometry((len(positions), first.rows, first.columns), affine)
    return Placement(geometry, None, (notice, *_tilt_notice(first, slopes, what)))


def _lone(frame: Frame) -> Placement:
    """Place a single slice; its thickness is all that is known across it."""
    assert frame.position is not None
    notices = (
        ()
        if frame.thickness
        else (f"{frame.header.shown} does not say how thick its slice is: 1 mm was used.",)
    )
    affine = _affine(frame, frame.position, frame.normal * (frame.thickness or 1.0))
    return Placement(Geometry((1, frame.rows, frame.columns), affine), None, notices)


def _affine(frame: Frame, origin: FloatArray, step: FloatArray) -> FloatArray:
    """Return (slice, row, column) -> LPS."""
    assert frame.plane is not None
    assert frame.spacing is not None
    affine = np.eye(4)
    affine[:3, 0] = step
    affine[:3, 1] = frame.plane[1] * frame.spacing[0]
    affine[:3, 2] = frame.plane[0] * frame.spacing[1]
    affine[:3, 3] = origin
    return affine


def _tilt_notice(frame: Frame, step: FloatArray, what: str) -> tuple[str, ...]:
    cosine = float(step @ frame.normal) / float(np.linalg.norm(step))
    angle = float(np.degrees(np.arccos(np.clip(abs(cosine), 0, 1))))
    if angle < _TILT_DEG:
        return ()
    return (
        f"{what}: the slices are stacked {angle:.1f} degrees off their normal (tilted gantry); "
        "the grid is sheared accordingly and no voxel was changed.",
    )


def _regularised(first: Frame, positions: FloatArray, gaps: Gaps, what: str) -> Placement:
    """Lay the finest regular row of slices that all steps allow, or refuse."""
    line = positions[-1] - positions[0]
    length = float(np.linalg.norm(line))
    if length == 0:
        raise UnevenError(
            f"{what}: the first and the last of {len(positions)} slices lie at one place.",
            hint="Read the parts of the series one by one.",
        )
    along = (positions - positions[0]) @ (line / length)
    aside = np.linalg.norm(positions - positions[0] - along[:, None] * (line / length), axis=1).max()
    if aside > 2 * _EXACT_MM:
        raise UnevenError(
            f"{what}: the {len(positions)} slices do not lie on one line; one is {aside:.2f} mm aside.",
            hint="Read the parts of the series one by one.",
        )
    steps = np.diff(along)
    finding = _gap_sentence(steps, what)
    if gaps == "error":
        raise UnevenError(finding, hint="Export the series again, or pass gaps='resample'.")
    finest = _finest(steps)
    if finest <= 0 or length / finest > _MOST_GROWTH * len(steps) + 16:
        raise UnevenError(finding, hint="Read the parts of the series one by one.")
    count = round(length / finest)
    targets = np.linspace(0, length, count + 1)
    places = np.interp(targets, along, np.arange(len(along)))
    whole = np.abs(targets - along[np.round(places).astype(int)]) < SAME_PLACE_MM
    places[whole] = np.round(places[whole])
    affine = _affine(first, positions[0], line / count)
    made = int((~whole).sum())
    notice = f"{finding} {made} of {count + 1} slices were interpolated between their neighbours."
    geometry = Geometry((count + 1, first.rows, first.columns), affine)
    return Placement(geometry, places, (notice, *_tilt_notice(first, line / count, what)))


def _finest(steps: FloatArray) -> float:
    """Return the smallest step, averaged over those like it so that rounding does not add up."""
    smallest = float(steps.min())
    return float(steps[steps < smallest + 2 * _EXACT_MM].mean())


def _gap_sentence(steps: FloatArray, what: str) -> str:
    usual = float(np.median(steps))
    worst = int(np.argmax(np.abs(steps - usual)))
    return (
        f"{what}: slices {worst + 1} and {worst + 2} lie {steps[worst]:.2f} mm apart, the others mostly "
        f"{usual:.2f} mm; slices may be missing."
    )
