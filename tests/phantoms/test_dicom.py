"""The DICOM series, as pydicom and SimpleITK see it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from napari_medai import Geometry, MedAIError, MedicalImage
from napari_medai.phantoms import ct_torso, write_dicom_series

FOLDERS = ("ct_torso", "ct_torso_oblique")
FILLED = [
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "FrameOfReferenceUID",
    "Modality",
    "PatientPosition",
    "ImageType",
    "PixelSpacing",
    "ImageOrientationPatient",
    "ImagePositionPatient",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "PixelData",
    "RescaleIntercept",
    "RescaleSlope",
    "RescaleType",
    "InstanceNumber",
    "WindowCenter",
    "WindowWidth",
]
PRESENT = [
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "AccessionNumber",
    "ReferringPhysicianName",
    "SeriesNumber",
    "Manufacturer",
    "PositionReferenceIndicator",
    "SliceThickness",
    "KVP",
    "AcquisitionNumber",
]


def slices(folder: Path) -> list[pydicom.FileDataset]:
    return [pydicom.dcmread(path) for path in sorted(folder.iterdir())]


def read_with_itk(folder: Path) -> sitk.Image:
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    return reader.Execute()


@pytest.mark.parametrize("name", FOLDERS)
def test_attributes_that_a_ct_must_have_are_there(samples: Path, name: str) -> None:
    for dataset in slices(samples / name):
        for keyword in FILLED:
            assert dataset[keyword].value not in (None, ""), keyword
        for keyword in PRESENT:
            assert keyword in dataset
        assert dataset.SOPClassUID == pydicom.uid.CTImageStorage
        assert dataset.file_meta.MediaStorageSOPInstanceUID == dataset.SOPInstanceUID
        assert dataset.file_meta.TransferSyntaxUID == pydicom.uid.ExplicitVRLittleEndian
        assert str(dataset.PatientName).startswith("PHANTOM^")


def test_uids_tell_slices_and_series_apart_and_share_the_frame(samples: Path) -> None:
    straight, oblique = (slices(samples / name) for name in FOLDERS)
    both = straight + oblique
    assert len({d.SOPInstanceUID for d in both}) == len(both)
    assert len({d.SeriesInstanceUID for d in straight}) == 1
    assert straight[0].SeriesInstanceUID != oblique[0].SeriesInstanceUID
    assert len({d.FrameOfReferenceUID for d in both}) == 1
    assert all(pydicom.uid.UID(d.SOPInstanceUID).is_valid for d in both)


def test_file_names_do_not_follow_the_slices(samples: Path) -> None:
    heights = [float(d.ImagePositionPatient[2]) for d in slices(samples / "ct_torso")]
    steps = np.sign(np.diff(heights))
    assert 0.3 < (steps > 0).mean() < 0.7
    numbers = [int(d.InstanceNumber) for d in slices(samples / "ct_torso")]
    assert sorted(numbers) == list(range(1, 61))


@pytest.mark.parametrize("name", FOLDERS)
def test_pydicom_finds_each_slice_at_its_place_with_its_values(
    samples: Path, made: dict[str, MedicalImage], name: str
) -> None:
    image = made[name]
    for dataset in slices(samples / name):
        index = image.geometry.world_to_index([float(v) for v in dataset.ImagePositionPatient])
        number = round(float(index[0]))
        assert index == pytest.approx([number, 0, 0], abs=1e-6)
        hu = dataset.pixel_array * float(dataset.RescaleSlope) + float(dataset.RescaleIntercept)
        assert np.array_equal(hu, image.array[number])
        rows, columns = (float(v) for v in dataset.PixelSpacing)
        cosines = np.array(dataset.ImageOrientationPatient, float)
        affine = np.stack([cosines[3:] * rows, cosines[:3] * columns], axis=1)
        np.testing.assert_allclose(affine, image.geometry.matrix[:, 1:], atol=1e-7)


@pytest.mark.parametrize("name", FOLDERS)
def test_simpleitk_reads_the_same_volume_at_the_same_place(
    samples: Path, made: dict[str, MedicalImage], name: str
) -> None:
    image, seen = made[name], read_with_itk(samples / name)
    array = sitk.GetArrayFromImage(seen)
    if seen.GetDirection()[8] * image.geometry.direction[2, 0] < 0:
        pytest.fail("SimpleITK sees the slices the other way round")
    assert np.array_equal(array, image.array)
    for index in ([0, 0, 0], [10, 3, 7], np.array(image.spatial_shape) - 1):
        x, y, z = (int(i) for i in index[::-1])
        there = seen.TransformIndexToPhysicalPoint((x, y, z))
        assert image.geometry.index_to_world(index) == pytest.approx(there, abs=1e-3)


def test_row_and_column_spacing_are_not_mixed_up(tmp_path: Path) -> None:
    geometry = Geometry.from_spacing((3, 5, 7), (4.0, 1.5, 0.5))
    values = np.arange(105, dtype=np.float32).reshape(3, 5, 7)
    write_dicom_series(MedicalImage(values, "zyx", geometry, name="bars"), tmp_path)
    dataset = slices(tmp_path)[0]
    assert [float(v) for v in dataset.PixelSpacing] == [1.5, 0.5]
    assert (dataset.Rows, dataset.Columns) == (5, 7)
    assert read_with_itk(tmp_path).GetSpacing() == pytest.approx((0.5, 1.5, 4.0))


def test_the_same_call_writes_the_same_bytes(tmp_path: Path) -> None:
    image, _ = ct_torso(1, (4, 16, 16), (60, 24, 24))
    for folder in ("a", "b"):
        write_dicom_series(image, tmp_path / folder, seed=1)
    write_dicom_series(image, tmp_path / "c", seed=2)
    a, b, c = ([p.read_bytes() for p in sorted((tmp_path / f).iterdir())] for f in "abc")
    assert a == b
    assert not set(a) & set(c)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"array": np.full((3, 4, 5), 4000.0)}, "values from 4000 to 4000"),
        ({"array": np.full((3, 4, 5), 0.5)}, "whole HU"),
        ({"geometry": Geometry.from_spacing((3, 4, 5))}, "box grid in mm"),
    ],
)
def test_what_a_ct_cannot_hold_is_refused(tmp_path: Path, change: dict, message: str) -> None:
    plain = MedicalImage(np.zeros((3, 4, 5)), "zyx", Geometry.from_spacing((3, 4, 5), (1, 1, 1)))
    with pytest.raises(MedAIError, match=message):
        write_dicom_series(plain.replace(**change), tmp_path / "out")
    assert not (tmp_path / "out").exists()
