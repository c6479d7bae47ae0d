"""ANALYZE, MGH, MINC, PAR/REC and AFNI: the voxels and places that nibabel gives, and clear refusals."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from napari_medai.core.errors import ReadError
from napari_medai.io.read import read

AFFINE = np.array([[-2.0, 0.1, 0.0, 90.0], [0.1, 1.5, 0.2, -70.0], [0.0, -0.2, 3.0, 40.0], [0, 0, 0, 1]])


def test_mgh_keeps_voxels_places_and_time(tmp_path):
    data = np.random.default_rng(0).normal(size=(3, 4, 5, 2)).astype(np.float32)
    nib.save(nib.MGHImage(data, np.diag([2.0, 2.0, 3.0, 1.0])), tmp_path / "a.mgz")
    (image,) = read(tmp_path / "a.mgz")
    assert image.axes == "tzyx"
    assert np.array_equal(image.array, data.T)
    assert np.allclose(image.geometry.spacing, [3, 2, 2])


def test_analyze_says_that_sides_are_uncertain(tmp_path):
    data = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
    nib.save(nib.AnalyzeImage(data, np.diag([2.0, 1.5, 3.0, 1.0])), tmp_path / "a.img")
    for name in ("a.img", "a.hdr"):
        (image,) = read(tmp_path / name)
        assert np.array_equal(image.array, data.T)
        assert np.allclose(image.geometry.spacing, [3, 1.5, 2])
        assert "left" in image.meta["notices"][0]


@pytest.fixture(scope="module")
def folder(real_data):
    place = real_data / "io" / "nibabel"
    if not place.is_dir():
        pytest.skip("no folder io/nibabel in NAPARI_MEDAI_DATA")
    return place


def assert_like_nibabel(image, path, first_axis_is_time=False):
    theirs = nib.load(path)
    values = np.asanyarray(theirs.dataobj)
    spatial = values.shape[1:] if first_axis_is_time else values.shape[:3]
    for index in np.random.default_rng(0).integers(0, spatial, (40, 3)):
        world = nib.affines.apply_affine(theirs.affine, index) * [-1, -1, 1]
        ours = np.rint(image.geometry.world_to_index(world)).astype(int)
        assert np.allclose(image.geometry.index_to_world(ours), world, atol=1e-3)
        line = values[(slice(None), *index)] if first_axis_is_time else values[tuple(index)]
        assert np.allclose(np.asarray(image.array)[(..., *ours)], line, rtol=1e-6)


@pytest.mark.data
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # nibabel leaves the REC file of its own reading open
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    "name",
    [
        "anatomical.nii", "example4d.nii.gz", "example_nifti2.nii.gz", "functional.nii", "standard.nii.gz",
        "reoriented_anat_moved.nii", "test.mgz", "tiny.mnc", "minc1_1_scale.mnc", "example4d+orig.HEAD",
    ],
)  # fmt: skip
def test_real_files_match_nibabel(folder, name):
    (image,) = read(folder / name)
    assert_like_nibabel(image, folder / name)


@pytest.mark.data
def test_the_time_axis_of_minc_comes_first(folder):
    (image,) = read(folder / "minc1_4d.mnc")
    assert image.array.shape == (2, 10, 20, 20)
    assert_like_nibabel(image, folder / "minc1_4d.mnc", first_axis_is_time=True)


@pytest.mark.data
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # nibabel leaves the REC file of its own reading open
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("name", ["phantom_EPI_asc_CLEAR_2_1", "phantom_varscale"])
def test_par_rec_is_read_from_either_file(folder, name):
    (image,), (again,) = read(folder / f"{name}.PAR"), read(folder / f"{name}.REC")
    assert np.array_equal(image.array, again.array)
    values = np.asanyarray(nib.parrec.load(folder / f"{name}.PAR", scaling="fp", strict_sort=True).dataobj)
    assert np.allclose(image.array, values.T, rtol=1e-6)


@pytest.mark.data
def test_a_truncated_scan_is_refused(folder):
    with pytest.raises(ReadError, match=r"phantom_truncated\.PAR"):
        read(folder / "phantom_truncated.PAR")


MINC = ("minc1_1_scale", "minc1_4d", "minc2_1_scale", "minc2_4d", "minc2-4d-d", "small")


@pytest.mark.parametrize("name", MINC)
def test_minc_files_lie_where_nibabel_puts_them(name):
    path = Path(nib.__file__).parent / "tests" / "data" / f"{name}.mnc"
    (image,) = read(path)
    other = nib.load(path)
    assert np.allclose(image.array, np.asanyarray(other.dataobj))
    index = np.array([3, 5, 7])
    expected = (other.affine @ [*index, 1])[:3] * [-1, -1, 1]
    assert np.allclose(image.geometry.index_to_world(index), expected)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_compressed_tiff_pages_are_decoded(tmp_path, dtype, compression):
    from PIL import Image

    pages = (np.random.default_rng(0).random((3, 20, 30)) * 250).astype(dtype)
    first, *rest = (Image.fromarray(page) for page in pages)
    first.save(tmp_path / "stack.tif", compression=compression, save_all=True, append_images=rest)
    (image,) = read(tmp_path / "stack.tif")
    assert image.array.dtype == dtype
    np.testing.assert_array_equal(image.array, pages)


def test_a_compressed_colour_tiff_is_decoded(tmp_path):
    from PIL import Image

    colours = np.random.default_rng(1).integers(0, 255, (12, 15, 3), dtype=np.uint8)
    Image.fromarray(colours).save(tmp_path / "fundus.tif", compression="tiff_lzw")
    (image,) = read(tmp_path / "fundus.tif")
    assert image.axes == "yxs"
    np.testing.assert_array_equal(image.array, colours)
