"""Every way of packing pixels, on real files: compressed copies equal the plain ones."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest

from napari_medai.core.errors import ReadError
from napari_medai.io.read import read

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def files(real_data):
    folder = real_data / "io" / "pydicom-data"
    if not folder.is_dir():
        pytest.skip("no folder io/pydicom-data in NAPARI_MEDAI_DATA")
    return folder


def values(path):
    return np.asarray(read(path)[0].array)


@pytest.mark.parametrize(
    ("plain", "copy"),
    [
        ("emri_small.dcm", "emri_small_RLE.dcm"),
        ("emri_small.dcm", "emri_small_big_endian.dcm"),
        ("emri_small.dcm", "emri_small_jpeg_2k_lossless.dcm"),
        ("emri_small.dcm", "emri_small_jpeg_ls_lossless.dcm"),
        ("OBXXXX1A.dcm", "OBXXXX1A_expb.dcm"),
        ("OBXXXX1A.dcm", "OBXXXX1A_rle.dcm"),
        ("liver.dcm", "liver_deflate.dcm"),
        ("liver.dcm", "liver_rle.dcm"),
        ("liver.dcm", "liver_j2k.dcm"),
        ("liver.dcm", "liver_expb.dcm"),
        ("SC_rgb.dcm", "SC_rgb_expb.dcm"),
        ("SC_rgb.dcm", "SC_rgb_gdcm2k_uncompressed.dcm"),
        ("color-pl.dcm", "color-px.dcm"),
    ],
)
def test_a_packed_copy_holds_the_same_voxels(files, plain, copy):
    assert np.array_equal(values(files / plain), values(files / copy))


@pytest.mark.parametrize(
    "name",
    [
        "HTJ2KLossless_08_RGB.dcm", "HTJ2K_08_RGB.dcm", "JLSL_08_07_0_1F.dcm", "JLSL_16_15_1_1F.dcm",
        "JLSL_RGB_ILV0.dcm", "JLSL_RGB_ILV1.dcm", "JLSN_RGB_ILV0.dcm", "JPGLosslessP14SV1_1s_1f_8b.dcm",
        "SC_rgb_16bit.dcm", "SC_ybr_full_uncompressed.dcm", "parametric_map_double_float.dcm",
        "parametric_map_float.dcm", "vlut_04.dcm",
    ],
)  # fmt: skip
def test_values_are_those_that_pydicom_decodes(files, name):
    (image,) = read(files / name)
    assert np.array_equal(
        np.squeeze(image.array), np.squeeze(pydicom.dcmread(files / name, force=True).pixel_array)
    )


def test_a_lossless_copy_of_a_colour_picture_is_close_to_its_lossy_one(files):
    exact, lossy = values(files / "HTJ2KLossless_08_RGB.dcm"), values(files / "HTJ2K_08_RGB.dcm")
    assert np.abs(exact.astype(int) - lossy).mean() < 3


def test_a_modality_table_makes_the_values(files):
    from pydicom.pixels import apply_modality_lut

    dataset = pydicom.dcmread(files / "mlut_18.dcm")
    assert np.array_equal(values(files / "mlut_18.dcm"), apply_modality_lut(dataset.pixel_array, dataset))


def test_palette_colours_are_those_of_the_tables(files):
    from pydicom.pixels import apply_color_lut

    dataset = pydicom.dcmread(files / "OT-PAL-8-face.dcm", force=True)
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.ImplicitVRLittleEndian
    expected = apply_color_lut(dataset.pixel_array, dataset) >> 8
    assert np.array_equal(values(files / "OT-PAL-8-face.dcm"), expected)


def test_a_short_stream_is_refused_by_name(files):
    with pytest.raises(ReadError, match=r"too_short\.dcm is cut short"):
        read(files / "emri_small_jpeg_2k_lossless_too_short.dcm")


def test_a_file_with_a_damaged_sequence_still_gives_its_slice(files):
    (image,) = read(files / "bad_sequence.dcm")
    dataset = pydicom.dcmread(files / "bad_sequence.dcm")
    expected = dataset.pixel_array * float(dataset.RescaleSlope) + float(dataset.RescaleIntercept)
    assert np.array_equal(image.array[0], expected)
