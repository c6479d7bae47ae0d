"""Series over the memory limit: Dask arrays with the same values, read slice by slice."""

from __future__ import annotations

import numpy as np
import pytest
from dicom_files import counted, write_series

from napari_medai.io.dicom import lazy
from napari_medai.io.read import read

VOLUME = counted((5, 6, 7), "uint16")


def both(folder):
    (now,), (later,) = read(folder), read(folder, memory_limit_gb=0)
    assert isinstance(now.array, np.ndarray)
    assert hasattr(later.array, "dask")
    assert (now.axes, now.name, dict(now.meta)) == (later.axes, later.name, dict(later.meta))
    assert now.geometry == later.geometry
    assert np.array_equal(now.array, np.asarray(later.array))
    return now, later


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"RescaleSlope": 1, "RescaleIntercept": -1024},
        {"RescaleSlope": [0.5, 1.0, 1.5, 2.0, 2.5], "RescaleIntercept": 0.25},
        {"positions": np.array([[0, 0, z] for z in (0.0, 2.0, 6.0, 8.0, 10.0)])},
        {"ImagePositionPatient": None},
    ],
    ids=["plain", "offset", "scaled", "gap", "unplaced"],
)
def test_values_grid_and_meta_are_the_same(tmp_path, options):
    if "ImagePositionPatient" in options:
        for now, later in zip(
            read(write_series(tmp_path, VOLUME, **options)), read(tmp_path, memory_limit_gb=0), strict=True
        ):
            assert np.array_equal(now.array, np.asarray(later.array))
        return
    both(write_series(tmp_path, VOLUME, **options))


def test_colours_and_time_are_the_same(tmp_path):
    both(write_series(tmp_path / "rgb", counted((3, 4, 5, 3), "uint8")))
    for t in range(3):
        names = [f"{t}{k}" for k in range(5)]
        write_series(tmp_path / "4d", VOLUME + t, names=names, TemporalPositionIdentifier=t + 1)
    both(tmp_path / "4d")


def test_only_the_slice_looked_at_is_read(tmp_path, monkeypatch):
    read_files = []

    def watched(frame):
        read_files.append(frame.header.shown)
        return original(frame)

    original = lazy.stored_frame
    (image,) = read(write_series(tmp_path, VOLUME), memory_limit_gb=0)
    monkeypatch.setattr(lazy, "stored_frame", watched)
    assert np.array_equal(np.asarray(image.array[3]), VOLUME[3])
    assert read_files == ["0003.dcm"]


@pytest.mark.data
@pytest.mark.parametrize(
    "name", ["generic/compressed_j2k/001", "siemens/fmri/001", "philips_enhanced/fmri/001", "generic/rgb/001"]
)
def test_real_series_are_the_same(real_data, name):
    folder = real_data / "io" / "dicom2nifti" / name
    if not folder.is_dir():
        pytest.skip("no folder io/dicom2nifti in NAPARI_MEDAI_DATA")
    both(folder)
