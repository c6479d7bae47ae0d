"""One plane of pixels with its facts: the unit from which every DICOM image is put together."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from napari_medai.core.errors import ReadError
from napari_medai.core.geometry import FloatArray
from napari_medai.io.dicom.header import Header

Tile = tuple[int, int]
_SMALLEST_MM, _LARGEST_MM = 1e-9, 1e7


@dataclass(frozen=True, eq=False)
class Frame:
    """One plane.

    Parameters
    ----------
    header : Header
        The file it stands in.
    number : int
        Which frame of the file.
    tile : (int, int) or None
        First row and column, where the plane is a tile of a larger picture.
    rows, columns : int
        Its size.
    position : (3,) numpy.ndarray or None
        Centre of the first pixel, LPS mm.
    plane : (2, 3) numpy.ndarray or None
        Unit vectors along a row (columns increase) and along a column (rows increase).
    spacing : (float, float) or None
        Distance between rows and between columns, mm.
    thickness : float or None
        Distance to the next slice as the file states it; used for lone slices only.
    slope, intercept : float
        Make values of stored numbers.
    traits : mapping
        What sets images of one series apart: echo, image type, component, stack.
    moments : mapping
        What orders planes at one place: time, b-value, trigger, instance number.
    facts : mapping
        Further facts of this plane: window, gradient.
    """

    header: Header
    number: int = 0
    tile: Tile | None = None
    rows: int = 0
    columns: int = 0
    position: FloatArray | None = None
    plane: FloatArray | None = None
    spacing: tuple[float, float] | None = None
    thickness: float | None = None
    slope: float = 1.0
    intercept: float = 0.0
    traits: Mapping[str, Any] = field(default_factory=dict)
    moments: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_placed(self) -> bool:
        """Whether the plane has a place in the patient."""
        return self.position is not None and self.plane is not None and self.spacing is not None

    @cached_property
    def normal(self) -> FloatArray:
        """Unit vector across the plane."""
        assert self.plane is not None
        normal = np.cross(self.plane[0], self.plane[1])
        return np.asarray(normal / np.linalg.norm(normal))


def plain_frame(header: Header) -> Frame:
    """Describe a file as one plane, by its top-level elements."""
    return Frame(
        header=header,
        rows=header.integer("Rows"),
        columns=header.integer("Columns"),
        position=position_of(header.floats("ImagePositionPatient")),
        plane=plane_of(header.floats("ImageOrientationPatient"), header.shown),
        spacing=_pixel_spacing(header),
        thickness=positive(header.number("SpacingBetweenSlices"))
        or positive(header.number("SliceThickness")),
        slope=_slope(header),
        intercept=header.number("RescaleIntercept", 0.0) or 0.0,
        traits=_traits(header),
        moments=_moments(header),
        facts=_facts(header),
    )


def position_of(values: tuple[float, ...]) -> FloatArray | None:
    """Return a position, or nothing where it is missing or not finite."""
    if len(values) != 3 or not all(abs(value) < _LARGEST_MM for value in values):
        return None
    return np.array(values, dtype=np.float64)


def plane_of(values: tuple[float, ...], shown: str) -> FloatArray | None:
    """Return the unit vectors along rows and columns, or nothing where there are none.

    Raises
    ------
    ReadError
        If six numbers are there but are no pair of perpendicular directions.
    """
    if len(values) != 6 or not any(values) or not all(map(math.isfinite, values)):
        return None
    plane = _unit_vectors(values)
    if plane is None:
        raise ReadError(
            f"{shown} states the directions {[round(v, 4) for v in values]} for its rows and columns, "
            "which are not two perpendicular unit vectors.",
            hint="Correct ImageOrientationPatient, or export the series again.",
        )
    return plane


@lru_cache(maxsize=256)
def _unit_vectors(values: tuple[float, ...]) -> FloatArray | None:
    """Return the unit vectors of six numbers, shared by all slices that state the same ones."""
    plane = np.array(values, dtype=np.float64).reshape(2, 3)
    lengths = np.linalg.norm(plane, axis=1)
    if np.any(np.abs(lengths - 1) > 0.01) or abs(float(plane[0] @ plane[1])) > 0.01:
        return None
    plane /= lengths[:, None]
    plane.flags.writeable = False
    return plane


def positive(value: float | None) -> float | None:
    """Return a finite number's absolute value, or nothing for zero and what is missing."""
    if value is None or not _SMALLEST_MM < abs(value) < _LARGEST_MM:
        return None
    return abs(value)


