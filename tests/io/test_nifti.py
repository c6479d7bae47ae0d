"""NIfTI read by the book: transforms, units, scaling, byte order, colours, intents."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest

from napari_medai.io.read import read

AFFINE = np.array([[-2.0, 0.1, 0.0, 90.0], [0.1, 1.5, 0.2, -70.0], [0.0, -0.2, 3.0, 40.0], [0, 0, 0, 1]])
BOX = np.diag([2.0, 1.5, 3.0, 1.0])


def saved(tmp_path, data, affine=BOX, change=None, klass=nib.Nifti1Image, name="a.nii", dtype=None):
    image = klass(data, affine, dtype=dtype)
    if change:
        change(image.header)
    nib.save(image, tmp_path / name)
    return tmp_path / name


def world(image, ijk):
    """Where an (i, j, k) voxel of the file lies, in RAS, as this package read it."""
    return image.geometry.index_to_world(ijk[::-1]) * [-1, -1, 1]


@pytest.mark.parametrize("klass", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize("dtype", ["u1", "i2", ">i2", "<f4", ">f8", "u2", "i1", "u4", "i8"])
def test_voxels_and_places_match_the_file(tmp_path, klass, dtype):
    data = np.arange(24).reshape(2, 3, 4).astype(dtype)
    header = klass.header_class(endianness=">" if ">" in dtype else "<")
    header.set_data_dtype(dtype)
    image = klass(data, AFFINE, header)
    nib.save(image, tmp_path / "a.nii")
    (back,) = read(tmp_path / "a.nii")
    assert np.array_equal(back.array, data.T)
    assert back.array.dtype.isnative
    assert np.allclose(
        world(back, np.array([1, 2, 3])), nib.affines.apply_affine(AFFINE, [1, 2, 3]), atol=1e-4
    )


def test_sform_goes_before_qform_and_disagreement_is_said(tmp_path):
    def change(header):
        header.set_qform(np.diag([5.0, 5.0, 5.0, 1.0]), code=1)
        header.set_sform(BOX, code=2)

    (image,) = read(saved(tmp_path, np.zeros((3, 4, 5), np.int16), change=change))
    assert np.allclose(image.geometry.spacing, [3, 1.5, 2])
    assert any("disagree" in notice for notice in image.meta["notices"])


def test_qform_is_used_where_the_sform_has_no_code(tmp_path):
    turned = np.diag([1.0, -1.0, -1.0, 1.0]) @ BOX
    turned[:3, 3] = [1, 2, 3]

    image = nib.Nifti1Image(np.zeros((3, 4, 5), np.int16), turned)
    image.set_qform(turned, code=1)
    image.set_sform(None, code=0)
    nib.save(image, tmp_path / "a.nii")
    (image,) = read(tmp_path / "a.nii")
    assert np.allclose(world(image, np.array([1, 1, 1])), nib.affines.apply_affine(turned, [1, 1, 1]))
    assert "notices" not in image.meta


def test_without_a_transform_the_voxel_sizes_are_used_and_it_is_said(tmp_path):
    def change(header):
        header.set_sform(None, code=0)
        header.set_qform(None, code=0)
        header["pixdim"][1:4] = [2, 1.5, 3]

    (image,) = read(saved(tmp_path, np.zeros((3, 4, 5), np.int16), None, change))
    assert np.allclose(image.geometry.spacing, [3, 1.5, 2])
    assert image.geometry.unit == "mm"
    assert "left and right" in image.meta["notices"][0]


def test_without_any_size_lengths_are_pixels(tmp_path):
    def change(header):
        header.set_sform(None, code=0)
        header.set_qform(None, code=0)
        header["pixdim"][1:4] = 1
        header["xyzt_units"] = 0

    (image,) = read(saved(tmp_path, np.zeros((3, 4, 5), np.int16), None, change))
    assert image.geometry.unit == "pixel"
    assert "how large a voxel" in image.meta["notices"][0]


@pytest.mark.parametrize(("unit", "factor"), [("meter", 1000.0), ("mm", 1.0), ("micron", 0.001)])
def test_units_of_length_become_mm(tmp_path, unit, factor):
    path = saved(tmp_path, np.zeros((3, 4, 5), np.int16), change=lambda h: h.set_xyzt_units(unit))
    assert np.allclose(read(path)[0].geometry.spacing, np.array([3, 1.5, 2]) * factor)


@pytest.mark.parametrize(("unit", "seconds"), [("sec", 2.5), ("msec", 0.0025), ("usec", 2.5e-6)])
def test_units_of_time_become_seconds(tmp_path, unit, seconds):
    def change(header):
        header.set_xyzt_units("mm", unit)
        header["pixdim"][4] = 2.5

    (image,) = read(saved(tmp_path, np.zeros((2, 3, 4, 5), np.int16), change=change))
    assert image.axes == "tzyx"
    assert image.meta["time_step_s"] == pytest.approx(seconds)


@pytest.mark.parametrize(("slope", "inter", "dtype"), [(2.0, -1024.0, "int16"), (0.5, 0.0, "float32")])
def test_scaling_keeps_integers_where_it_can(tmp_path, slope, inter, dtype):
    data = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    image = nib.Nifti1Image(data, BOX)
    path = tmp_path / "a.nii"
    nib.save(image, path)
    raw = bytearray(path.read_bytes())
    raw[112:120] = np.array([slope, inter], "<f4").tobytes()
    path.write_bytes(bytes(raw))
    (back,) = read(path)
    assert back.array.dtype == dtype
    assert np.array_equal(back.array, (data.T * slope + inter))


def test_integers_that_outgrow_their_type_get_a_wider_one(tmp_path):
    path = saved(tmp_path, np.full((2, 2, 2), 200, np.uint8))
    raw = bytearray(path.read_bytes())
    raw[112:120] = np.array([1000.0, -1.0], "<f4").tobytes()
    path.write_bytes(bytes(raw))
    assert set(np.unique(read(path)[0].array)) == {199999}


def test_rgb_voxels_become_colours(tmp_path):
    colours = np.random.default_rng(0).integers(0, 255, (3, 4, 5, 3), dtype=np.uint8)
    packed = colours.copy().view([("R", "u1"), ("G", "u1"), ("B", "u1")])[..., 0]
    (image,) = read(saved(tmp_path, packed))
    assert image.axes == "zyxs"
    assert np.array_equal(image.array, colours.transpose(2, 1, 0, 3))


def test_vectors_of_five_dimensions_become_channels(tmp_path):
    data = np.random.default_rng(0).normal(size=(3, 4, 5, 1, 3)).astype(np.float32)
    (image,) = read(saved(tmp_path, data, change=lambda h: h.set_intent("vector")))
    assert image.axes == "czyx"
    assert np.array_equal(image.array, data[:, :, :, 0].T)


def test_the_label_intent_makes_labels(tmp_path):
    path = saved(tmp_path, np.ones((3, 4, 5), np.uint8), change=lambda h: h.set_intent("label"))
    assert read(path)[0].kind == "labels"


def test_a_header_pair_is_read_from_either_file(tmp_path):
    data = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
    nib.save(nib.Nifti1Pair(data, AFFINE), tmp_path / "pair.img")
    for name in ("pair.hdr", "pair.img"):
        assert np.array_equal(read(tmp_path / name)[0].array, data.T)
    assert len(read(tmp_path)) == 1


@pytest.mark.parametrize("pair", [False, True])
@pytest.mark.parametrize(
    ("dtype", "slope", "inter"),
    [("<i2", 1, 0), (">i2", 1, -1024), ("<u1", 0.5, 3), ("<f4", 2, 1), (">f8", 1, 0)],
)
def test_over_the_memory_limit_slices_are_read_when_looked_at(tmp_path, dtype, slope, inter, pair):
    image = (
        nib.Nifti1Pair(np.zeros((4, 5, 6, 3)), BOX) if pair else nib.Nifti1Image(np.zeros((4, 5, 6, 3)), BOX)
    )
    image.header.set_data_dtype(dtype)
    stored = (np.arange(360) % 120).reshape(4, 5, 6, 3).astype(dtype)
    image = type(image)(stored, BOX, image.header)
    path = tmp_path / ("a.hdr" if pair else "a.nii")
    nib.save(image, path)
    header = bytearray(path.read_bytes())
    header[112:120] = np.array([slope, inter], image.header.endianness + "f4").tobytes()
    path.write_bytes(header)
    (now,), (later,) = read(path), read(path, memory_limit_gb=0)
    assert isinstance(now.array, np.ndarray)
    assert later.array.chunks[-2:] == ((5,), (4,))
    assert np.array_equal(np.asarray(later.array), now.array)
    assert later.array.dtype == later.array.compute().dtype
    assert np.array_equal(later.array[1, 2].compute(), now.array[1, 2])
    assert later.geometry == now.geometry


def test_a_packed_file_over_the_memory_limit_says_that_it_was_read_at_once(tmp_path):
    path = saved(tmp_path, np.arange(24).reshape(2, 3, 4).astype(np.int16), name="a.nii.gz")
    (image,) = read(path, memory_limit_gb=0)
    assert isinstance(image.array, np.ndarray)
    assert any("gzipped" in notice for notice in image.meta["notices"])
