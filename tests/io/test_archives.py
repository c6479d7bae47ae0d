"""Archives and media: what lies in them is read, what is hostile in them is not."""

from __future__ import annotations

import gzip
import io
import tarfile
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from dicom_files import counted, save, slice_dataset, write_series
from pydicom.fileset import FileSet

from napari_medai.core.errors import ReadError
from napari_medai.io.describe import describe
from napari_medai.io.dicom.scan import scan
from napari_medai.io.read import read

VOLUME = counted((4, 5, 6))


def files_below(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.is_file())


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """A temporary folder of its own, empty again after every test."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    yield
    assert not list(place.iterdir())


def zipped(folder: Path, path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files_below(folder):
            archive.write(file, f"study/{file.relative_to(folder)}")
    return path


@pytest.fixture
def medium(tmp_path, monkeypatch):
    """A folder with a DICOMDIR and the files it lists."""

    class Staging:
        """A folder that pydicom may stage files in, without a warning when it forgets it."""

        def __init__(self) -> None:
            (tmp_path / "staging").mkdir(exist_ok=True)
            self.name = str(tmp_path / "staging")

        def cleanup(self) -> None:
            """Nothing to do: the files are small."""

    monkeypatch.setattr("pydicom.fileset.TemporaryDirectory", Staging)
    files = FileSet()
    for k, pixels in enumerate(VOLUME):
        place = (0, 0, 2 * k)
        files.add(
            slice_dataset(pixels, place, number=k + 1, StudyID="1", StudyDate="20200101", StudyTime="12")
        )
    files.write(tmp_path / "medium")
    return tmp_path / "medium"


def test_a_zipped_series_is_read_and_nothing_is_left_behind(tmp_path):
    path = zipped(write_series(tmp_path / "ct", VOLUME), tmp_path / "ct.zip")
    (image,), (row,) = read(path), describe(path)
    assert np.array_equal(image.array, VOLUME)
    assert row.file == "ct.zip/study"


def test_a_packed_tar_is_read(tmp_path):
    write_series(tmp_path / "ct", VOLUME)
    with tarfile.open(tmp_path / "ct.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "ct", "ct")
    assert np.array_equal(read(tmp_path / "ct.tar.gz")[0].array, VOLUME)


def test_a_packed_slice_is_read(tmp_path):
    path = save(slice_dataset(VOLUME[0]), tmp_path / "a.dcm")
    packed = tmp_path / "b.dcm.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert np.array_equal(read(packed)[0].array[0], VOLUME[0])


def test_a_scan_keeps_its_archive_open_until_it_is_dropped(tmp_path):
    from napari_medai.io.dicom.assemble import image_of

    path = zipped(write_series(tmp_path / "ct", VOLUME), tmp_path / "ct.zip")
    found = scan(path)
    assert np.array_equal(image_of(found.series[0].stacks[0]).array, VOLUME)
    del found


def test_a_zip_of_pictures_and_text_only_names_what_it_skips(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(ReadError, match=r"no image in a\.zip"):
        read(tmp_path / "a.zip")


@pytest.mark.parametrize(
    "name", ["../evil.dcm", "/etc/evil.dcm", "a/../../evil.dcm", "..\\evil.dcm", "C:/evil.dcm"]
)
def test_a_member_that_would_leave_the_folder_is_refused(tmp_path, name):
    data = save(slice_dataset(VOLUME[0]), tmp_path / "a.dcm").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(name, data)
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    before = files_below(tmp_path)
    for kind in ("a.zip", "a.tar"):
        with pytest.raises(ReadError, match="outside"):
            read(tmp_path / kind)
    assert files_below(tmp_path) == before


def test_links_in_a_tar_are_not_followed(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        info = tarfile.TarInfo("link.dcm")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(info)
    with pytest.raises(ReadError):
        read(tmp_path / "a.tar")


def test_a_bomb_is_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr("napari_medai.io.archive._ALWAYS_ALLOWED", 1 << 20)
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros.dcm", bytes(30 << 20))
    with pytest.raises(ReadError, match="far beyond its own size"):
        read(tmp_path / "bomb.zip")


@pytest.mark.parametrize("keep", [10, 100, -30])
def test_a_cut_archive_is_refused(tmp_path, keep):
    path = zipped(write_series(tmp_path / "ct", VOLUME), tmp_path / "ct.zip")
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ReadError):
        read(path)


def test_a_dicomdir_leads_to_its_files(medium):
    (image,) = read(medium / "DICOMDIR")
    assert np.array_equal(image.array, VOLUME)
    assert np.array_equal(read(medium)[0].array, VOLUME)


def test_a_dicomdir_without_its_files_is_refused(medium, tmp_path):
    alone = tmp_path / "alone" / "DICOMDIR"
    alone.parent.mkdir()
    alone.write_bytes((medium / "DICOMDIR").read_bytes())
    with pytest.raises(ReadError, match="none of which is there"):
        read(alone)


def test_a_loop_of_folders_ends(tmp_path):
    write_series(tmp_path / "ct", VOLUME)
    (tmp_path / "ct" / "again").symlink_to(tmp_path / "ct", target_is_directory=True)
    (image,) = read(tmp_path / "ct")
    assert np.array_equal(image.array, VOLUME)
