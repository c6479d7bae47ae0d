"""DICOM files written here pass dciodvfy, an independent validator of the standard's object definitions."""

from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pydicom
import pytest
from dicom_files import counted, write_series

from napari_medai import Geometry, MedicalImage
from napari_medai.io.read import read
from napari_medai.io.write import write

SOURCE = {
    "PatientSex": "O", "StudyDate": "20200101", "StudyTime": "120000", "StudyID": "1", "AccessionNumber": "1",
    "ReferringPhysicianName": "", "Manufacturer": "maker", "PatientPosition": "HFS", "KVP": 120,
    "AcquisitionNumber": 1, "RescaleSlope": 1, "RescaleIntercept": 0, "SliceThickness": 2,
    "PositionReferenceIndicator": "",
}  # fmt: skip
GRID = Geometry.from_spacing((3, 6, 7), (2.0, 0.5, 0.75), (-10, 20, 300))

pytestmark = pytest.mark.skipif(
    shutil.which("dciodvfy") is None, reason="dciodvfy is not installed (Debian package dicom3tools)"
)


def faults(path):
    """The errors that the validator finds, without its warnings."""
    found = subprocess.run(["dciodvfy", "-new", str(path)], capture_output=True, text=True, timeout=60)
    return [line for line in (found.stdout + found.stderr).splitlines() if line.startswith("Error")]


@pytest.fixture
def source(tmp_path):
    return write_series(tmp_path / "ct", counted((3, 6, 7)), (-3, 4, 50), (0, 0, 2.0), **SOURCE)


def test_the_validator_finds_what_is_wrong(source):
    path = sorted(source.iterdir())[0]
    dataset = pydicom.dcmread(path)
    del dataset.ImageType
    dataset.save_as(path)
    assert any("ImageType" in fault for fault in faults(path))


@pytest.mark.parametrize("values", [(3,), (1, 2, 5, 200)])
def test_segmentations_have_no_errors(source, tmp_path, values):
    (image,) = read(source)
    labels = np.zeros(image.array.shape, np.uint8)
    for row, value in enumerate(values):
        labels[:, row, 2:5] = value
    names = {str(v): f"Structure {v}" for v in values}
    drawn = MedicalImage(labels, "zyx", image.geometry, kind="labels", name="x", meta={"labels": names})
    assert faults(write(drawn, tmp_path / "seg.dcm", reference=source)) == []


@pytest.mark.parametrize("modality", ["CT", "MR", "PT", "US", ""])
@pytest.mark.parametrize("factor", [1, 0.37])
def test_derived_slices_of_no_source_have_no_errors(tmp_path, modality, factor):
    array = counted((3, 6, 7)) * np.float32(factor) if factor != 1 else counted((3, 6, 7))
    image = MedicalImage(array, "zyx", GRID, name="made", meta={"modality": modality} if modality else {})
    for path in write(image, tmp_path / "out").iterdir():
        assert faults(path) == []


def test_derived_slices_of_a_source_have_no_errors(source, tmp_path):
    (image,) = read(source)
    folder = write(image.with_array(image.array + 7), tmp_path / "out", reference=source)
    assert all(faults(path) == [] for path in folder.iterdir())
    assert pydicom.dcmread(folder / "00001.dcm").KVP == 120


def test_colour_and_time_series_have_no_errors(tmp_path):
    colour = MedicalImage(counted((3, 6, 7, 3), "uint8"), "zyxs", GRID, name="colour")
    moving = MedicalImage(counted((2, 3, 6, 7)), "tzyx", GRID, name="t", meta={"modality": "MR"})
    for image in (colour, moving):
        assert [
            fault for path in write(image, tmp_path / image.name).iterdir() for fault in faults(path)
        ] == []
