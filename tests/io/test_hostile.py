"""Good files damaged in many ways: read right, or refused by name; no crash, no hang, no flood of memory."""

from __future__ import annotations

import resource
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from dicom_files import counted, save, slice_dataset, write_series

from napari_medai import Geometry, MedicalImage
from napari_medai.core.errors import MedAIError, ReadError
from napari_medai.io.describe import describe
from napari_medai.io.dicom.geometry import UnevenError
from napari_medai.io.dicom.geometry import place as place_slices
from napari_medai.io.read import read
from napari_medai.io.write import write

SECONDS = 5.0
GROWTH_BYTES = 1_000_000_000
SUFFIXES = (".nii", ".nii.gz", ".nrrd", ".mha", ".tif", ".png", ".dcm")


def good_file(folder: Path, suffix: str) -> Path:
    path = folder / f"scan{suffix}"
    if suffix == ".dcm":
        return save(slice_dataset(counted((32, 32)), RescaleSlope=1, RescaleIntercept=-5), path)
    if suffix == ".png":
        return write(MedicalImage(counted((32, 32), "uint8"), "yx", Geometry.from_spacing((32, 32))), path)
    grid = Geometry.from_spacing((8, 16, 16), (2, 1, 1))
    return write(MedicalImage(counted((8, 16, 16)), "zyx", grid), path)


def read_or_refuse(path: Path) -> list[MedicalImage]:
    """Read a path under watch; an error must name what was asked for and never show where it lies."""
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    images: list[MedicalImage] = []
    said = "nothing"
    try:
        describe(path)
        images = read(path)
    except MedAIError as error:
        said = str(error)
    assert said
    assert str(path.parent) not in said
    assert time.perf_counter() - start < SECONDS
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < GROWTH_BYTES
    return images


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("share", [0.0, 0.02, 0.1, 0.3, 0.6, 0.9, 0.99])
def test_a_file_cut_anywhere_gives_no_image_or_the_whole_one(tmp_path, suffix, share):
    path = good_file(tmp_path, suffix)
    clean, data = np.array(read(path)[0].array), path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    for image in read_or_refuse(path):
        # What a format keeps behind its pixels (a checksum, an end mark) may be missing without harm.
        assert share > 0.8
        assert np.array_equal(image.array, clean)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("seed", range(12))
def test_flipped_bits_in_the_header_crash_nothing(tmp_path, suffix, seed):
    path = good_file(tmp_path, suffix)
    data = bytearray(path.read_bytes())
    rng = np.random.default_rng(seed)
    for place in rng.integers(0, min(len(data), 600), 6):
        data[place] ^= 1 << int(rng.integers(8))
    path.write_bytes(bytes(data))
    for image in read_or_refuse(path):
        assert np.all(np.isfinite(image.geometry.affine))


@pytest.mark.parametrize("suffix", [".nii.gz", ".png", ".tif"])
def test_flipped_bits_in_checked_pixels_are_noticed(tmp_path, suffix):
    path = good_file(tmp_path, suffix)
    clean = read(path)[0].array
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x10
    path.write_bytes(bytes(data))
    for image in read_or_refuse(path):
        assert image.array.shape == clean.shape


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_noise_after_the_end_changes_nothing(tmp_path, suffix):
    path = good_file(tmp_path, suffix)
    clean = np.array(read(path)[0].array)
    with path.open("ab") as stream:
        stream.write(np.random.default_rng(0).integers(0, 256, 3000, dtype=np.uint8).tobytes())
    for image in read_or_refuse(path):
        assert np.array_equal(image.array, clean)


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("Rows", 65535), ("Columns", 65535), ("Rows", 0), ("BitsAllocated", 64), ("BitsAllocated", 3),
        ("BitsStored", 99), ("HighBit", 99), ("SamplesPerPixel", 7), ("NumberOfFrames", 100000),
        ("BitsStored", 0), ("BitsStored", 65535), ("PixelSpacing", [0, 0]), ("PixelSpacing", [-1, 1]),
        ("RescaleSlope", 0), ("WindowWidth", 0),
        ("PhotometricInterpretation", "NONSENSE"), ("PixelRepresentation", 9), ("BitsAllocated", 248),
        ("PixelSpacing", ["1e300", "1"]), ("ImagePositionPatient", ["1e300", "0", "0"]),
        ("RescaleSlope", "1e300"), ("RescaleIntercept", "-1e300"), ("SliceThickness", "1e300"),
    ],
)  # fmt: skip
def test_lies_in_a_dicom_header(tmp_path, keyword, value):
    path = save(slice_dataset(counted((32, 32)), **{keyword: value}), tmp_path / "a.dcm")
    for image in read_or_refuse(path):
        assert image.array.shape[-2:] == (32, 32)
        assert np.all(np.isfinite(image.geometry.affine))


@pytest.mark.parametrize("keyword", ["ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"])
def test_a_missing_place_is_never_made_up(tmp_path, keyword):
    folder = write_series(tmp_path / "a", counted((3, 8, 8)), **{keyword: None})
    for image in read_or_refuse(folder):
        assert image.axes == "yx"


