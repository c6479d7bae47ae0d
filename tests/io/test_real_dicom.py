"""Real DICOM of many scanners, against each file's own tags and against another project's conversions."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
from dicom_truth import WORLD_TOLERANCE_MM, check

from napari_medai import MedicalImage
from napari_medai.core.errors import ReadError
from napari_medai.io.read import read

pytestmark = pytest.mark.data

RIGHT = (
    "failing/slicecount/001", "ge/anatomical/001", "ge/dti/002", "ge/fmri/001", "generic/anatomical/001",
    "generic/anatomical/002_non_isotropic", "generic/compressed_j2k/001", "generic/compressed_jpeg/001",
    "generic/compressed_jpegls/001", "generic/compressed_rle/001", "generic/rgb/001",
    "hitachi/anatomical/001",
    "hyperfine/anatomical/001", "philips/anatomical/001", "philips/dti/001", "philips/fmri/001",
    "philips_enhanced/anatomical/001", "philips_enhanced/fmri/001", "siemens/anatomical/001",
    "siemens/dti_classic/001", "siemens_multiframe/anatomical/001",
)  # fmt: skip
"""Folders whose conversion by the other project is right."""
WRONG = ("philips_enhanced/dti/001", "siemens/fmri/001", "failing/sliceincrement/002")
"""Folders where it is not; each has a test of its own that shows so against the files."""
UNEVEN = ("failing/sliceincrement/001", "failing/sliceincrement/002")
MOSAIC = "siemens/fmri/001"


@pytest.fixture(scope="module")
def series(real_data):
    folder = real_data / "io" / "dicom2nifti"
    if not folder.is_dir():
        pytest.skip("no folder io/dicom2nifti in NAPARI_MEDAI_DATA")
    return folder


def reference(series, name):
    """A conversion of the other project: values (i, j, k, ...) and its (i, j, k) -> LPS affine."""
    image = nib.load(series / f"{name}_ground_truth.nii.gz")
    values = np.asanyarray(image.dataobj)
    if values.dtype.names:
        values = np.stack([values[channel] for channel in "RGB"], axis=-1)
    return values, np.diag([-1.0, -1.0, 1.0, 1.0]) @ image.affine


def looked_up(image: MedicalImage, values, affine):
    """Our values at the places of the reference's voxels, in its order, and the largest distance in mm."""
    shape = values.shape[:3]
    indices = np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij"), -1).reshape(-1, 3)
    world = indices @ affine[:3, :3].T + affine[:3, 3]
    nearest = np.rint(image.geometry.world_to_index(world)).astype(int)
    distance = np.abs(image.geometry.index_to_world(nearest) - world).max()
    array = np.moveaxis(np.asarray(image.array), 0, 3) if image.axes[0] == "t" else np.asarray(image.array)
    return array[tuple(nearest.T)].reshape(*shape, *array.shape[3:]), distance


def test_the_folders_named_here_are_all_there_are(series):
    found = {
        str(p.relative_to(series))[: -len("_ground_truth.nii.gz")]
        for p in series.rglob("*_ground_truth.nii.gz")
    }
    assert found == {*RIGHT, *WRONG}


@pytest.mark.parametrize("name", RIGHT)
def test_right_conversions_are_reproduced(series, name):
    (image,) = read(series / name)
    values, affine = reference(series, name)
    ours, distance = looked_up(image, values, affine)
    assert distance < WORLD_TOLERANCE_MM
    assert np.prod(image.geometry.shape) == np.prod(values.shape[:3])
    assert np.allclose(ours, values.reshape(ours.shape), rtol=1e-5, atol=1e-5)


def test_the_enhanced_diffusion_conversion_lost_three_of_four_volumes(series):
    name = WRONG[0]
    (image,) = read(series / name)
    values, affine = reference(series, name)
    ours, distance = looked_up(image, values, affine)
    assert distance < WORLD_TOLERANCE_MM
    assert not values[..., 1:].any()
    assert np.allclose(values[..., 0], ours[..., 3], rtol=1e-5)
    assert image.meta["b_values"] == [0.0, 1300.0, 1300.0, 1300.0]


def test_the_mosaic_conversion_lies_outside_the_planned_slices_and_ours_inside(series):
    import pydicom

    from napari_medai.io.dicom.csa import protocol_slices

    (image,) = read(series / MOSAIC)
    _, affine = reference(series, MOSAIC)
    file = sorted((series / MOSAIC).iterdir())[0]
    count, ends = protocol_slices(pydicom.dcmread(file)[0x0029, 0x1020].value)
    low, high = sorted(ends[:, 2])
    assert image.geometry.shape == (count, 80, 80)
    # Siemens counts a slice's centre at pixel n / 2.
    assert np.allclose(
        image.geometry.index_to_world([[0, 40, 40], [49, 40, 40]])[:, 2], [low, high], atol=0.05
    )
    assert (affine @ [40, 40, 49, 1])[2] > high + 100


def test_the_mosaic_tiles_follow_downwards_from_the_first(series):
    import pydicom

    (image,) = read(series / MOSAIC)
    picture = pydicom.dcmread(sorted((series / MOSAIC).iterdir())[0]).pixel_array
    assert np.array_equal(image.array[0, 49], picture[:80, :80])
    assert np.array_equal(image.array[0, 48], picture[:80, 80:160])


def test_every_pixel_stands_where_its_own_file_says(series):
    folders = sorted({p.parent for p in series.rglob("*") if p.is_file() and p.parent.name[:3].isdigit()})
    checked = 0
    for folder in folders:
        if str(folder.relative_to(series)) in (MOSAIC, "generic/rgb/001"):
            continue
        checked += check(folder, read(folder))
    assert checked > 150


@pytest.mark.parametrize("name", UNEVEN)
def test_a_gap_is_said_and_refused_if_wished(series, name):
    (image,) = read(series / name)
    assert "apart, the others mostly" in image.meta["notices"][0]
    with pytest.raises(ReadError, match="slices may be missing"):
        read(series / name, gaps="error")


def test_a_tilted_scan_is_sheared_and_exact(series):
    folder = series / "failing" / "gantrytilting" / "001"
    (image,) = read(folder)
    assert image.geometry.shear_deg == pytest.approx(14.0, abs=0.1)
    assert check(folder, [image]) == 4


def test_mixed_orientations_become_two_images(series):
    folder = series / "failing" / "sliceorientation" / "001"
    images = read(folder)
    assert [image.array.shape[0] for image in images] == [2, 2]
    assert check(folder, images) == 4


def test_slices_at_one_place_become_a_time_axis(series):
    (image,) = read(series / "failing" / "notavolume" / "001")
    assert image.axes == "tzyx"
    assert image.array.shape[:2] == (4, 1)


def test_compressed_copies_hold_the_same_voxels_at_the_plain_ones_place(series):
    (plain,) = read(series / "generic" / "anatomical" / "001")
    copies = [
        read(series / "generic" / f"compressed_{c}" / "001")[0] for c in ("j2k", "jpeg", "jpegls", "rle")
    ]
    # The plain series holds other (random) voxels than the four, which are copies of each other.
    for copy in copies:
        assert np.array_equal(copy.array, copies[0].array)
        assert copy.geometry.is_close(plain.geometry)


def test_a_whole_head_is_read_in_place(real_data):
    folder = real_data / "io" / "forrest-t1" / "dicom"
    images = read(folder)
    assert [image.array.shape for image in images] == [(128, 384, 274)]
    assert check(folder, images, pixels=5) == 128
