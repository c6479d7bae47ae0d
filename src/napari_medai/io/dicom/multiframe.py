"""Files of many frames without functional groups: cine, dose grids, nuclear medicine, screen captures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from napari_medai.io.dicom.frames import Frame, with_moments
from napari_medai.io.dicom.header import Header, quiet_pydicom


def is_multiframe(header: Header) -> bool:
    """Tell whether a file holds more than one frame."""
    return header.integer("NumberOfFrames", 1) > 1


def split(base: Frame) -> list[Frame]:
    """Return the frames of a file, placed in space where it says how, else one after the other in time."""
    header = base.header
    count = header.integer("NumberOfFrames", 1)
    offsets = header.floats("GridFrameOffsetVector")
    if len(offsets) == count and base.is_placed:
        return _placed_by_offsets(base, offsets)
    detector = _detector_frame(base, count)
    if detector:
        return detector
    return [with_moments(replace(base, number=k, position=None), instance=float(k)) for k in range(count)]


def _placed_by_offsets(base: Frame, offsets: tuple[float, ...]) -> list[Frame]:
    """Place the planes of a dose grid: offsets run along the normal, from 0 or from the first position."""
    assert base.position is not None
    return [
        replace(base, number=k, position=base.position + base.normal * (offset - offsets[0]))
        for k, offset in enumerate(offsets)
    ]


def _detector_frame(base: Frame, count: int) -> list[Frame]:
    """Place the slices of a reconstructed nuclear medicine volume, whose place stands with the detector."""
    header = base.header
    kinds = header.texts("ImageType")
    if header.text("Modality") not in ("NM", "PT") or not {"RECON TOMO", "RECON GATED TOMO"} & set(kinds):
        return []
    from napari_medai.io.dicom.enhanced import numbers
    from napari_medai.io.dicom.frames import plane_of, position_of

    items = header.sequences.get("DetectorInformationSequence", [])
    step = header.number("SpacingBetweenSlices") or header.number("SliceThickness")
    if not items or not step or base.spacing is None:
        return []
    first = items[0]
    position = position_of(numbers(first.get("ImagePositionPatient", None)))
    plane = plane_of(numbers(first.get("ImageOrientationPatient", None)), header.shown)
    if position is None or plane is None:
        return []
    normal = np.cross(plane[0], plane[1])
    slices, phases = _vector(header, "SliceVector", count), _vector(header, "TimeSlotVector", count)
    if slices is None and "RECON GATED TOMO" in kinds:
        return []
    frames = []
    for k in range(count):
        height = k if slices is None else int(slices[k]) - 1
        frame = replace(base, number=k, plane=plane, position=position + normal * step * height)
        frames.append(frame if phases is None else with_moments(frame, temporal=float(phases[k])))
    return frames


def _vector(header: Header, keyword: str, count: int) -> list[int] | None:
    """Return one index a frame, or nothing where they are missing."""
    with quiet_pydicom():
        values = header.sequences.get(keyword, None)
    found = [int(v) for v in values] if hasattr(values, "__len__") and not isinstance(values, str) else []
    return found if len(found) == count and min(found, default=0) > 0 else None
