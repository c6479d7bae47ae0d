"""A phantom as a DICOM CT series, as a scanner would send it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.errors import WriteError
from napari_medai.core.image import MedicalImage

if TYPE_CHECKING:
    from pydicom import Dataset

INTERCEPT = -1024
"""HU of the stored value 0."""
LARGEST_HU = INTERCEPT + 4095
"""What twelve bits can hold."""
IMPLEMENTATION_UID = "1.2.826.0.1.3680043.8.498.71563201894407729465230968"


def write_dicom_series(image: MedicalImage, folder: str | Path, *, seed: int = 0) -> list[Path]:
    """Write a CT volume as one uncompressed DICOM series, a file a slice.

    The patient is called PHANTOM; UIDs follow from the seed and the image's name, so the same call
    writes the same bytes. File names do not follow the order of the slices; positions do.

    Parameters
    ----------
    image : MedicalImage
        Three-dimensional, in whole HU from -1024 to 3071, its array axes at right angles.
    folder : path
        Where to write; made if missing.
    seed : int
        Which phantom it is.

    Returns
    -------
    list of Path
        The files, in the order of the slices along the first array axis.

    Raises
    ------
    WriteError
        If the values do not fit twelve bits or the image is not a plain volume in mm.
    """
    stored = _stored_values(image)
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    shuffled = np.random.default_rng([seed, 21]).permutation(len(stored))
    paths = [target / f"CT{number:04d}.dcm" for number in shuffled]
    for index, path in enumerate(paths):
        slice_ = _series(image, seed)
        _add_slice(slice_, image, stored[index], index, seed)
        slice_.save_as(path, enforce_file_format=True)
    return paths


def phantom_uid(seed: int, *what: object) -> str:
    """Give a UID under pydicom's root that depends only on the seed and on what it names."""
    from pydicom.uid import generate_uid

    return str(generate_uid(entropy_srcs=["napari-medai phantom", str(seed), *map(str, what)]))


def _stored_values(image: MedicalImage) -> NDArray[np.uint16]:
    geometry = image.geometry
    if image.axes != "zyx" or image.kind != "intensity" or geometry.unit != "mm" or geometry.shear_deg > 1e-3:
        raise WriteError(
            f"Found {image!r}; a CT series needs a volume of intensities (axes zyx) on a box grid in mm.",
            hint="Write it as NIfTI, or resample it first.",
        )
    values = np.asarray(image.array)
    if values.min() < INTERCEPT or values.max() > LARGEST_HU or np.any(values != np.round(values)):
        raise WriteError(
            f"Found values from {values.min():g} to {values.max():g}; a 12-bit CT holds whole HU from "
            f"{INTERCEPT} to {LARGEST_HU}.",
            hint="Round and clip them first.",
        )
    return (values - INTERCEPT).astype(np.uint16)


def _series(image: MedicalImage, seed: int) -> Dataset:
    """Give a data set with all that the slices of a series share."""
    from pydicom import Dataset
    from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

    dataset = Dataset()
    for keyword, value in _shared_attributes(image, seed).items():
        setattr(dataset, keyword, value)
    dataset.file_meta = _file_meta()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = CTImageStorage
    return dataset


def _file_meta() -> Any:
    from pydicom.dataset import FileMetaDataset

    meta = FileMetaDataset()
    meta.ImplementationClassUID = IMPLEMENTATION_UID
    meta.ImplementationVersionName = "NAPARI_MEDAI"
    return meta


def _shared_attributes(image: MedicalImage, seed: int) -> dict[str, Any]:
    """Patient, study, series, frame of reference, equipment and acquisition (PS3.3, CT Image IOD)."""
    direction, spacing = image.geometry.direction, image.geometry.spacing
    window = image.meta.get("window", {"center": 40, "width": 400})
    return {
        "PatientName": f"PHANTOM^{image.name.upper()}",
        "PatientID": f"PHANTOM-{seed:04d}",
        "PatientBirthDate": "",
        "PatientSex": "",
        "StudyInstanceUID": phantom_uid(seed, "study"),
        "StudyDate": "20200101",
        "StudyTime": "120000",
        "StudyID": "1",
        "AccessionNumber": "",
        "ReferringPhysicianName": "",
        "StudyDescription": "Phantom with known contents",
        "Modality": "CT",
        "SeriesInstanceUID": phantom_uid(seed, "series", image.name, *image.spatial_shape),
        "SeriesNumber": 1,
        "SeriesDescription": image.name,
        "PatientPosition": "HFS",
        "BodyPartExamined": "CHESTABDOMEN",
        "FrameOfReferenceUID": phantom_uid(seed, "frame of reference"),
        "PositionReferenceIndicator": "",
        "Manufacturer": "napari-medai",
        "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
        "AcquisitionNumber": 1,
        "KVP": 120,
        "ImageOrientationPatient": _decimals([*direction[:, 2], *direction[:, 1]]),
        "PixelSpacing": _decimals([spacing[1], spacing[2]]),
        "SliceThickness": _decimals([spacing[0]])[0],
        "RescaleIntercept": INTERCEPT,
        "RescaleSlope": 1,
        "RescaleType": "HU",
        "WindowCenter": window["center"],
        "WindowWidth": window["width"],
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "BitsAllocated": 16,
        "BitsStored": 12,
        "HighBit": 11,
        "PixelRepresentation": 0,
    }


def _add_slice(
    dataset: Dataset, image: MedicalImage, stored: NDArray[np.uint16], index: int, seed: int
) -> None:
    """Add what belongs to one slice: its name, number, place and pixels."""
    uid = phantom_uid(seed, "slice", image.name, *image.spatial_shape, index)
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = uid
    dataset.InstanceNumber = image.spatial_shape[0] - index
    dataset.ImagePositionPatient = _decimals(image.geometry.index_to_world([index, 0, 0]))
    dataset.Rows, dataset.Columns = stored.shape
    dataset.PixelData = stored.astype("<u2").tobytes()


def _decimals(values: Sequence[float] | NDArray[np.float64]) -> list[Any]:
    """Give decimal strings of at most 16 characters."""
    from pydicom.valuerep import DSfloat

    return [DSfloat(float(round(v, 9)) + 0.0, auto_format=True) for v in values]