def pair(values: tuple[float, ...]) -> tuple[float, float] | None:
    """Return two positive numbers, or nothing."""
    if len(values) < 2 or not all(_SMALLEST_MM < v < _LARGEST_MM for v in values[:2]):
        return None
    return values[0], values[1]


def with_moments(frame: Frame, **moments: Any) -> Frame:
    """Return a frame with some moments added."""
    kept = {key: value for key, value in moments.items() if value is not None}
    return replace(frame, moments={**frame.moments, **kept})


def _pixel_spacing(header: Header) -> tuple[float, float] | None:
    return pair(header.floats("PixelSpacing"))


def _slope(header: Header) -> float:
    """Return the rescale slope; dose grids carry theirs elsewhere."""
    if header.has("DoseGridScaling"):
        return header.number("DoseGridScaling", 1.0) or 1.0
    slope = header.number("RescaleSlope", 1.0)
    return slope if slope and np.isfinite(slope) else 1.0


def _traits(header: Header) -> dict[str, Any]:
    kind = header.texts("ImageType")
    return {
        "image_type": kind,
        "localizer": "LOCALIZER" in kind[2:],
        "component": _component(kind, header),
        "echo": header.number("EchoTime"),
        "stack": "",
    }


_GE_COMPONENTS = ("MAGNITUDE", "PHASE", "REAL", "IMAGINARY")


def _component(kind: tuple[str, ...], header: Header) -> str:
    """Tell magnitude, phase, real and imaginary parts apart."""
    stated = header.text("ComplexImageComponent")
    if stated and stated != "MIXED":
        return stated
    if header.has("GeRawType") and header.integer("GeRawType", -1) in range(len(_GE_COMPONENTS)):
        return _GE_COMPONENTS[header.integer("GeRawType")]
    names = {"M": "MAGNITUDE", "P": "PHASE", "R": "REAL", "I": "IMAGINARY"}
    for value in kind[2:]:
        word = value.split("_")[0]
        if word in names:
            return names[word]
        if word in names.values():
            return word
    return ""


def _moments(header: Header) -> dict[str, Any]:
    from napari_medai.io.dicom.diffusion import b_value_of

    numbers = {
        "temporal": header.number("TemporalPositionIdentifier"),
        "acquisition": header.number("AcquisitionNumber"),
        "trigger": header.number("TriggerTime"),
        "instance": header.number("InstanceNumber"),
        "b_value": b_value_of(header),
        "frame_time": header.number("FrameReferenceTime"),
        "acquired": seconds_of(header.text("AcquisitionTime")),
        "content": seconds_of(header.text("ContentTime")),
    }
    return {key: value for key, value in numbers.items() if value is not None}


def seconds_of(text: str) -> float | None:
    """Return a DICOM time (or the time of a date and time) as seconds of the day."""
    digits = text.split("+")[0].split("&")[0].replace(":", "")
    whole, _, fraction = digits.partition(".")
    if len(whole) >= 14:
        whole = whole[8:]
    if len(whole) < 4 or not whole.isdigit():
        return None
    seconds = int(whole[:2]) * 3600 + int(whole[2:4]) * 60 + int(whole[4:6] or 0)
    return seconds + (float(f"0.{fraction}") if fraction.isdigit() else 0.0)


def _facts(header: Header) -> dict[str, Any]:
    from napari_medai.io.dicom.diffusion import gradient_of

    facts: dict[str, Any] = {}
    centre, width = header.floats("WindowCenter"), header.floats("WindowWidth")
    if centre and width:
        facts["window"] = (centre[0], width[0])
        facts["windows"] = tuple(zip(centre, width, strict=False))
    gradient = gradient_of(header)
    if gradient is not None:
        facts["gradient"] = gradient
    return facts
