"""Stacks of a scan read into images, all of them or those a person chose."""

from __future__ import annotations

from collections.abc import Sequence

from napari_medai.core.errors import ReadError
from napari_medai.core.image import MedicalImage
from napari_medai.core.progress import Progress, part, silent
from napari_medai.io.dicom.assemble import images_of
from napari_medai.io.dicom.geometry import Gaps
from napari_medai.io.dicom.header import Header, reading
from napari_medai.io.dicom.stack import Stack


def load_stacks(
    stacks: Sequence[Stack],
    gaps: Gaps = "resample",
    memory_limit: float = float("inf"),
    progress: Progress = silent,
) -> tuple[list[MedicalImage], list[ReadError]]:
    """Read the pixels of stacks; segmentations last, so that they find the image they were drawn on.

    Parameters
    ----------
    stacks : sequence of Stack
        From a scan.
    gaps : {"resample", "error"}
        What to do where slices are missing or unevenly spaced.
    memory_limit : float
        Bytes; a larger image is read slice by slice when it is looked at.
    progress : Progress
        Hears one report a slice; may cancel.

    Returns
    -------
    images : list of MedicalImage
        What could be read.
    errors : list of ReadError
        Why the rest could not.
    """
    images: list[MedicalImage] = []
    errors: list[ReadError] = []
    for index, stack in enumerate(sorted(stacks, key=lambda stack: bool(stack.special))):
        share = part(progress, index / len(stacks), (index + 1) / len(stacks))
        try:
            images += images_of(
                stack, gaps=gaps, progress=share, references=images, memory_limit=memory_limit
            )
        except ReadError as error:
            errors.append(error)
    return images, errors


def load_structures(
    headers: Sequence[Header], images: Sequence[MedicalImage]
) -> tuple[list[MedicalImage], list[ReadError]]:
    """Read the contours of structure sets as labels on the images they were drawn on.

    Parameters
    ----------
    headers : sequence of Header
        DICOM files without pixels; those that are no structure sets are left out.
    images : sequence of MedicalImage
        Images read alongside.
    """
    from napari_medai.io.dicom import structures

    labels: list[MedicalImage] = []
    errors: list[ReadError] = []
    for header in filter(structures.is_structure_set, headers):
        try:
            with reading(header.shown):
                labels += structures.images_of(header, images)
        except ReadError as error:
            errors.append(error)
    return labels, errors
