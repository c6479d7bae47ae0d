"""The b-value and gradient direction of a diffusion image, as each manufacturer writes them."""

from __future__ import annotations

import math

import numpy as np

from napari_medai.io.dicom.header import Header

_GE_OFFSET = 1_000_000_000
_SHORTEST, _SHORT = 0.03, 0.97
"""Lengths of a GE direction: below the first there is none, between both it scales the b-value."""
_SOURCES = ("DiffusionBValue", "SiemensBValue", "PhilipsBValue", "UihBValue")
_DIRECTIONS = ("DiffusionGradientOrientation", "SiemensGradient", "UihGradient")


def b_value_of(header: Header) -> float | None:
    """Return the b-value in s/mm2, or nothing where the file states none."""
    for keyword in _SOURCES:
        value = header.number(keyword)
        if value is not None and np.isfinite(value):
            return round(value, 3)
    return _ge_b_value(header)


def gradient_of(header: Header) -> tuple[float, float, float] | None:
    """Return the gradient direction, LPS unit vector, or nothing where the file states none for sure.

    GE writes it along frequency, phase and slice. It is turned into the patient's frame for axial slices,
    head first and supine, whose phase runs along the columns; nobody has validated it for others.
    """
    for keyword in _DIRECTIONS:
        values = header.floats(keyword)
        if len(values) == 3 and all(map(math.isfinite, values)):
            return values[0], values[1], values[2]
    philips = _components(header, "Philips")
    return philips if philips is not None else _ge_gradient(header)


def _components(header: Header, vendor: str) -> tuple[float, float, float] | None:
    x, y, z = (header.number(f"{vendor}Gradient{letter}") for letter in "XYZ")
    if x is None or y is None or z is None or not all(map(math.isfinite, (x, y, z))):
        return None
    return x, y, z


def _ge_b_value(header: Header) -> float | None:
    """Return the b-value of GE; a direction shorter than one means that it was played out weaker."""
    values = header.floats("GeBValue")
    if not values or not np.isfinite(values[0]):
        return None
    stated = values[0] - _GE_OFFSET if values[0] >= _GE_OFFSET else values[0]
    length = math.hypot(*(_components(header, "Ge") or (1.0,)))
    return round(stated * length**2, 3) if _SHORTEST < length < _SHORT else stated


def _ge_gradient(header: Header) -> tuple[float, float, float] | None:
    stated = _components(header, "Ge")
    plane = header.floats("ImageOrientationPatient")
    if stated is None or len(plane) != 6:
        return None
    length = math.hypot(*stated)
    if length < _SHORTEST:
        return 0.0, 0.0, 0.0
    row, column = np.array(plane[:3]), np.array(plane[3:])
    normal = np.cross(row, column)
    phase, position = header.text("InPlanePhaseEncodingDirection"), header.text("PatientPosition")
    if np.argmax(np.abs(normal)) != 2 or not phase.startswith("COL") or position != "HFS":
        return None
    x, y, z = (stated[0] * row + stated[1] * column - stated[2] * normal) / length
    return float(x), float(y), float(z)
