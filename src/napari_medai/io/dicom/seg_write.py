"""Labels written as a DICOM segmentation that refers to the series they were drawn on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.errors import WriteError
from napari_medai.core.history import package_version
from napari_medai.core.image import MedicalImage
from napari_medai.io.dicom.header import quiet_pydicom
from napari_medai.io.dicom.reference import Reference, datasets_of, find_stack
from napari_medai.io.dicom.segments import LABEL_NOTE

MAKER = "napari-medai"
_SCHEME = "99NAPARIMEDAI"


def write_seg(image: MedicalImage, path: Path, reference: Reference) -> None:
    """Write labels as a binary DICOM segmentation.

    Parameters
    ----------
    image : MedicalImage
        Labels on the grid of a source image, their axes possibly reordered.
    path : Path
        The file to write.
    reference : path or sequence of paths
        The DICOM files of the source image. Patient and study are those of the source.

    Raises
    ------
    WriteError
        If there are no labels, they lie on another grid, or the source cannot be referred to.
    """
    if image.kind != "labels":
        raise WriteError("A DICOM segmentation holds labels, not intensities.", hint="Segment it first.")
    stack, turned = find_stack(image, reference)
    sources = datasets_of(stack)
    array = np.asarray(turned.array)
    if array.ndim != 3:
        raise WriteError(
            f"Found labels with axes {image.axes}; needed zyx.", hint="Write one volume at a time."
        )
    values = [int(v) for v in np.unique(array) if v != 0]
    if not values:
        raise WriteError("Found no label other than 0; there is nothing to write.", hint="Draw some first.")
    with quiet_pydicom():
        _segmentation(array, values, image, sources, len(stack.volumes[0])).save_as(path)


def _segmentation(
    array: NDArray[Any], values: list[int], image: MedicalImage, sources: list[Any], slices: int
) -> Any:
    import highdicom as hd

    if len(sources) not in (1, slices):
        raise WriteError(
            "The source image mixes several multi-frame files, which a segmentation cannot refer to.",
            hint="Write .nii.gz instead.",
        )
    numbers = np.zeros(array.shape, np.uint8 if len(values) < 256 else np.uint16)
    for number, value in enumerate(values, start=1):
        numbers[array == value] = number
    if len(sources) == 1 and slices > 1:
        numbers = _in_file_order(numbers, sources[0], image)
    try:
        return hd.seg.Segmentation(
            source_images=sources,
            pixel_array=numbers,
            segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
            segment_descriptions=[_description(n, v, image) for n, v in enumerate(values, start=1)],
            series_instance_uid=hd.UID(),
            series_number=1000 + int(sources[0].get("SeriesNumber", 0) or 0),
            sop_instance_uid=hd.UID(),
            instance_number=1,
            manufacturer=MAKER,
            manufacturer_model_name=MAKER,
            software_versions=package_version(),
            device_serial_number="0",
            series_description=(image.name or "Segmentation")[:64],
            content_label="SEGMENTATION",
            omit_empty_frames=True,
        )
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        raise WriteError(
            f"The source files cannot be referred to: {error}", hint="Write .nii.gz instead."
        ) from error


def _in_file_order(numbers: NDArray[Any], source: Any, image: MedicalImage) -> NDArray[Any]:
    """Bring slices into the order of the frames of a multi-frame source."""
    frames = int(source.get("NumberOfFrames", 1) or 1)
    if frames != len(numbers):
        raise WriteError(
            f"The source of {image.name} holds {frames} frames for {len(numbers)} slices (several volumes).",
            hint="Write .nii.gz instead.",
        )
    groups = source.PerFrameFunctionalGroupsSequence
    shared = source.SharedFunctionalGroupsSequence[0]
    planes = (groups[0] if "PlaneOrientationSequence" in groups[0] else shared).PlaneOrientationSequence[0]
    directions = np.array(planes.ImageOrientationPatient, dtype=float).reshape(2, 3)
    normal = np.cross(directions[0], directions[1])
    heights = [
        np.array(g.PlanePositionSequence[0].ImagePositionPatient, dtype=float) @ normal for g in groups
    ]
    return numbers[np.argsort(np.argsort(heights, kind="stable"))]


def _description(number: int, value: int, image: MedicalImage) -> Any:
    import highdicom as hd
    from pydicom.sr.codedict import codes

    names = image.meta.get("labels", {})
    label = str(names.get(str(value), f"Label {value}"))[:64]
    automatic = bool(image.history)
    item = hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=label,
        segmented_property_category=codes.SCT.AnatomicalStructure,
        segmented_property_type=hd.sr.CodedConcept(f"label-{value}", _SCHEME, label),
        algorithm_type="AUTOMATIC" if automatic else "MANUAL",
        algorithm_identification=_algorithm(image) if automatic else None,
    )
    item.SegmentDescription = f"{LABEL_NOTE} {value}"
    return item


def _algorithm(image: MedicalImage) -> Any:
    import highdicom as hd
    from pydicom.sr.codedict import codes

    last = image.history[-1]
    return hd.AlgorithmIdentificationSequence(
        name=f"{MAKER} {last.operation}", version=last.version, family=codes.DCM.ArtificialIntelligence
    )
