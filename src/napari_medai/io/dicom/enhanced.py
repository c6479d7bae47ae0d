"""Enhanced multi-frame files: each frame's facts stand in functional groups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from napari_medai.core.errors import ReadError
from napari_medai.io.dicom.frames import Frame, pair, plane_of, position_of, positive, seconds_of
from napari_medai.io.dicom.header import Header, quiet_pydicom


@dataclass(frozen=True)
class _Groups:
    """The functional groups of one frame: its own, else those shared by all."""

    own: Any
    shared: Any
    top: Any

    def item(self, name: str) -> Any:
        """Return the first item of a group's sequence, or an empty mapping."""
        for source in (self.own, self.shared):
            sequence = source.get(name, None)
            if sequence:
                return sequence[0]
        return {}

    def number(self, group: str, keyword: str) -> float | None:
        """Return a finite number of a group."""
        value = self.item(group).get(keyword, None)
        values = numbers(value)
        return values[0] if values and np.isfinite(values[0]) else None


def numbers(value: Any) -> tuple[float, ...]:
    """Return what pydicom gives for a numeric element as a tuple of floats."""
    if value is None or isinstance(value, str | bytes):
        return ()
    try:
        return tuple(float(v) for v in (value if hasattr(value, "__len__") else [value]))
    except (TypeError, ValueError):
        return ()


def is_enhanced(header: Header) -> bool:
    """Tell whether a file describes its frames in functional groups."""
    return header.has("PerFrameFunctionalGroupsSequence")


def split(base: Frame) -> list[Frame]:
    """Return the frames of an enhanced file, each with its own place, scaling and moment.

    Raises
    ------
    ReadError
        If there are not as many functional groups as frames.
    """
    header = base.header
    with quiet_pydicom():
        dataset = header.sequences
        groups = dataset.get("PerFrameFunctionalGroupsSequence", None) or []
        count = max(1, header.integer("NumberOfFrames", 1))
        if len(groups) != count:
            raise ReadError(
                f"{header.shown} holds {count} frames but describes {len(groups)}.", hint="Export it again."
            )
        shared = (dataset.get("SharedFunctionalGroupsSequence", None) or [{}])[0]
        meanings = _index_meanings(dataset)
        return [_frame(base, k, _Groups(own, shared, dataset), meanings) for k, own in enumerate(groups)]


def _frame(base: Frame, number: int, groups: _Groups, meanings: list[str]) -> Frame:
    measures = groups.item("PixelMeasuresSequence")
    position = numbers(groups.item("PlanePositionSequence").get("ImagePositionPatient", None))
    plane = numbers(groups.item("PlaneOrientationSequence").get("ImageOrientationPatient", None))
    slope = groups.number("PixelValueTransformationSequence", "RescaleSlope")
    intercept = groups.number("PixelValueTransformationSequence", "RescaleIntercept")
    between = positive(_one(measures.get("SpacingBetweenSlices", None)))
    thick = positive(_one(measures.get("SliceThickness", None)))
    return replace(
        base,
        number=number,
        position=position_of(position) if position else base.position,
        plane=plane_of(plane, base.header.shown) if plane else base.plane,
        spacing=pair(numbers(measures.get("PixelSpacing", None))) or base.spacing,
        thickness=between or thick or base.thickness,
        slope=base.slope if slope is None or slope == 0 else slope,
        intercept=base.intercept if intercept is None else intercept,
        traits={**base.traits, **_traits(groups, base)},
        moments=_moments(number, groups, meanings),
        facts={**base.facts, **_facts(groups)},
    )


def _one(value: Any) -> float | None:
    values = numbers(value)
    return values[0] if values else None


def _traits(groups: _Groups, base: Frame) -> dict[str, Any]:
    from napari_medai.io.dicom.frames import _component

    kind: Mapping[str, Any] = {}
    for name in _FRAME_TYPES:
        kind = groups.item(name) or kind
    frame_type = tuple(str(v) for v in kind.get("FrameType", None) or base.traits["image_type"])
    component = str(kind.get("ComplexImageComponent", "") or "")
    content = groups.item("FrameContentSequence")
    echo = groups.number("MREchoSequence", "EffectiveEchoTime")
    return {
        "image_type": frame_type,
        "localizer": "LOCALIZER" in frame_type[2:],
        "component": component if component not in ("", "MIXED") else _component(frame_type, base.header),
        "echo": echo if echo is not None else base.traits.get("echo"),
        "stack": str(content.get("StackID", "") or ""),
        "segment": groups.number("SegmentIdentificationSequence", "ReferencedSegmentNumber"),
    }


_FRAME_TYPES = ("CTImageFrameTypeSequence", "MRImageFrameTypeSequence", "PETFrameTypeSequence")


def _moments(number: int, groups: _Groups, meanings: list[str]) -> dict[str, Any]:
    content = groups.item("FrameContentSequence")
    diffusion = groups.item("MRDiffusionSequence")
    values = {
        "temporal": _one(content.get("TemporalPositionIndex", None)),
        "trigger": groups.number("CardiacSynchronizationSequence", "NominalCardiacTriggerDelayTime"),
        "b_value": _one(diffusion.get("DiffusionBValue", None)),
        "acquisition": _one(content.get("FrameAcquisitionNumber", None)),
        "acquired": seconds_of(str(content.get("FrameAcquisitionDateTime", "") or "")),
        "frame_time": groups.number("TemporalPositionSequence", "TemporalPositionTimeOffset"),
        "instance": float(number),
    }
    indices = numbers(content.get("DimensionIndexValues", None))
    for meaning, index in zip(meanings, indices, strict=False):
        if meaning:
            values[f"dimension {meaning}"] = index
    return {key: value for key, value in values.items() if value is not None}


_SPATIAL_INDICES = ("ImagePositionPatient", "InStackPositionNumber", "StackID", "ImageOrientationPatient")


def _index_meanings(dataset: Any) -> list[str]:
    """Return what each dimension index counts, an empty name for those of space."""
    from pydicom.datadict import keyword_for_tag

    meanings = []
    for item in dataset.get("DimensionIndexSequence", None) or []:
        pointer = item.get("DimensionIndexPointer", None)
        keyword = keyword_for_tag(pointer) if pointer is not None else ""
        meanings.append("" if keyword in _SPATIAL_INDICES else keyword or str(pointer))
    return meanings


def _facts(groups: _Groups) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    window = groups.item("FrameVOILUTSequence")
    centre, width = numbers(window.get("WindowCenter", None)), numbers(window.get("WindowWidth", None))
    if centre and width:
        facts["window"] = (centre[0], width[0])
    diffusion = groups.item("MRDiffusionSequence")
    directions = diffusion.get("DiffusionGradientDirectionSequence", None)
    if directions:
        vector = numbers(directions[0].get("DiffusionGradientOrientation", None))
        if len(vector) == 3:
            facts["gradient"] = vector
    return facts
