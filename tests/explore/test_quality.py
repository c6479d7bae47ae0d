"""Two hundred files, nine kinds of planted faults: all are found and named, and nothing else."""

import numpy as np
import pytest
from made_dicom import write_dicom
from scipy import ndimage

from napari_medai import Geometry, MedicalImage, write
from napari_medai.core.errors import ReadError
from napari_medai.explore import check_quality

SHAPE = (10, 24, 24)


def healthy(seed):
    """A blob of anatomy-like texture whose brightness varies by a tenth from image to image."""
    rng = np.random.default_rng(seed)
    _, y, x = np.indices(SHAPE)
    body = np.hypot((y - 12) / 10, (x - 12) / 9) < 1
    texture = ndimage.gaussian_filter(rng.normal(size=SHAPE), 1.5)
    array = body * (100 + 30 * texture / texture.std()) * rng.uniform(0.9, 1.1) + rng.normal(0, 2, SHAPE)
    return np.clip(array, 0, None).astype(np.float32)


def image_of(array, spacing=(3.0, 1.0, 1.0)):
    return MedicalImage(array, "zyx", Geometry.from_spacing(array.shape, spacing))


def plant(folder):
    """Write the files; return what is wrong with which."""
    planted = {}

    def fault(kind, number, array, **grid):
        name = f"{number:03d}.nii.gz"
        write(image_of(array, **grid), folder / name)
        planted[name] = kind
        return folder / name

    for k in range(182):
        write(image_of(healthy(k)), folder / f"{k:03d}.nii.gz")
    for k in (182, 183):
        (folder / f"{k}.nii").write_text("this is no image")
        planted[f"{k}.nii"] = "unreadable"
        path = fault("truncated", k + 2, healthy(k + 2))
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        fault("constant", k + 4, np.full(SHAPE, 7.0, np.float32))
        fault("clipped", k + 6, np.minimum(healthy(k + 6), 120))
        broken = healthy(k + 8)
        broken[3, 4:6, 5] = np.nan
        fault("NaN", k + 8, broken)
        fault("duplicate", k + 10, healthy(k - 182))
        fault("wrong size" if k == 182 else "wrong spacing", k + 12, healthy(k)[: 8 if k == 182 else 10],
              spacing=(3.0, 1.0, 1.0) if k == 182 else (3.0, 1.5, 1.5))  # fmt: skip
        fault("outlier intensity", k + 14, healthy(k + 14) * 10)
        gap = healthy(k + 16)
        gap[5] = 0
        fault("missing slice", k + 16, gap)
    return planted


def test_every_planted_fault_is_named_and_no_other(tmp_path):
    planted = plant(tmp_path)
    assert len(list(tmp_path.iterdir())) == 200
    table = check_quality(tmp_path)
    found = {(row.image, row.fault) for row in table.itertuples()}
    assert found == set(planted.items())
    assert table["reason"].str.len().min() > 10


def test_a_good_folder_has_no_faults_and_an_empty_one_is_an_error(tmp_path):
    for k in range(9):
        write(image_of(healthy(k)), tmp_path / f"{k}.nii.gz")
    assert check_quality(tmp_path).empty
    with pytest.raises(ReadError):
        check_quality(tmp_path / "nothing")


def test_a_gap_between_dicom_slices_is_a_missing_slice(tmp_path):
    for k in (0, 1, 2, 4, 5, 6):
        write_dicom(tmp_path, k)
    table = check_quality(tmp_path)
    assert table["fault"].tolist() == ["missing slice"]
    assert "5.00 mm" in table["reason"][0]
