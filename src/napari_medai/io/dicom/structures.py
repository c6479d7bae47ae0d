"""Contours of a DICOM structure set filled into labels on the images they were drawn on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.errors import ReadError
from napari_medai.core.geometry import FloatArray
from napari_medai.core.image import MedicalImage
from napari_medai.core.progress import Progress, silent, track
from napari_medai.io.dicom.facts import fingerprint
from napari_medai.io.dicom.header import Header, quiet_pydicom
from napari_medai.io.values import integer_type

STRUCTURE_SET = "1.2.840.10008.5.1.4.1.1.481.3"
_OFF_SLICE = 0.5


def is_structure_set(header: Header) -> bool:
    """Tell whether a file is an RT structure set."""
    return header.text("SOPClassUID") == STRUCTURE_SET


def images_of(
    header: Header, references: Sequence[MedicalImage], progress: Progress = silent
) -> list[MedicalImage]:
    """Fill the contours of a structure set.

    Parameters
    ----------
    header : Header
        The structure set.
    references : sequence of MedicalImage
        Images read alongside; the one of the contours' frame of reference gives the grid.
    progress : Progress
        Hears one report a structure.

    Returns
    -------
    list of MedicalImage
        Labels, a value a structure; more than one image where structures overlap. A voxel belongs to a
        structure if its centre lies within an odd number of its contours on the slice nearest to it.

    Raises
    ------
    ReadError
        If the images of the contours are not there.
    """
    with quiet_pydicom():
        dataset = header.sequences
        structures, frame = _structures(dataset)
    grid = _reference(references, frame, header)
    arrays: list[NDArray[Any]] = []
    names: list[dict[str, str]] = []
    lost = 0
    for number, name, contours in track(structures, progress, "Filling contours"):
        mask, missed = _filled(contours, grid)
        lost += missed
        index = next((k for k, array in enumerate(arrays) if not array[mask].any()), len(arrays))
        if index == len(arrays):
            arrays.append(
                np.zeros(grid.geometry.shape, integer_type(0, max(s[0] for s in structures), np.uint8))
            )
            names.append({})
        arrays[index][mask] = number
        names[index][str(number)] = name
    return [_image(header, grid, a, n, k, lost) for k, (a, n) in enumerate(zip(arrays, names, strict=True))]


def _structures(dataset: Any) -> tuple[list[tuple[int, str, list[FloatArray]]], str]:
    """Return number, name and closed contours (N, 3) of each structure, and their frame of reference."""
    names, frame = {}, ""
    for item in dataset.get("StructureSetROISequence", None) or []:
        names[int(item.get("ROINumber", 0))] = str(item.get("ROIName", "") or "")
        frame = str(item.get("ReferencedFrameOfReferenceUID", "") or frame)
    found = []
    for item in dataset.get("ROIContourSequence", None) or []:
        number = int(item.get("ReferencedROINumber", 0))
        contours = [
            np.array(contour.ContourData, dtype=float).reshape(-1, 3)
            for contour in item.get("ContourSequence", None) or []
            if str(contour.get("ContourGeometricType", "")) in ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")
            and len(contour.get("ContourData", None) or ()) >= 9
        ]
        if contours and number > 0:
            found.append((number, names.get(number, ""), contours))
    return sorted(found, key=lambda s: s[0]), frame


def _reference(references: Sequence[MedicalImage], frame: str, header: Header) -> MedicalImage:
    wanted = fingerprint(frame or header.text("FrameOfReferenceUID"))
    for image in references:
        same = image.meta.get("source", {}).get("frame_of_reference") == wanted
        if same and image.spatial_ndim == 3 and image.kind == "intensity":
            return image
    raise ReadError(
        f"{header.shown} holds contours, but the images they were drawn on are not there.",
        hint="Read the folder that holds the structure set and its images together.",
    )


def _filled(contours: list[FloatArray], grid: MedicalImage) -> tuple[NDArray[np.bool_], int]:
    """Return the voxels inside, and how many contours lie outside the grid."""
    from skimage.draw import polygon

    mask = np.zeros(grid.geometry.shape, bool)
    missed = 0
    for contour in contours:
        points = grid.geometry.world_to_index(contour)
        height = float(np.median(points[:, 0]))
        index = round(height)
        if not 0 <= index < mask.shape[0] or abs(height - index) > _OFF_SLICE:
            missed += 1
            continue
        rows, columns = polygon(points[:, 1], points[:, 2], mask.shape[1:])
        mask[index, rows, columns] ^= True
    return mask, missed


def _image(
    header: Header, grid: MedicalImage, array: NDArray[Any], names: dict[str, str], index: int, lost: int
) -> MedicalImage:
    name = header.text("SeriesDescription") or "RT structures"
    notices = [f"{name}: {lost} contours lie outside the image and were left out."] if lost else []
    meta: dict[str, Any] = {
        "modality": "RTSTRUCT",
        "labels": names,
        "source": {"format": "dicom", "frame_of_reference": grid.meta["source"]["frame_of_reference"]},
        **({"notices": notices} if notices else {}),
    }
    name = name if index == 0 else f"{name} - overlapping {index}"
    return MedicalImage(array, "zyx", grid.geometry, kind="labels", name=name, meta=meta)