@pytest.mark.parametrize("seed", range(6))
def test_a_series_with_one_damaged_slice_is_never_silently_whole(tmp_path, seed):
    volume = counted((6, 16, 16))
    folder = write_series(tmp_path / "a", volume)
    rng = np.random.default_rng(seed)
    victim = folder / f"{int(rng.integers(1, 5)):04d}.dcm"
    data = victim.read_bytes()
    victim.write_bytes(data[: int(rng.integers(len(data)))])
    for image in read_or_refuse(folder):
        assert image.meta.get("notices")


def test_shuffled_names_change_nothing(tmp_path):
    volume = counted((6, 8, 8))
    names = [f"{k:02d}" for k in np.random.default_rng(3).permutation(6)]
    assert np.array_equal(read(write_series(tmp_path / "a", volume, names=names))[0].array, volume)


def test_nested_sequences_without_end_are_refused(tmp_path):
    import struct

    path = good_file(tmp_path, ".dcm")
    data = path.read_bytes()
    start = struct.pack("<HH2sHI", 0x0008, 0x1140, b"SQ", 0, 0xFFFFFFFF)
    item = struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    place = data.index(struct.pack("<HH2s", 0x0010, 0x0010, b"PN"))
    path.write_bytes(data[:place] + (start + item) * 5000 + data[place:])
    assert read_or_refuse(path) == []


@pytest.mark.parametrize(
    "name",
    [b"a%s%s%s%n.raw 1 3 1", b"slice%9999d.raw 1 3 1", b"slice%d.raw one two", b"%n", b"x" * 5000, b"a\x01b"],
)
def test_a_voxel_file_whose_name_would_crash_itk_is_refused(tmp_path, name):
    header = b"ObjectType = Image\nNDims = 3\nDimSize = 5 4 3\nElementType = MET_SHORT\nElementDataFile = "
    (tmp_path / "scan.mha").write_bytes(header + name + b"\n" + bytes(120))
    with pytest.raises(ReadError, match=r"scan\.mha names its voxel file in a way that is no name"):
        read(tmp_path / "scan.mha")


@pytest.mark.parametrize("axes", [b"96077089680230461515", b"-3", b"0", b"three", b""])
def test_a_metaimage_of_no_possible_number_of_axes_is_refused(tmp_path, axes):
    header = b"ObjectType = Image\nNDims = " + axes + b"\nDimSize = 6 4\nElementDataFile = LOCAL\n"
    (tmp_path / "scan.mha").write_bytes(header + bytes(120))
    with pytest.raises(ReadError, match="NDims is"):
        read(tmp_path / "scan.mha")


def test_numbered_voxel_files_are_still_read(tmp_path):
    voxels = np.arange(60, dtype="<i2").reshape(3, 4, 5)
    for number, plane in enumerate(voxels, 1):
        (tmp_path / f"slice{number:02d}.raw").write_bytes(plane.tobytes())
    text = "ObjectType = Image\nNDims = 3\nDimSize = 5 4 3\nElementSpacing = 1 1 2\nElementType = MET_SHORT\n"
    (tmp_path / "scan.mhd").write_text(text + "ElementDataFile = slice%02d.raw 1 3 1\n")
    (image,) = read(tmp_path / "scan.mhd")
    np.testing.assert_array_equal(image.array, voxels)


def test_an_nrrd_with_a_step_of_no_length_is_refused(tmp_path):
    header = (
        "NRRD0005\ntype: short\ndimension: 3\nspace: left-posterior-superior\nsizes: 5 4 3\nendian: little\n"
    )
    steps = "space directions: (1,0,0) (0,0,0) (0,0,2)\nencoding: raw\nspace origin: (0,0,0)\n\n"
    (tmp_path / "scan.nrrd").write_bytes((header + steps).encode() + bytes(120))
    with pytest.raises(ReadError):
        read(tmp_path / "scan.nrrd")


@pytest.mark.parametrize("spacing", [b"1 1 inf", b"1 nan 1", b"1e300 1 1", b"1e-320 1 1"])
def test_a_metaimage_whose_voxels_have_no_possible_size_is_refused(tmp_path, spacing):
    path = tmp_path / "scan.mha"
    header = b"ObjectType = Image\nNDims = 3\nDimSize = 2 2 2\nElementSpacing = " + spacing
    path.write_bytes(header + b"\nElementType = MET_UCHAR\nElementDataFile = LOCAL\n" + bytes(8))
    with pytest.raises(MedAIError):
        read(path)


@pytest.mark.parametrize("step", [1e-44, 1e30, np.inf, np.nan])
def test_a_nifti_whose_voxels_have_no_possible_size_is_refused(tmp_path, step):
    path = good_file(tmp_path, ".nii")
    data = bytearray(path.read_bytes())
    data[280:292] = np.array([step, 0, 0], "<f4").tobytes()
    data[252:254] = bytes(2)
    path.write_bytes(bytes(data))
    with pytest.raises(MedAIError, match="sform"):
        read(path)


def test_slices_that_return_to_their_first_place_are_not_laid_out_in_a_row(tmp_path):
    places = [(0.0, 0.0, 0.0), (0.0, 0.0, 3.0), (0.0, 0.0, 0.0)]
    frames = [SimpleNamespace(position=np.array(p), spacing=(1, 1), plane=np.eye(3)[:2]) for p in places]
    with pytest.raises(UnevenError, match="one place"):
        place_slices(frames)
