"""JPEG of 12 bits: a made picture, packed by DCMTK's dcmcjpeg (one file kept, more where it is installed)."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_files import save, slice_dataset

from napari_medai.io.read import read

KEPT = Path(__file__).parent / "corpus" / "jpeg_extended_12bit.dcm"
Y, X = np.mgrid[:32, :40]
PICTURE = np.clip(2048 + 1200 * np.sin(X / 9) * np.cos(Y / 7) + 20 * X, 0, 4095).astype(np.uint16)


def packed(tmp_path, option, pixels, **elements):
    if shutil.which("dcmcjpeg") is None:
        pytest.skip("dcmcjpeg is not installed (Debian package dcmtk)")
    plain = save(slice_dataset(pixels, BitsStored=12, HighBit=11, **elements), tmp_path / "plain.dcm")
    subprocess.run(["dcmcjpeg", *option, str(plain), str(tmp_path / "packed.dcm")], check=True, timeout=60)
    plain.unlink()
    return tmp_path / "packed.dcm"


def test_extended_jpeg_of_12_bits_is_decoded():
    assert pydicom.dcmread(KEPT).file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.4.51"
    (image,) = read(KEPT)
    assert image.array.shape == (1, 32, 40)
    # The file was packed at quality 100: a step of one grey value is what rounding leaves.
    assert np.abs(image.array[0].astype(float) - (PICTURE.astype(float) - 1024)).max() <= 1


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_stored_values_stay_whatever_they_stand_for(tmp_path, photometric):
    path = packed(tmp_path, ["+ee", "+q", "100"], PICTURE, PhotometricInterpretation=photometric)
    (image,) = read(path)
    assert np.abs(image.array[0].astype(float) - PICTURE).max() <= 1


@pytest.mark.parametrize("option", ["+el", "+e1"])
@pytest.mark.parametrize("shift", [0, -2048])
def test_lossless_jpeg_of_12_bits_loses_nothing(tmp_path, option, shift):
    pixels = (PICTURE.astype(int) + shift).astype(np.int16 if shift else np.uint16)
    (image,) = read(packed(tmp_path, [option], pixels))
    assert np.array_equal(image.array[0], pixels)
