"""What is written comes back: every orientation, oblique or sheared, through every format."""

from __future__ import annotations

import tempfile
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from grids import ORIENTATIONS, geometries, make_geometry
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medai import Geometry, MedicalImage
from napari_medai.core.errors import WriteError
from napari_medai.io.describe import describe
from napari_medai.io.read import read
from napari_medai.io.write import write

SUFFIXES = (".nii", ".nii.gz", ".nrrd", ".mha", ".tif")
WORLD_TOLERANCE_MM = 1e-3
"""NIfTI stores its transform in single precision: 6e-5 mm at a metre, times a few voxels."""


def labels_on(grid: Geometry, dtype: str = "uint16") -> MedicalImage:
    array = (np.arange(np.prod(grid.shape)) % 7).reshape(grid.shape).astype(dtype)
    names = {"labels": {"1": "liver", "2": "Milz ä"}, "modality": "CT"}
    return MedicalImage(array, "zyx", grid, kind="labels", name="organs", meta=names)


def through(image: MedicalImage, suffix: str, folder: Path) -> MedicalImage:
    (back,) = read(write(image, folder / f"image{suffix}"))
    return back


def assert_same(back: MedicalImage, image: MedicalImage) -> None:
    assert (back.axes, back.kind, back.name) == (image.axes, image.kind, image.name)
    assert back.geometry.is_close(image.geometry, WORLD_TOLERANCE_MM)
    assert np.array_equal(back.array, image.array)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("orientation", ORIENTATIONS, ids=lambda o: str(o.astype(int).tolist()))
def test_every_orientation_comes_back(orientation, suffix, tmp_path):
    for spacing, tilt in (((1.0, 1.0, 1.0), 0.0), ((3.0, 0.5, 1.25), 0.0), ((3.0, 0.5, 1.25), 25.0)):
        grid = make_geometry(
            (3, 4, 5), orientation, spacing, (tilt, -tilt / 2, tilt / 3), (-50.0, 20.0, 900.0)
        )
        image = labels_on(grid)
        back = through(image, suffix, tmp_path)
        assert_same(back, image)
        assert back.meta["labels"] == image.meta["labels"]


@given(grid=geometries(sheared=True), suffix=st.sampled_from((".nii", ".nii.gz", ".tif")))
@settings(max_examples=60)
def test_any_grid_comes_back_sheared_or_not(grid, suffix):
    image = labels_on(grid)
    with tempfile.TemporaryDirectory() as folder:
        assert_same(through(image, suffix, Path(folder)), image)


@given(grid=geometries(), suffix=st.sampled_from((".nrrd", ".mha")))
@settings(max_examples=60)
def test_any_box_grid_comes_back_through_itk_formats(grid, suffix):
    image = labels_on(grid)
    with tempfile.TemporaryDirectory() as folder:
        assert_same(through(image, suffix, Path(folder)), image)


@given(grid=geometries(), suffix=st.sampled_from((".nii", ".nii.gz", ".nrrd", ".mha")))
@settings(max_examples=60)
def test_simpleitk_sees_the_same_voxels_at_the_same_places(grid, suffix):
    image = labels_on(grid)
    with tempfile.TemporaryDirectory() as folder:
        path = write(image, Path(folder) / f"image{suffix}")
        theirs = sitk.ReadImage(str(path))
    assert np.array_equal(sitk.GetArrayFromImage(theirs), image.array)
    for index in np.argwhere(image.array == 3)[:5]:
        point = theirs.TransformIndexToPhysicalPoint([int(i) for i in index[::-1]])
        assert np.allclose(point, grid.index_to_world(index), atol=WORLD_TOLERANCE_MM)


