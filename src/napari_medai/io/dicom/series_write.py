"""Images written as a derived DICOM series: one file a slice, exact places, values scaled to 16 bits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.errors import WriteError
from napari_medai.core.geometry import Geometry
from napari_medai.core.history import package_version
from napari_medai.core.image import MedicalImage
from napari_medai.core.progress import Progress, silent, track
from napari_medai.io.dicom.header import quiet_pydicom
from napari_medai.io.dicom.reference import Reference, datasets_of, find_stack
from napari_medai.io.dicom.required import CT, SECONDARY, class_of, fill_modules

_PATIENT_AND_STUDY = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "PatientAge", "PatientSize",
    "PatientWeight", "StudyInstanceUID", "StudyDate", "StudyTime", "StudyID", "StudyDescription",
    "AccessionNumber", "ReferringPhysicianName", "FrameOfReferenceUID", "PositionReferenceIndicator",
    "PatientPosition",
)  # fmt: skip
_IN_PLANE_DEG = 0.01


def write_series(
    image: MedicalImage, folder: Path, reference: Reference | None = None, progress: Progress = silent
) -> None:
    """Write a volume (or several, over time) as a folder of single-slice DICOM files.

    Parameters
    ----------
    image : MedicalImage
        Axes zyx, tzyx or zyxs (8-bit); a grid whose rows and columns are at right angles. Slices may be
        stacked obliquely, as of a tilted gantry.
    folder : Path
        The folder to make.
    reference : path or sequence of paths, optional
        DICOM files of the source image: patient, study and frame of reference are taken from them. Without,
        the patient stays unnamed and the study is a new one.
    progress : Progress
        Hears one report a slice; may cancel.

    Raises
    ------
    WriteError
        If the image is none of these, or lies on another grid than the reference.

    Notes
    -----
    Integers that fit 16 bits are stored as they are; other values are scaled to 16 bits between the image's
    extremes, which leaves an error of at most 1/131070 of that range.
    """
    sources: list[Any] = []
    if reference is not None:
        stack, image = find_stack(image, reference)
        sources = datasets_of(stack)
    if image.axes not in ("zyx", "tzyx", "zyxs"):
        raise WriteError(f"Found axes {image.axes}; needed zyx, tzyx or zyxs.", hint="Write .nii.gz instead.")
    _check_grid(image)
    stored, slope, intercept = _stored(np.asarray(image.array))
    folder.mkdir()
    volumes = stored if image.axes == "tzyx" else stored[None]
    base = _common(image, sources, slope, intercept, stored.dtype)
    with quiet_pydicom():
        for number in track(range(volumes.shape[0] * volumes.shape[1]), progress, "Writing slices"):
            time, index = divmod(number, volumes.shape[1])
            dataset = _slice(base, image.geometry, volumes[time, index], index, number)
            if len(volumes) > 1:
                dataset.TemporalPositionIdentifier = time + 1
                dataset.NumberOfTemporalPositions = len(volumes)
            dataset.save_as(folder / f"{number + 1:05d}.dcm", enforce_file_format=True)


def _check_grid(image: MedicalImage) -> None:
    matrix = image.geometry.direction
    if image.geometry.unit != "mm":
        raise WriteError("DICOM states lengths in mm, and this image has none.", hint="Set its spacing.")
    if abs(float(np.degrees(np.arcsin(np.clip(matrix[:, 1] @ matrix[:, 2], -1, 1))))) > _IN_PLANE_DEG:
        raise WriteError(
            "The rows and columns of this image are not at right angles, which DICOM cannot hold.",
            hint="Write .nii.gz instead, or resample it first.",
        )


def _stored(array: NDArray[Any]) -> tuple[NDArray[Any], float, float]:
    """Return 16-bit (or 8-bit colour) numbers, and the slope and intercept that make the values of them."""
    if array.dtype == np.uint8 or array.dtype in (np.int16, np.uint16):
        return array, 1.0, 0.0
    low, high = float(array.min()), float(array.max())
    if not np.isfinite(low) or not np.isfinite(high):
        raise WriteError(
            "Found voxels that are NaN or infinite, which DICOM cannot hold.", hint="Remove them."
        )
    if array.dtype.kind in "iub" and low >= -32768 and high <= 32767:
        return array.astype(np.int16), 1.0, 0.0
    slope = (high - low) / 65535 or 1.0
    return np.rint((array.astype(np.float64) - low) / slope).astype(np.uint16), slope, low


def _common(
    image: MedicalImage, sources: list[Any], slope: float, intercept: float, dtype: np.dtype[Any]
) -> Any:
    from pydicom.dataset import Dataset
    from pydicom.uid import generate_uid

    base = Dataset()
    for keyword in _PATIENT_AND_STUDY:
        if sources and keyword in sources[0]:
            base[keyword] = sources[0][keyword]
    for keyword in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime"):
        if keyword not in base:
            setattr(base, keyword, "")
    for keyword in ("StudyInstanceUID", "FrameOfReferenceUID"):
        if keyword not in base:
            setattr(base, keyword, generate_uid())
    modality = str(image.meta.get("modality", "")) or "OT"
    base.Modality = modality
    source = sources[0] if sources else None
    base.SOPClassUID = class_of(modality, image.is_rgb, source)
    base.SeriesInstanceUID = generate_uid()
    base.SeriesDescription = (image.name or "Derived")[:64]
    base.SeriesNumber = 2000
    base.Manufacturer, base.SoftwareVersions = "napari-medai", package_version()
    base.SpecificCharacterSet = "ISO_IR 192"
    fill_modules(base, source)
    _set_pixel_elements(base, image, dtype)
    if not image.is_rgb:
        base.RescaleSlope, base.RescaleIntercept = _short(slope), _short(intercept)
        if base.SOPClassUID in (CT, SECONDARY):
            base.RescaleType = str(image.meta.get("value_unit", "")) or "US"
    window = image.meta.get("window")
    if window and not image.is_rgb:
        base.WindowCenter, base.WindowWidth = _short(window["center"]), _short(window["width"])
    return base


def _set_pixel_elements(base: Any, image: MedicalImage, dtype: np.dtype[Any]) -> None:
    base.SamplesPerPixel = 3 if image.is_rgb else 1
    inverted = image.meta.get("colormap") == "gray_r"
    base.PhotometricInterpretation = "RGB" if image.is_rgb else "MONOCHROME1" if inverted else "MONOCHROME2"
    if image.is_rgb:
        base.PlanarConfiguration = 0
    base.BitsAllocated = base.BitsStored = dtype.itemsize * 8
    base.HighBit = base.BitsStored - 1
    base.PixelRepresentation = int(dtype.kind == "i")
    spacing = image.geometry.spacing
    base.Rows, base.Columns = image.geometry.shape[1:]
    base.PixelSpacing = [_short(spacing[1]), _short(spacing[2])]
    base.SliceThickness = _short(spacing[0])
    direction = image.geometry.direction
    base.ImageOrientationPatient = [_short(v) for v in (*direction[:, 2], *direction[:, 1])]


def _slice(base: Any, geometry: Geometry, pixels: NDArray[Any], index: int, number: int) -> Any:
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = base.SOPClassUID
    meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset = FileDataset("", dict(base.items()), file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    dataset.InstanceNumber = number + 1
    dataset.ImagePositionPatient = [_short(v) for v in geometry.index_to_world([index, 0, 0])]
    dataset.PixelData = np.ascontiguousarray(pixels).tobytes()
    return dataset


def _short(value: float) -> str:
    """Return a number in at most the 16 characters of a decimal string, as exact as they allow."""
    from pydicom.valuerep import format_number_as_ds

    return str(format_number_as_ds(float(value)))
