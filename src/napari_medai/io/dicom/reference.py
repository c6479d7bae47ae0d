"""The series that a written DICOM object refers to: its slices, in order, with all their elements."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from napari_medai.core.errors import ReadError, WriteError
from napari_medai.core.image import MedicalImage
from napari_medai.io.dicom.align import on_grid
from napari_medai.io.dicom.header import quiet_pydicom
from napari_medai.io.dicom.scan import scan
from napari_medai.io.dicom.stack import Stack

Reference = str | Path | Sequence[str | Path]


def find_stack(image: MedicalImage, reference: Reference) -> tuple[Stack, MedicalImage]:
    """Find the image of a reference on whose grid another one lies.

    Parameters
    ----------
    image : MedicalImage
        What shall be written.
    reference : path or sequence of paths
        DICOM files or folders.

    Returns
    -------
    stack : Stack
        The source image.
    image : MedicalImage
        ``image``, its axes reordered to those of the source.

    Raises
    ------
    WriteError
        If there is none, or its slices were interpolated and so have no files.
    """
    try:
        stacks = [
            s for series in scan(reference).series for s in series.stacks if not s.special and s.is_placed
        ]
    except ReadError as error:
        raise WriteError(f"The reference cannot be used: {error.message}", hint=error.hint) from error
    for stack in stacks:
        try:
            placement = stack.placement()
            turned = on_grid(image, placement.geometry, "the reference")
        except (ReadError, WriteError):
            continue
        if placement.places is not None:
            raise WriteError(
                f"{stack.name} has missing slices; what was computed between them has no source file.",
                hint="Write .nii.gz instead.",
            )
        return stack, turned
    raise WriteError(
        f"{image.name or 'The image'} lies on the grid of none of the {len(stacks)} images of the reference.",
        hint="Give the folder of its source series, or resample it onto that first: resample_to.",
    )


def datasets_of(stack: Stack) -> list[Any]:
    """Return the files of the first volume of a stack as pydicom data sets, in the order of its slices."""
    import pydicom

    paths = list(dict.fromkeys(frame.header.path for frame in stack.volumes[0]))
    with quiet_pydicom():
        return [pydicom.dcmread(path, force=True) for path in paths]
