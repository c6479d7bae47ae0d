"""Writing reports, and a cancelled write leaves what was there before."""

from __future__ import annotations

import numpy as np
import pytest
from dicom_files import counted

from napari_medai import Geometry, MedicalImage
from napari_medai.core.errors import Cancelled
from napari_medai.io.read import read
from napari_medai.io.write import write

GRID = Geometry.from_spacing((30, 6, 7), (2.0, 0.5, 0.75))
IMAGE = MedicalImage(counted(GRID.shape), "zyx", GRID, name="made")


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.nrrd", "a.mha", "a.tif", "folder"])
@pytest.mark.parametrize("when", ["first", "last"])
def test_a_cancelled_write_leaves_the_old_file_and_nothing_else(tmp_path, name, when):
    if name != "folder":
        (tmp_path / name).write_bytes(b"old")
    steps = []
    write(IMAGE, tmp_path / f"whole-{name}", progress=steps.append)
    assert steps[-1].fraction == 1
    stop = 1 if when == "first" else len(steps)
    before = sorted(path.name for path in tmp_path.iterdir())
    heard = []

    def cancel(step):
        heard.append(step)
        if len(heard) == stop:
            raise Cancelled

    with pytest.raises(Cancelled):
        write(IMAGE, tmp_path / name, progress=cancel)
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    if name != "folder":
        assert (tmp_path / name).read_bytes() == b"old"


@pytest.mark.parametrize("name", ["a.nii.gz", "folder"])
def test_formats_written_by_slices_report_every_slice(tmp_path, name):
    steps = []
    write(IMAGE, tmp_path / name, progress=steps.append)
    assert len(steps) >= len(IMAGE.array)


def test_a_lazy_image_is_written_slice_by_slice(tmp_path):
    import dask.array as da

    computed = []

    def block(values):
        computed.append(values.shape)
        return values

    lazy = da.from_array(np.asarray(IMAGE.array), chunks=(1, 6, 7)).map_blocks(
        block, dtype=np.int16, meta=np.empty((0, 0, 0), np.int16)
    )
    write(IMAGE.with_array(lazy), tmp_path / "a.nii.gz")
    assert computed == [(1, 6, 7)] * 30
    assert np.array_equal(read(tmp_path / "a.nii.gz")[0].array, IMAGE.array)
