"""DICOM files made for tests: any place, size, scaling, time, kind."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

CT, MR = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4"
AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
_ROOT = "1.2.826.0.1.3680043.10.1137."


def uid(seed: object) -> str:
    """A UID that is the same for the same seed."""
    return generate_uid(_ROOT, [str(seed)])


def slice_dataset(
    pixels: np.ndarray,
    position: Sequence[float] = (0, 0, 0),
    orientation: Sequence[float] = AXIAL,
    spacing: Sequence[float] = (1.0, 1.0),
    number: int = 1,
    series: str = "series",
    modality: str = "CT",
    syntax: str = ExplicitVRLittleEndian,
    **elements: object,
) -> FileDataset:
    """One slice with the given pixels (rows, columns[, 3]) and place; ``elements`` by keyword."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = syntax
    meta.MediaStorageSOPClassUID = MR if modality == "MR" else CT
    meta.MediaStorageSOPInstanceUID = uid((series, number, tuple(position)))
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID = meta.MediaStorageSOPClassUID
    dataset.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = uid("study"), uid(series)
    dataset.FrameOfReferenceUID = uid("frame")
    dataset.PatientName, dataset.PatientID, dataset.PatientBirthDate = "Secret^Name", "SECRET-ID", "19700101"
    dataset.Modality, dataset.SeriesDescription, dataset.SeriesNumber = modality, series, 3
    dataset.InstanceNumber = number
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.ImagePositionPatient = [float(v) for v in position]
    dataset.ImageOrientationPatient = [float(v) for v in orientation]
    dataset.PixelSpacing = [float(v) for v in spacing]
    _set_pixels(dataset, pixels)
    for keyword, value in elements.items():
        if value is None:
            if keyword in dataset:
                del dataset[keyword]
        else:
            setattr(dataset, keyword, value)
    return dataset


def _set_pixels(dataset: FileDataset, pixels: np.ndarray) -> None:
    dataset.Rows, dataset.Columns = pixels.shape[:2]
    dataset.SamplesPerPixel = 1 if pixels.ndim == 2 else 3
    dataset.PhotometricInterpretation = "MONOCHROME2" if pixels.ndim == 2 else "RGB"
    if pixels.ndim == 3:
        dataset.PlanarConfiguration = 0
    bits = pixels.dtype.itemsize * 8
    dataset.BitsAllocated = dataset.BitsStored = bits
    dataset.HighBit = bits - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    order = ">" if dataset.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.2" else "<"
    dataset.PixelData = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()


def save(dataset: FileDataset, path: Path, preamble: bool = True) -> Path:
    """Write a data set; without preamble only the bare elements."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if preamble:
        pydicom.dcmwrite(path, dataset, enforce_file_format=True)
    else:
        bare = pydicom.Dataset(dataset)
        pydicom.dcmwrite(path, bare, implicit_vr=False, little_endian=True)
    return path


def write_series(
    folder: Path,
    volume: np.ndarray,
    origin: Sequence[float] = (0, 0, 0),
    step: Sequence[float] = (0, 0, 2.0),
    names: Sequence[str] | None = None,
    positions: np.ndarray | None = None,
    **options: object,
) -> Path:
    """Write one file a slice of ``volume`` (z, y, x); slice k lies at ``origin + k * step``."""
    for k, pixels in enumerate(volume):
        place = np.add(origin, np.multiply(k, step)) if positions is None else positions[k]
        each = {key: value[k] if isinstance(value, list) else value for key, value in options.items()}
        dataset = slice_dataset(pixels, place, **{"number": k + 1, **each})
        save(dataset, folder / (names[k] if names else f"{k:04d}.dcm"))
    return folder


def counted(shape: Sequence[int], dtype: str = "int16") -> np.ndarray:
    """A volume in which every voxel differs from its neighbours."""
    return (np.arange(int(np.prod(shape))) % 4001).reshape(shape).astype(dtype)
