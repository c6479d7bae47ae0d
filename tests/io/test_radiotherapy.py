"""Structure sets, dose grids and PET: contours filled, doses scaled, uptake factors computed."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest
from dicom_files import counted, save, slice_dataset, uid, write_series
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset

from napari_medai.core.errors import ReadError
from napari_medai.io.read import read

VOLUME = counted((5, 20, 24))
ORIGIN = (-10.0, 5.0, 100.0)


def structure_set(contours_by_name, path):
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.481.3"
    meta.MediaStorageSOPInstanceUID = uid("structures")
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID, dataset.SOPInstanceUID = (
        meta.MediaStorageSOPClassUID,
        meta.MediaStorageSOPInstanceUID,
    )
    dataset.Modality, dataset.SeriesDescription = "RTSTRUCT", "plan"
    dataset.StructureSetROISequence, dataset.ROIContourSequence = [], []
    for number, (name, contours) in enumerate(contours_by_name.items(), start=1):
        roi, item = Dataset(), Dataset()
        roi.ROINumber, roi.ROIName, roi.ReferencedFrameOfReferenceUID = number, name, uid("frame")
        item.ReferencedROINumber, item.ContourSequence = number, []
        for points in contours:
            contour = Dataset()
            contour.ContourGeometricType = "CLOSED_PLANAR"
            contour.NumberOfContourPoints = len(points)
            contour.ContourData = [float(v) for v in np.ravel(points)]
            item.ContourSequence.append(contour)
        dataset.StructureSetROISequence.append(roi)
        dataset.ROIContourSequence.append(item)
    return save(dataset, path)


def square(low, high, z):
    """A square contour in pixels of the image, on slice ``z``."""
    corners = [(low, low), (high, low), (high, high), (low, high)]
    return [(ORIGIN[0] + x * 0.5, ORIGIN[1] + y * 0.5, ORIGIN[2] + 2.0 * z) for x, y in corners]


def test_contours_are_filled_on_the_slices_they_lie_on(tmp_path):
    write_series(tmp_path, VOLUME, ORIGIN, spacing=(0.5, 0.5))
    structure_set(
        {"ring": [square(2.5, 12.5, 1), square(5.5, 8.5, 1)], "block": [square(3.5, 6.5, z) for z in (2, 3)]},
        tmp_path / "rt.dcm",
    )
    labels = next(image for image in read(tmp_path) if image.kind == "labels")
    expected = np.zeros(VOLUME.shape, np.uint8)
    expected[1, 3:13, 3:13] = 1
    expected[1, 6:9, 6:9] = 0
    expected[2:4, 4:7, 4:7] = 2
    assert np.array_equal(labels.array, expected)
    assert labels.meta["labels"] == {"1": "ring", "2": "block"}


def test_overlapping_structures_are_kept_apart(tmp_path):
    write_series(tmp_path, VOLUME, ORIGIN, spacing=(0.5, 0.5))
    structure_set({"body": [square(1.5, 15.5, 2)], "organ": [square(3.5, 6.5, 2)]}, tmp_path / "rt.dcm")
    first, second = (image for image in read(tmp_path) if image.kind == "labels")
    assert np.count_nonzero(first.array == 1) == 14 * 14
    assert np.count_nonzero(second.array == 2) == 3 * 3


def test_contours_without_their_images_are_refused(tmp_path):
    with pytest.raises(ReadError, match="not there"):
        read(structure_set({"body": [square(1, 9, 2)]}, tmp_path / "rt.dcm"))


def test_contours_beyond_the_image_are_counted(tmp_path):
    write_series(tmp_path, VOLUME, ORIGIN, spacing=(0.5, 0.5))
    structure_set({"body": [square(1.5, 9.5, 2), square(1.5, 9.5, 40)]}, tmp_path / "rt.dcm")
    labels = next(image for image in read(tmp_path) if image.kind == "labels")
    assert "1 contours" in labels.meta["notices"][0]


def test_a_dose_grid_is_scaled_and_placed_by_its_offsets(tmp_path):
    stored = np.arange(4 * 5 * 6, dtype=np.uint16).reshape(4, 5, 6)
    dataset = slice_dataset(stored[0], (1, 2, 3), spacing=(2.0, 2.0), modality="RTDOSE")
    dataset.NumberOfFrames, dataset.PixelData = 4, stored.tobytes()
    dataset.GridFrameOffsetVector = [0.0, 2.5, 5.0, 7.5]
    dataset.DoseGridScaling, dataset.DoseUnits = 0.01, "GY"
    (image,) = read(save(dataset, tmp_path / "dose.dcm"))
    assert np.allclose(image.array, stored * 0.01)
    assert np.allclose(image.geometry.spacing, [2.5, 2, 2])
    assert np.allclose(image.geometry.origin, [1, 2, 3])
    assert image.meta["value_unit"] == "GY"


def pet(tmp_path, **changes):
    dose = Dataset()
    dose.RadionuclideTotalDose, dose.RadionuclideHalfLife = 370e6, 6586.2
    dose.RadiopharmaceuticalStartTime = "100000"
    options = {
        "Units": "BQML", "DecayCorrection": "START", "PatientWeight": 70, "SeriesTime": "110000",
        "AcquisitionTime": "110500", "RescaleSlope": [1.5, 2.5, 3.5, 4.5, 5.5], "RescaleIntercept": 0,
        "modality": "PT", **changes,
    }  # fmt: skip
    for k, pixels in enumerate(VOLUME):
        each = {key: value[k] if isinstance(value, list) else value for key, value in options.items()}
        dataset = slice_dataset(pixels, (0, 0, 3.0 * k), number=k + 1, **each)
        dataset.RadiopharmaceuticalInformationSequence = [dose]
        save(dataset, tmp_path / f"{k}.dcm")
    return read(tmp_path)[0]


def test_pet_slices_are_scaled_one_by_one_and_know_their_uptake_factor(tmp_path):
    image = pet(tmp_path)
    assert np.allclose(image.array[3], VOLUME[3] * 4.5)
    decayed = 370e6 * 0.5 ** (3600 / 6586.2)
    assert image.meta["suv"]["body_weight_factor"] == pytest.approx(70000 / decayed)


@pytest.mark.parametrize("changes", [{"Units": "CNTS"}, {"PatientWeight": None}, {"DecayCorrection": "NONE"}])
def test_an_unknown_uptake_factor_is_said(tmp_path, changes):
    assert "unknown" in pet(tmp_path, **changes).meta["suv"]
