"""DICOM segmentations: read like highdicom reads them, written so that others read them."""

from __future__ import annotations

import highdicom as hd
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from dicom_files import counted, write_series

from napari_medai import MedicalImage
from napari_medai.core.errors import WriteError
from napari_medai.core.geometry import Reorientation
from napari_medai.io.read import read
from napari_medai.io.write import write

TAGS = {
    "PatientSex": "O", "StudyDate": "20200101", "StudyTime": "120000", "StudyID": "1", "AccessionNumber": "1",
    "ReferringPhysicianName": "", "Manufacturer": "maker", "PatientPosition": "HFS", "KVP": 120,
    "AcquisitionNumber": 1, "RescaleSlope": 1, "RescaleIntercept": 0, "SliceThickness": 2,
    "PositionReferenceIndicator": "",
}  # fmt: skip


@pytest.fixture
def source(tmp_path):
    return write_series(tmp_path / "ct", counted((6, 8, 10)), (-3, 4, 50), (0, 0, 2.0), **TAGS)


def drawn(image: MedicalImage) -> MedicalImage:
    labels = np.zeros(image.array.shape, np.uint8)
    labels[1:4, 2:5, 3:8], labels[3:5, 6:8, 0:3] = 3, 7
    return MedicalImage(
        labels,
        "zyx",
        image.geometry,
        kind="labels",
        name="organs",
        meta={"labels": {"3": "Liver", "7": "Niere ä"}},
    )


def test_labels_come_back_with_values_names_and_place(source, tmp_path):
    labels = drawn(read(source)[0])
    path = write(labels, tmp_path / "seg.dcm", reference=source)
    (alone,) = read(path)
    assert alone.kind == "labels"
    assert alone.meta["labels"] == labels.meta["labels"]
    assert np.array_equal(alone.array, labels.array[1:5])
    assert np.allclose(alone.geometry.origin, labels.geometry.index_to_world([1, 0, 0]))


def test_read_with_its_source_the_labels_lie_on_the_source_grid(source, tmp_path):
    labels = drawn(read(source)[0])
    write(labels, tmp_path / "ct" / "seg.dcm", reference=source)
    images = {image.kind: image for image in read(tmp_path / "ct")}
    assert images["labels"].geometry == images["intensity"].geometry
    assert np.array_equal(images["labels"].array, labels.array)


@pytest.mark.parametrize(
    "turn", [Reorientation((1, 0, 2), (True, False, True)), Reorientation((2, 1, 0), (False,) * 3)]
)
def test_a_reordering_of_the_axes_is_undone(source, tmp_path, turn):
    labels = drawn(read(source)[0])
    path = write(labels.reoriented(turn), tmp_path / "seg.dcm", reference=source)
    assert np.array_equal(read(path)[0].array, labels.array[1:5])


def test_highdicom_and_simpleitk_see_the_same_voxels(source, tmp_path):
    labels = drawn(read(source)[0])
    path = write(labels, tmp_path / "seg.dcm", reference=source)
    theirs = hd.seg.segread(path)
    volume = theirs.get_volume(combine_segments=True, rescale_fractional=False)
    # Their volume may run the other way; compare voxel by voxel in the world.
    for number, value in ((1, 3), (2, 7)):
        index = np.argwhere(volume.array == number)
        world = volume.map_indices_to_reference(index)
        ours = np.rint(labels.geometry.world_to_index(world)).astype(int)
        assert len(index) == np.count_nonzero(labels.array == value)
        assert np.all(labels.array[tuple(ours.T)] == value)
    frames = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
    assert np.count_nonzero(frames) == np.count_nonzero(labels.array)


def test_patient_and_study_are_those_of_the_source(source, tmp_path):
    path = write(drawn(read(source)[0]), tmp_path / "seg.dcm", reference=source)
    written, slice_ = pydicom.dcmread(path), pydicom.dcmread(source / "0000.dcm")
    for keyword in ("PatientID", "StudyInstanceUID", "FrameOfReferenceUID"):
        assert written[keyword].value == slice_[keyword].value
    assert written.SeriesInstanceUID != slice_.SeriesInstanceUID
    assert len(written.ReferencedSeriesSequence[0].ReferencedInstanceSequence) > 0


def test_what_cannot_be_a_segmentation_is_refused(source, tmp_path):
    (image,) = read(source)
    labels = drawn(image)
    with pytest.raises(WriteError, match="reference"):
        write(labels, tmp_path / "seg.dcm")
    with pytest.raises(WriteError, match="labels, not intensities"):
        write(image, tmp_path / "seg.dcm", reference=source)
    moved = MedicalImage(
        labels.array[1:], "zyx", labels.geometry.cropped((0, 0, 0), (5, 8, 10)), kind="labels"
    )
    with pytest.raises(WriteError, match="grid"):
        write(moved, tmp_path / "seg.dcm", reference=source)
    with pytest.raises(WriteError, match="nothing to write"):
        write(labels.with_array(np.zeros_like(labels.array)), tmp_path / "seg.dcm", reference=source)
    assert not (tmp_path / "seg.dcm").exists()


@pytest.mark.data
@pytest.mark.parametrize(
    "name", ["seg_image_ct_binary", "seg_image_ct_binary_overlap", "seg_image_ct_binary_single_frame"]
)
def test_real_segmentations_match_highdicom(real_data, name):
    path = real_data / "io" / "highdicom" / f"{name}.dcm"
    if not path.is_file():
        pytest.skip("no folder io/highdicom in NAPARI_MEDAI_DATA")
    theirs = hd.seg.segread(path)
    volume = theirs.get_volume(rescale_fractional=False, allow_missing_positions=True)
    images = read(path)
    for number in range(1, theirs.number_of_segments + 1):
        index = np.argwhere(volume.array[..., number - 1] > 0)
        world = volume.map_indices_to_reference(index)
        found = False
        for image in images:
            ours = np.rint(image.geometry.world_to_index(world)).astype(int)
            exact = np.allclose(image.geometry.index_to_world(ours), world, atol=0.05)
            same = np.count_nonzero(image.array == number) == len(index)
            found |= exact and same and bool(np.all(image.array[tuple(ours.T)] == number))
        assert found


@pytest.mark.data
def test_tiles_of_a_slide_lie_where_highdicom_puts_them(real_data):
    folder = real_data / "io" / "highdicom"
    if not folder.is_dir():
        pytest.skip("no folder io/highdicom in NAPARI_MEDAI_DATA")
    for name in ("sm_image", "sm_image_control", "sm_image_jpegls", "sm_image_grayscale"):
        expected = hd.imread(folder / f"{name}.dcm").get_total_pixel_matrix()
        assert np.array_equal(read(folder / f"{name}.dcm")[0].array, np.squeeze(expected))
    for name in ("seg_image_sm_control", "seg_image_sm_dots", "seg_image_sm_control_labelmap"):
        expected = hd.seg.segread(folder / f"{name}.dcm").get_total_pixel_matrix(combine_segments=True)
        assert np.array_equal(read(folder / f"{name}.dcm")[0].array, expected)
