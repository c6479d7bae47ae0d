"""Windows of images: stated, from a lookup table, and the usual ones of a modality."""

from __future__ import annotations

import pytest
from dicom_files import counted, save, slice_dataset, write_series
from pydicom.dataset import Dataset

from napari_medai.io.read import read
from napari_medai.io.windows import presets


def test_a_lookup_table_gives_the_range_it_spreads(tmp_path):
    dataset = slice_dataset(counted((8, 8)))
    table = Dataset()
    table.add_new(0x00283002, "US", [200, 50, 8])
    table.add_new(0x00283006, "OW", bytes(range(200)))
    dataset.VOILUTSequence = [table]
    (image,) = read(save(dataset, tmp_path / "a.dcm"))
    assert image.meta["window"] == {"center": 150.0, "width": 200.0}


def test_the_stated_window_goes_first(tmp_path):
    (image,) = read(
        save(slice_dataset(counted((8, 8)), WindowCenter=[40, 1], WindowWidth=[80, 2]), tmp_path / "a")
    )
    assert image.meta["window"] == {"center": 40.0, "width": 80.0}


@pytest.mark.parametrize(("modality", "name"), [("CT", "lung"), ("CT", "bone"), ("PT", "uptake, SUV 0-10")])
def test_usual_windows_are_wide_enough_to_see(modality, name):
    centre, width = presets(modality)[name]
    assert width > 0
    assert centre - width / 2 < centre
    assert presets("MR") == {}


def test_every_window_of_a_scan_is_kept_with_its_name(tmp_path):
    folder = write_series(
        tmp_path, counted((3, 4, 5)), WindowCenter="40\\-600", WindowWidth="400\\1500",
        WindowCenterWidthExplanation="SOFT\\LUNG",
    )  # fmt: skip
    (image,) = read(folder)
    assert image.meta["window"] == {"center": 40.0, "width": 400.0}
    assert [dict(window) for window in image.meta["windows"]] == [
        {"name": "soft", "center": 40.0, "width": 400.0},
        {"name": "lung", "center": -600.0, "width": 1500.0},
    ]
