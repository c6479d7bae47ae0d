"""The b-value and gradient direction of a diffusion image, as each manufacturer writes them."""

from __future__ import annotations

import math

import numpy as np

from napari_medai.io.dicom.header import Header

_GE_OFFSET = 1_000_000_000
_SOURCES = ("DiffusionBValue", "SiemensBValue", "PhilipsBValue", "UihBValue")
_DIRECTIONS = ("DiffusionGradientOrientation", "SiemensGradient", "UihGradient")


def b_value_of(header: Header) -> float | None:
    """Return the b-value in s/mm2, or nothing where the file states none."""
    for keyword in _SOURCES:
        value = header.number(keyword)
        if value is not None and np.isfinite(value):
            return round(value, 3)
    values = header.floats("GeBValue")
    if values and np.isfinite(values[0]):
        return values[0] - _GE_OFFSET if values[0] >= _GE_OFFSET else values[0]
    return None


def gradient_of(header: Header) -> tuple[float, float, float] | None:
    """Return the gradient direction, LPS unit vector, or nothing where the file states none.

    GE writes it in the frame of the scan (frequency, phase, slice); it is turned into the patient's here.
    """
    for keyword in _DIRECTIONS:
        values = header.floats(keyword)
        if len(values) == 3 and all(map(math.isfinite, values)):
            return values[0], values[1], values[2]
    philips = [header.number(f"PhilipsGradient{letter}") for letter in "XYZ"]
    if None not in philips:
        return tuple(float(v) for v in philips)  # type: ignore[arg-type, return-value]
    return None
