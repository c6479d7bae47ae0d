"""Images written as DICOM slices come back in place and value."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest
from dicom_files import counted, write_series
from dicom_truth import check
from grids import geometries
from hypothesis import given, settings

from napari_medai import Geometry, MedicalImage
from napari_medai.core.errors import WriteError
from napari_medai.io.read import read
from napari_medai.io.write import write

GRID = Geometry.from_spacing((4, 5, 6), (2.0, 0.5, 0.75), (-10, 20, 300))


@given(grid=geometries())
@settings(max_examples=25)
def test_any_box_grid_comes_back_voxel_by_voxel(tmp_path_factory, grid):
    image = MedicalImage(counted(grid.shape), "zyx", grid, name="made")
    folder = write(image, tmp_path_factory.mktemp("out") / "series")
    (back,) = read(folder)
    assert check(folder, [back], pixels=3) == grid.shape[0]
    for index in np.argwhere(np.asarray(image.array) % 17 == 3)[:20]:
        place = back.geometry.world_to_index(grid.index_to_world(index))
        assert np.abs(place - np.rint(place)).max() < 1e-3
        assert back.array[tuple(np.rint(place).astype(int))] == image.array[tuple(index)]


def test_a_time_series_and_a_colour_series_come_back(tmp_path):
    moving = MedicalImage(counted((3, 4, 5, 6)), "tzyx", GRID, name="t")
    colour = MedicalImage(counted((4, 5, 6, 3), "uint8"), "zyxs", GRID, name="s")
    for image in (moving, colour):
        (back,) = read(write(image, tmp_path / image.name))
        assert back.axes == image.axes
        assert np.array_equal(back.array, image.array)
        assert back.geometry.is_close(GRID)


def test_float_values_come_back_within_half_a_step_of_16_bits(tmp_path):
    values = np.random.default_rng(0).normal(0, 500, (4, 5, 6)).astype(np.float32)
    (back,) = read(write(MedicalImage(values, "zyx", GRID), tmp_path / "f"))
    assert np.abs(back.array - values).max() <= np.ptp(values) / 65535 / 2 * 1.01


def test_a_derived_series_belongs_to_the_patient_and_study_of_its_source(tmp_path):
    source = write_series(tmp_path / "ct", counted((4, 5, 6)))
    (image,) = read(source)
    folder = write(image.with_array(image.array + 1, name="plus one"), tmp_path / "out", reference=source)
    made, old = pydicom.dcmread(folder / "00001.dcm"), pydicom.dcmread(source / "0000.dcm")
    assert (made.PatientID, made.StudyInstanceUID) == (old.PatientID, old.StudyInstanceUID)
    assert made.SeriesInstanceUID != old.SeriesInstanceUID
    assert made.ImageType[0] == "DERIVED"
    assert np.array_equal(read(folder)[0].array, image.array + 1)


def test_without_a_source_nobody_is_named(tmp_path):
    folder = write(MedicalImage(counted((4, 5, 6)), "zyx", GRID), tmp_path / "out")
    assert str(pydicom.dcmread(folder / "00001.dcm").PatientName) == ""


def test_an_image_in_pixels_is_refused(tmp_path):
    with pytest.raises(WriteError, match="in mm"):
        write(MedicalImage(counted((4, 5, 6)), "zyx", Geometry.from_spacing((4, 5, 6))), tmp_path / "out")
    assert not list(tmp_path.iterdir())
