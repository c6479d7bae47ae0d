"""Damaged, hostile and mistaken input: refused at once, by file, finding and remedy."""

from __future__ import annotations

import gzip
import struct
import tracemalloc

import nibabel as nib
import numpy as np
import pytest
from dicom_files import counted, save, slice_dataset, write_series

from napari_medai.core.errors import ReadError
from napari_medai.io.read import read


def nifti(tmp_path, name="scan.nii.gz", shape=(5, 6, 7)):
    path = tmp_path / name
    nib.save(nib.Nifti1Image(np.random.default_rng(0).normal(size=shape), np.eye(4)), path)
    return path


def refusal(path, *words):
    """The error of reading a path: it must name the file and contain the words, and have a remedy."""
    with pytest.raises(ReadError) as caught:
        read(path)
    for word in (path.name, *words):
        assert word in caught.value.message, caught.value.message
    assert caught.value.hint
    assert str(path.parent) not in str(caught.value)
    return caught.value


def test_an_empty_folder(tmp_path):
    (tmp_path / "empty").mkdir()
    refusal(tmp_path / "empty", "empty")


def test_a_folder_without_images(tmp_path):
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "readme.txt").write_text("hello")
    refusal(tmp_path / "letters", "no image", "readme.txt")


def test_a_path_that_does_not_exist(tmp_path):
    refusal(tmp_path / "nowhere", "no file")


def test_a_text_file_named_nii(tmp_path):
    path = tmp_path / "notes.nii"
    path.write_text("this is not an image\n" * 40)
    refusal(path, "NIfTI", "text")


def test_an_empty_file(tmp_path):
    path = tmp_path / "scan.nii.gz"
    path.touch()
    refusal(path, "0 bytes")


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.999])
def test_a_nifti_cut_short(tmp_path, share):
    path = nifti(tmp_path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    refusal(path)


@pytest.mark.parametrize("share", [0.1, 0.3, 0.9])
def test_an_unpacked_nifti_cut_short(tmp_path, share):
    path = nifti(tmp_path, "scan.nii")
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    refusal(path)


def test_a_plain_nifti_named_gz_is_read(tmp_path):
    plain = nifti(tmp_path, "scan.nii")
    named = plain.rename(tmp_path / "scan.nii.gz")
    assert read(named)[0].array.shape == (7, 6, 5)


@pytest.mark.parametrize("packed", [False, True])
def test_a_header_that_promises_a_terabyte_allocates_nothing(tmp_path, packed):
    path = nifti(tmp_path, "scan.nii")
    data = bytearray(path.read_bytes())
    struct.pack_into("<8h", data, 40, 3, 10000, 10000, 10000, 1, 1, 1, 1)
    path.write_bytes(gzip.compress(bytes(data)) if packed else bytes(data))
    tracemalloc.start()
    refusal(path, "promises 8 TB")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50e6


@pytest.mark.parametrize("suffix", [".nrrd", ".mha"])
def test_a_terabyte_in_other_headers(tmp_path, suffix):
    path = tmp_path / f"scan{suffix}"
    header = {
        ".nrrd": "NRRD0004\ntype: double\ndimension: 3\nsizes: 9000 9000 9000\n"
        "encoding: raw\nendian: little\n\n",
        ".mha": "ObjectType = Image\nNDims = 3\nDimSize = 9000 9000 9000\nElementType = MET_DOUBLE\n"
        "ElementSpacing = 1 1 1\nElementDataFile = LOCAL\n",
    }[suffix]
    path.write_bytes(header.encode() + b"\0" * 5000)
    refusal(path, "promises")


@pytest.mark.parametrize(("offset", "value"), [(40, -3), (40, 9), (42, -5), (42, 0)])
def test_nonsense_sizes(tmp_path, offset, value):
    path = nifti(tmp_path, "scan.nii")
    data = bytearray(path.read_bytes())
    struct.pack_into("<h", data, offset, value)
    path.write_bytes(bytes(data))
    refusal(path)


@pytest.mark.parametrize("row", [(0.0, 0.0, 0.0, 0.0), (np.nan, 0.0, 0.0, 0.0)])
def test_a_singular_or_nan_transform(tmp_path, row):
    path = nifti(tmp_path, "scan.nii")
    data = bytearray(path.read_bytes())
    struct.pack_into("<4f", data, 280, *row)
    struct.pack_into("<h", data, 252, 0)
    path.write_bytes(bytes(data))
    refusal(path, "sform")


def test_a_dicom_without_pixels(tmp_path):
    dataset = slice_dataset(counted((4, 5)))
    del dataset.PixelData
    refusal(save(dataset, tmp_path / "report.dcm"), "without pixels")


@pytest.mark.parametrize("keep", [200, 900, -40, -1])
def test_a_dicom_cut_short(tmp_path, keep):
    path = save(slice_dataset(counted((64, 64))), tmp_path / "slice.dcm")
    path.write_bytes(path.read_bytes()[:keep])
    refusal(path)


def test_one_cut_slice_among_good_ones_is_named(tmp_path):
    folder = write_series(tmp_path / "scan", counted((4, 16, 16)))
    cut = folder / "0002.dcm"
    cut.write_bytes(cut.read_bytes()[:-100])
    with pytest.raises(ReadError, match=r"0002\.dcm is cut short"):
        read(folder)


def test_good_files_are_read_and_bad_ones_named(tmp_path):
    nifti(tmp_path, "good.nii.gz")
    (tmp_path / "bad.nii").write_bytes((tmp_path / "good.nii.gz").read_bytes()[:300])
    images = read(tmp_path)
    assert [image.name for image in images] == ["good"]
    assert "bad.nii" in images[0].meta["notices"][0]


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif", "a.nrrd", "a.mha", "a.dcm"])
def test_random_bytes_behind_a_right_beginning(tmp_path, name):
    from napari_medai import Geometry, MedicalImage
    from napari_medai.io.write import write

    path = tmp_path / name
    noise = np.random.default_rng(1).integers(0, 256, 4000, dtype=np.uint8).tobytes()
    if name == "a.dcm":
        start = b"\0" * 128 + b"DICM"
    elif name == "a.jpg":
        start = b"\xff\xd8\xff\xe0"
    else:
        grid = Geometry.from_spacing((8, 9), (1, 1))
        start = write(MedicalImage(np.zeros((8, 9), np.uint8), "yx", grid), path).read_bytes()[:44]
    path.write_bytes(start + noise)
    refusal(path)
