"""What goes wrong on the command line: one readable line, the right exit code, nothing written."""

import errno
import gzip
import struct
import subprocess
import sys

import numpy as np
import pydicom
import pytest
from made_dicom import write_dicom

from napari_medai import catalog, read
from napari_medai.cli.app import commands
from napari_medai.cli.failure import guarded


def empty_folder(folder):
    (folder / "empty").mkdir()
    return folder / "empty", "empty"


def text_named_nii(folder):
    (folder / "notes.nii").write_text("Dear colleague, ...\n" * 40)
    return folder / "notes.nii", "holds text"


def truncated_nii_gz(folder):
    from small_scans import small_scan

    from napari_medai import write

    whole = write(small_scan(), folder / "cut.nii.gz").read_bytes()
    (folder / "cut.nii.gz").write_bytes(whole[: len(whole) // 2])
    return folder / "cut.nii.gz", "cut.nii.gz"


def terabyte_header(folder):
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, 10_000, 10_000, 10_000, 1, 1, 1, 1)
    struct.pack_into("<hh", header, 70, 16, 32)
    struct.pack_into("<8f", header, 76, 1, 1, 1, 1, 0, 0, 0, 0)
    struct.pack_into("<f", header, 108, 352)
    header[344:348] = b"n+1\0"
    with gzip.open(folder / "huge.nii.gz", "wb") as file:
        file.write(bytes(header) + bytes(1000))
    return folder / "huge.nii.gz", "huge.nii.gz"


def dicom_without_pixels(folder):
    write_dicom(folder, 0)
    data = pydicom.dcmread(folder / "0.dcm")
    del data.PixelData
    data.save_as(folder / "0.dcm")
    return folder / "0.dcm", "0.dcm"


def missing_file(folder):
    return folder / "nowhere.nii.gz", "nowhere.nii.gz"


BAD = [empty_folder, text_named_nii, truncated_nii_gz, terabyte_header, dicom_without_pixels, missing_file]


@pytest.mark.parametrize("make", BAD, ids=lambda f: f.__name__)
def test_bad_input_is_one_line_and_nothing_is_written(tmp_path, command, make):
    path, finding = make(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    said = command("smooth-gaussian", path, "--output", tmp_path / "out.nii.gz")
    assert said.code == 2
    assert said.err.startswith("napari-medai: ")
    assert said.err.count("\n") == 1
    assert finding in said.err
    assert "Traceback" not in said.err
    assert said.out == ""
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    "make", [empty_folder, text_named_nii, dicom_without_pixels, missing_file], ids=lambda f: f.__name__
)
def test_info_on_bad_input_says_why_and_ends_with_2(tmp_path, command, make):
    path, _ = make(tmp_path)
    said = command("info", path)
    assert said.code == 2
    assert said.err.startswith("napari-medai: ")
    assert said.err.count("\n") == 1


def test_bad_input_to_the_installed_program(tmp_path):
    path, _ = text_named_nii(tmp_path)
    words = [sys.executable, "-m", "napari_medai.cli", "smooth-gaussian", path, "-o", tmp_path / "out.nii.gz"]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    shown = subprocess.run([*words, "--debug"], capture_output=True, text=True)
    assert shown.returncode == 1
    assert "Traceback" in shown.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["notes.nii"]


def test_an_output_is_replaced_only_when_asked(tmp_path, scan, command):
    out = tmp_path / "out.nii.gz"
    out.write_bytes(b"precious")
    said = command("smooth-gaussian", scan, "-o", out)
    assert said.code == 2
    assert "--force" in said.err
    assert out.read_bytes() == b"precious"
    assert command("smooth-gaussian", scan, "-o", out, "--force").code == 0
    assert read(out)[0].history[-1].operation == "smooth_gaussian"


def test_an_output_without_folder_or_with_an_unknown_suffix_is_refused(tmp_path, scan, command):
    assert "no folder" in command("smooth-gaussian", scan, "-o", tmp_path / "no" / "out.nii.gz").err
    assert "suffix" in command("smooth-gaussian", scan, "-o", tmp_path / "out.xyz").err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["scan.nii.gz"]


def test_a_full_disk_leaves_nothing_half_written(tmp_path, scan, command, monkeypatch):
    def full(image, path):
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device", str(path.name))

    monkeypatch.setattr("napari_medai.io.write.write", full)
    said = command("smooth-gaussian", scan, "-o", tmp_path / "out.nii.gz")
    assert said.code == 2
    assert "No space left on device" in said.err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["scan.nii.gz"]


def test_the_unexpected_is_told_with_the_way_to_see_more(tmp_path, scan, command, monkeypatch):
    def broken(**_):
        raise ZeroDivisionError("nobody thought of this")

    monkeypatch.setitem(vars(catalog.find("smooth_gaussian")), "function", broken)
    words = ["smooth-gaussian", str(scan), "-o", str(tmp_path / "out.nii.gz")]
    said = command(*words)
    assert said.code == 1
    assert "ZeroDivisionError: nobody thought of this" in said.err
    assert "--debug" in said.err
    with pytest.raises(ZeroDivisionError):
        guarded(commands, [*words, "--debug"])


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["smooth-gausian"], "Did you mean smooth-gaussian?"),
        (["nonsense-xyzzy"], "list"),
        (["smooth-gaussian", "x.nii", "-o", "y.nii", "--sigm-mm", "1"], "--sigma-mm"),
        (["smooth-gaussian"], "IMAGE"),
        (["smooth-gaussian", "x.nii"], "--output"),
        (["run"], "RECIPE"),
    ],
)
def test_a_slip_of_the_pen_is_one_line_with_the_remedy(command, words, hint):
    said = command(*words)
    assert said.code == 2
    assert said.err.count("\n") == 1
    assert hint in said.err


@pytest.mark.parametrize("value", ["-1", "much", "1e9", "nan"])
def test_a_value_out_of_range_is_refused_before_the_image_is_read(tmp_path, command, value):
    said = command("smooth-gaussian", tmp_path / "never.nii", "-o", tmp_path / "o.nii", f"--sigma-mm={value}")
    assert said.code == 2
    assert "sigma_mm" in said.err


def test_a_reader_that_has_left_is_no_error():
    words = f"{sys.executable} -m napari_medai.cli list | head -1"
    done = subprocess.run(["bash", "-c", f"set -o pipefail; {words}"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.count("\n") == 1


def test_a_damaged_value_in_labels_is_refused(tmp_path, scan, command):
    said = command("measure-regions", scan, scan)
    assert said.code == 2
    assert "whole numbers" in said.err
    assert np.asarray(read(scan)[0].array).dtype == np.float32
