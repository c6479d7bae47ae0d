"""De-identified copies: nobody named anywhere in the bytes, the same image, series still together."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest
from dicom_files import counted, save, slice_dataset, uid, write_series
from pydicom.dataset import Dataset

from napari_medai.core.errors import Cancelled, ReadError, WriteError
from napari_medai.io.dicom.deidentify import deidentify
from napari_medai.io.read import read

VOLUME = counted((4, 5, 6))
SECRETS = {
    "PatientName": "Secret^Name", "PatientID": "SECRET-ID", "OtherPatientIDs": "SECRET-OTHER",
    "PatientAddress": "SECRET street 1", "InstitutionName": "SECRET hospital", "StationName": "SECRETSTATION",
    "ReferringPhysicianName": "Secret^Doctor", "OperatorsName": "Secret^Operator",
    "PatientComments": "SECRET words",
    "StudyDescription": "SECRET study", "AccessionNumber": "SECRETACC", "DeviceSerialNumber": "SECRETSERIAL",
    "ImageComments": "SECRET comment", "StudyDate": "20200105", "AcquisitionDate": "20200105",
    "PatientBirthDate": "19700101", "RequestingPhysician": "Secret^Requester", "PatientAge": "050Y",
    "PatientWeight": 77.5, "AcquisitionDateTime": "20200105120000",
}  # fmt: skip


@pytest.fixture
def scan(tmp_path):
    folder = tmp_path / "Secret_Name"
    for k, pixels in enumerate(VOLUME):
        dataset = slice_dataset(pixels, (0, 0, 2 * k), number=k + 1, series="brain", **SECRETS)
        item = Dataset()
        item.RequestedProcedureDescription, item.PatientName = "SECRET procedure", "Secret^Nested"
        dataset.RequestAttributesSequence = [item]
        other = Dataset()
        other.ReferencedSOPInstanceUID, other.ReferencedSOPClassUID = uid("scout"), dataset.SOPClassUID
        dataset.ReferencedImageSequence = [other]
        block = dataset.private_block(0x0029, "SECRET MAKER", create=True)
        block.add_new(0x10, "LO", "SECRET private")
        save(dataset, folder / f"SECRET{k}.dcm")
    return folder


def test_no_secret_is_left_in_any_byte_or_name(scan, tmp_path):
    report = deidentify(scan, tmp_path / "clean")
    assert report.files == 4
    for path in (tmp_path / "clean").iterdir():
        data = path.read_bytes()
        for secret in (
            b"SECRET",
            b"Secret",
            b"19700101",
            b"20200105",
            b"050Y",
            b"77.5",
            b"brain",
            uid("brain").encode(),
        ):
            assert secret not in data
        assert "SECRET" not in path.name
    assert report.removed["InstitutionName"] == 4
    assert report.emptied["ReferringPhysicianName"] == 4
    assert report.replaced["SeriesInstanceUID"] == 4


def test_the_image_is_the_same_in_value_and_place(scan, tmp_path):
    deidentify(scan, tmp_path / "clean")
    (old,), (new,) = read(scan), read(tmp_path / "clean")
    assert np.array_equal(old.array, new.array)
    assert old.geometry == new.geometry


def test_uids_stay_consistent_and_the_standards_own_stay(scan, tmp_path):
    deidentify(scan, tmp_path / "a", secret="s")
    deidentify(scan, tmp_path / "b", secret="s")
    deidentify(scan, tmp_path / "c")
    first, again, other = (pydicom.dcmread(tmp_path / f / "000001.dcm") for f in "abc")
    assert first.SeriesInstanceUID == again.SeriesInstanceUID != other.SeriesInstanceUID
    assert first.PatientID == again.PatientID != other.PatientID
    assert first.SOPInstanceUID == first.file_meta.MediaStorageSOPInstanceUID
    assert first.SOPClassUID == pydicom.dcmread(scan / "SECRET0.dcm").SOPClassUID
    assert first.ReferencedImageSequence[0].ReferencedSOPInstanceUID.startswith("2.25.")
    assert first.PatientIdentityRemoved == "YES"


def test_shifted_dates_keep_their_distances(tmp_path):
    for k, day in enumerate(("20200105", "20200115")):
        save(slice_dataset(VOLUME[k], number=k, StudyDate=day), tmp_path / "in" / f"{k}.dcm")
    deidentify(tmp_path / "in", tmp_path / "out", dates="shift")
    days = sorted(pydicom.dcmread(p).StudyDate for p in (tmp_path / "out").iterdir())
    first, second = (np.datetime64(f"{d[:4]}-{d[4:6]}-{d[6:]}") for d in days)
    assert (second - first).astype(int) == 10
    assert first < np.datetime64("2020-01-05")


def test_descriptions_and_characteristics_stay_where_asked_for(scan, tmp_path):
    deidentify(scan, tmp_path / "out", keep_descriptions=True, keep_patient_characteristics=True)
    made = pydicom.dcmread(tmp_path / "out" / "000001.dcm")
    assert (made.SeriesDescription, made.PatientWeight) == ("brain", 77.5)
    assert "InstitutionName" not in made


def test_text_in_pictures_is_warned_of(tmp_path):
    save(slice_dataset(VOLUME[0], modality="US"), tmp_path / "in" / "a.dcm")
    save(slice_dataset(VOLUME[0], BurnedInAnnotation="YES"), tmp_path / "in" / "b.dcm")
    report = deidentify(tmp_path / "in", tmp_path / "out")
    assert len(report.warnings) == 2


def test_nothing_is_left_behind_when_it_fails_or_is_stopped(scan, tmp_path):
    (tmp_path / "there").mkdir()
    with pytest.raises(WriteError, match="exists"):
        deidentify(scan, tmp_path / "there")
    with pytest.raises(ReadError, match="no DICOM"):
        deidentify(tmp_path / "there", tmp_path / "out")

    def stop(step):
        raise Cancelled

    with pytest.raises(Cancelled):
        deidentify(scan, tmp_path / "out", progress=stop)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["Secret_Name", "there"]


@pytest.mark.data
def test_real_series_keep_their_voxels(real_data, tmp_path):
    folder = real_data / "io" / "dicom2nifti"
    if not folder.is_dir():
        pytest.skip("no folder io/dicom2nifti in NAPARI_MEDAI_DATA")
    for name in (
        "generic/anatomical/001",
        "generic/compressed_jpegls/001",
        "philips_enhanced/anatomical/001",
    ):
        out = tmp_path / name.replace("/", "_")
        deidentify(folder / name, out)
        (old,), (new,) = read(folder / name), read(out)
        assert np.array_equal(old.array, new.array)
        assert old.geometry == new.geometry


def test_files_that_are_not_dicom_are_reported(tmp_path):
    write_series(tmp_path / "in", VOLUME)
    (tmp_path / "in" / "notes.txt").write_text("Secret")
    report = deidentify(tmp_path / "in", tmp_path / "out")
    assert [s.shown for s in report.skipped] == ["notes.txt"]
    assert report.files == 4