@given(grid=geometries(sheared=True), suffix=st.sampled_from((".nii", ".nii.gz")))
@settings(max_examples=60)
def test_nibabel_sees_the_same_voxels_at_the_same_places(grid, suffix):
    image = labels_on(grid)
    with tempfile.TemporaryDirectory() as folder:
        theirs = nib.load(write(image, Path(folder) / f"image{suffix}"))
        voxels = np.asarray(theirs.dataobj)
    assert np.array_equal(voxels.T, image.array)
    index = np.argwhere(image.array == 3)
    world = nib.affines.apply_affine(theirs.affine, index[:, ::-1]) * [-1, -1, 1]
    assert np.allclose(world, grid.index_to_world(index), atol=WORLD_TOLERANCE_MM)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("axes", ["zyx", "tzyx", "czyx", "tczyx", "zyxs", "yx", "tyx", "yxs"])
@pytest.mark.parametrize("unit", ["mm", "pixel"])
def test_every_kind_of_axes_comes_back(axes, suffix, unit, tmp_path):
    sizes = {"t": 2, "c": 2, "z": 4, "y": 5, "x": 6, "s": 3}
    shape = tuple(sizes[a] for a in axes)
    grid = Geometry.from_spacing(
        [sizes[a] for a in axes if a in "zyx"], [1.5] * sum(a in "zyx" for a in axes)
    )
    grid = Geometry(grid.shape, grid.affine, unit)
    image = MedicalImage(np.arange(np.prod(shape)).reshape(shape).astype(np.uint8), axes, grid, name="x")
    path = write(image, tmp_path / f"image{suffix}")
    (back,), (row,) = read(path), describe(path)
    assert_same(back, image)
    assert (row.axes, row.shape, row.unit) == (axes, shape, unit)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    "dtype", ["uint8", "int8", "int16", "uint16", "int32", "uint32", "float32", "float64"]
)
def test_every_type_comes_back_to_the_bit(dtype, suffix, tmp_path):
    values = np.linspace(-100, 100, 60) if np.dtype(dtype).kind != "u" else np.linspace(0, 200, 60)
    image = MedicalImage(
        values.reshape(3, 4, 5).astype(dtype), "zyx", Geometry.from_spacing((3, 4, 5), (1, 1, 1))
    )
    back = through(image, suffix, tmp_path)
    assert back.array.dtype == image.array.dtype
    assert np.array_equal(back.array, image.array)


def test_history_comes_back_with_the_file(tmp_path):
    from napari_medai.preprocess import smooth_gaussian

    image = MedicalImage(np.ones((4, 5, 6), np.float32), "zyx", Geometry.from_spacing((4, 5, 6), (1, 1, 1)))
    smooth = smooth_gaussian(image, sigma_mm=1.5)
    back = through(smooth, ".nii.gz", tmp_path)
    assert [r.to_json() for r in back.history] == [r.to_json() for r in smooth.history]


@pytest.mark.parametrize("suffix", [".nrrd", ".mha"])
def test_a_sheared_grid_is_refused_where_the_format_cannot_hold_it(suffix, tmp_path):
    grid = make_geometry((3, 4, 5), ORIENTATIONS[0], (1.0, 1.0, 1.0), shear=0.2)
    with pytest.raises(WriteError, match=r"sheared.*nii"):
        write(labels_on(grid), tmp_path / f"image{suffix}")
    assert not list(tmp_path.iterdir())


def test_a_failed_write_leaves_the_old_file_alone(tmp_path):
    grid = make_geometry((3, 4, 5), ORIENTATIONS[0], (1.0, 1.0, 1.0))
    path = write(labels_on(grid), tmp_path / "image.nrrd")
    before = path.read_bytes()
    with pytest.raises(WriteError):
        write(labels_on(make_geometry((3, 4, 5), ORIENTATIONS[0], shear=0.2)), path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["image.nrrd"]


def test_an_unknown_suffix_is_refused(tmp_path):
    with pytest.raises(WriteError, match=r"\.nii\.gz"):
        write(labels_on(make_geometry((3, 4, 5), ORIENTATIONS[0])), tmp_path / "image.xyz")


def test_a_picture_comes_back_in_pixels_and_says_so(tmp_path):
    array = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    image = MedicalImage(array, "yxs", Geometry.from_spacing((4, 5)))
    back = through(image, ".png", tmp_path)
    assert np.array_equal(back.array, array)
    assert back.geometry.unit == "pixel"
    assert "how large a pixel" in back.meta["notices"][0]
