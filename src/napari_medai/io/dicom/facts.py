"""What an image's meta says about a DICOM series: modality, window, time, padding; never the patient."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import numpy as np

from napari_medai.core.geometry import Geometry
from napari_medai.io.dicom.frames import pair
from napari_medai.io.dicom.header import Header, parse_errors, quiet_pydicom
from napari_medai.io.dicom.stack import Stack
from napari_medai.io.dicom.suv import suv_factor

_LINES = {
    "BodyPartExamined": "body_part",
    "Manufacturer": "manufacturer",
    "ManufacturerModelName": "model",
    "ProtocolName": "protocol",
}
_NUMBERS = {
    "RepetitionTime": "repetition_time_ms",
    "InversionTime": "inversion_time_ms",
    "FlipAngle": "flip_angle_deg",
    "SliceThickness": "slice_thickness_mm",
}


def meta_of(stack: Stack, notices: list[str]) -> dict[str, Any]:
    """Return the meta of an image; see the conventions of ``MedicalImage.meta``."""
    header = stack.header
    meta: dict[str, Any] = {"modality": header.text("Modality"), "source": _source(stack)}
    if header.text("PhotometricInterpretation") == "MONOCHROME1":
        meta["colormap"] = "gray_r"
    window = _window(stack)
    if window and not stack.is_colour:
        meta["window"] = window
        meta["windows"] = _stated_windows(stack) or [{"name": "as scanned", **window}]
    padding = _padding(stack)
    if padding is not None:
        meta["padding"] = padding
    units = header.text("Units") or header.text("RescaleType") or header.text("DoseUnits")
    if units:
        meta["value_unit"] = units
    if meta["modality"] == "PT":
        meta["suv"] = suv_factor(header)
    meta.update(_time(stack))
    if header.text("BurnedInAnnotation") == "YES":
        notices = [*notices, f"{stack.name}: the file says that text is burned into the picture."]
    if notices:
        meta["notices"] = list(dict.fromkeys(notices))
    return meta


def flat_geometry(stack: Stack) -> tuple[Geometry, list[str]]:
    """Return the grid of pictures without a place in the patient, and what must be said about it."""
    first = stack.first
    shape = (first.rows, first.columns)
    if first.spacing:
        return Geometry.from_spacing(shape, first.spacing), _calibration_notice(stack)
    header = stack.header
    detector = pair(header.floats("ImagerPixelSpacing")) or pair(header.floats("NominalScannedPixelSpacing"))
    if detector:
        notice = f"{stack.name}: pixel sizes are those at the detector; lengths in the patient are smaller."
        return Geometry.from_spacing(shape, detector), [notice]
    ultrasound = _ultrasound_spacing(header)
    if ultrasound:
        return Geometry.from_spacing(shape, ultrasound), []
    return Geometry.from_spacing(shape), [
        f"{stack.name} does not say how large a pixel is: lengths are in pixels."
    ]


def fingerprint(uid: str) -> str:
    """Return a short one-way hash of a UID, by which images of one series or frame can be recognised."""
    return blake2b(uid.encode(), digest_size=8).hexdigest() if uid else ""


def _source(stack: Stack) -> dict[str, Any]:
    header = stack.header
    source: dict[str, Any] = {
        "format": "dicom",
        "series": fingerprint(header.text("SeriesInstanceUID")),
        "frame_of_reference": fingerprint(header.text("FrameOfReferenceUID")),
        "series_number": header.integer("SeriesNumber"),
        "image_type": list(stack.first.traits.get("image_type", ())),
        "files": len({frame.header.path for frame in stack.frames}),
        "transfer_syntax": header.syntax,
    }
    for keyword, key in _LINES.items():
        if header.text(keyword):
            source[key] = header.text(keyword)
    for keyword, key in _NUMBERS.items():
        value = header.number(keyword)
        if value is not None and np.isfinite(value):
            source[key] = value
    echo = stack.first.traits.get("echo")
    if echo is not None and np.isfinite(echo):
        source["echo_time_ms"] = echo
    if header.has("PhilipsScaleSlope"):
        source["philips_scale"] = {
            "used": "rescale slope and intercept",
            "scale_slope": header.number("PhilipsScaleSlope"),
            "scale_intercept": header.number("PhilipsScaleIntercept"),
        }
    return source


def _window(stack: Stack) -> dict[str, float] | None:
    """Return the window of the middle slice; of a lookup table the range of values that it spreads."""
    middle = stack.volumes[0][len(stack.volumes[0]) // 2]
    window = middle.facts.get("window") or _table_range(middle.header)
    if not window or not np.all(np.isfinite(window)) or window[1] <= 0:
        return None
    return {"center": float(window[0]), "width": float(window[1])}


def _stated_windows(stack: Stack) -> list[dict[str, Any]]:
    """Return every window the middle slice states, with the names it gives them."""
    middle = stack.volumes[0][len(stack.volumes[0]) // 2]
    names = middle.header.texts("WindowCenterWidthExplanation")
    windows = []
    for index, (center, width) in enumerate(middle.facts.get("windows", ())):
        if np.isfinite(center) and np.isfinite(width) and width > 0:
            name = names[index] if index < len(names) and names[index] else f"window {index + 1}"
            windows.append({"name": name.lower(), "center": float(center), "width": float(width)})
    return windows


def _table_range(header: Header) -> tuple[float, float] | None:
    if not header.has("VOILUTSequence"):
        return None
    with quiet_pydicom():
        items = header.sequences.get("VOILUTSequence", None) or []
        try:
            entries, first, _ = (int(v) for v in items[0].LUTDescriptor)
        except parse_errors():
            return None
    if first > 32767 and header.integer("PixelRepresentation") == 1:
        first -= 65536
    entries = entries or 65536
    return first + entries / 2, float(entries)


def _padding(stack: Stack) -> float | list[float] | None:
    """Return the value (or range of values) that stands for no measurement, rescaled like the voxels."""
    header = stack.header
    ends = [header.number("PixelPaddingValue"), header.number("PixelPaddingRangeLimit")]
    scaled = [v * stack.first.slope + stack.first.intercept for v in ends if v is not None]
    if not scaled:
        return None
    return scaled[0] if len(scaled) == 1 else sorted(scaled)


def _time(stack: Stack) -> dict[str, Any]:
    time = dict(stack.time)
    if len(stack.volumes) < 2:
        return {}
    meta: dict[str, Any] = {"time_axis": time.get("axis", "time")}
    step = time.get("step_s")
    repetition = stack.header.number("RepetitionTime")
    if step is None and repetition and stack.first.tile is not None:
        step = repetition / 1000
    if step:
        meta["time_step_s"] = float(step)
    for key in ("b_values", "b_vectors"):
        if key in time:
            meta[key] = time[key]
    return meta


def _calibration_notice(stack: Stack) -> list[str]:
    kind = stack.header.text("PixelSpacingCalibrationType")
    if kind:
        return [f"{stack.name}: pixel sizes were calibrated by {kind.lower()}; they hold at that depth only."]
    return []


def _ultrasound_spacing(header: Header) -> tuple[float, float] | None:
    """Return (row, column) spacing in mm of the first region that measures lengths on both axes."""
    if not header.has("SequenceOfUltrasoundRegions"):
        return None
    with quiet_pydicom():
        for region in header.sequences.get("SequenceOfUltrasoundRegions", None) or []:
            units = region.get("PhysicalUnitsXDirection", 0), region.get("PhysicalUnitsYDirection", 0)
            steps = region.get("PhysicalDeltaY", None), region.get("PhysicalDeltaX", None)
            if units == (3, 3) and None not in steps:
                found = pair(tuple(abs(float(s)) * 10 for s in steps))
                if found:
                    return found
    return None
