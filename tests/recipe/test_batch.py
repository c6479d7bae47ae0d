"""Batches: every case whole or not at all, errors told, nothing done twice, one run at a time."""

import csv
import errno
import json
import os
import sys

import numpy as np
import pytest
from small_scans import small_scan

from napari_medai import read, write
from napari_medai.core.errors import ArgumentError, WriteError
from napari_medai.core.progress import Cancelled
from napari_medai.recipe import Case, Recipe, find_cases, run, run_batch
from napari_medai.recipe.lock import locked


def contents(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if not p.name.startswith("."))


@pytest.fixture(params=[1, 2], ids=["in this process", "in two processes"])
def workers(request):
    return request.param


def test_each_case_gets_its_folder_with_what_the_recipe_keeps(tmp_path, blobs, scans, workers):
    out = tmp_path / "out"
    report = run_batch(blobs, find_cases(blobs, [scans]), out, workers=workers)
    assert [o.case for o in report.done] == ["p0", "p1", "p2", "p3"]
    assert contents(out / "p2") == ["case.json", "mask.nii.gz", "regions.csv"]
    expected = run(blobs, small_scan(2))
    np.testing.assert_array_equal(read(out / "p2" / "mask.nii.gz")[0].array, expected["mask"].array)


def test_the_summary_holds_the_measures_of_every_case(tmp_path, blobs, scans):
    (scans / "p9.nii").write_text("not an image")
    run_batch(blobs, find_cases(blobs, [scans]), tmp_path / "out", workers=1)
    with (tmp_path / "out" / "summary.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["case"] for row in rows] == ["p0", "p1", "p2", "p3", "p9"]
    expected = run(blobs, small_scan(1))["regions"]
    assert float(rows[1]["mean"]) == expected["mean"][0]
    assert int(rows[1]["voxels"]) == expected["voxels"][0]
    assert rows[4]["state"] == "failed"
    assert "holds text" in rows[4]["reason"]


def test_a_broken_case_is_told_and_the_others_go_on(tmp_path, blobs, scans, workers):
    (scans / "p1.nii.gz").write_bytes((scans / "p1.nii.gz").read_bytes()[:300])
    report = run_batch(blobs, find_cases(blobs, [scans]), tmp_path / "out", workers=workers)
    assert [o.case for o in report.done] == ["p0", "p2", "p3"]
    (failed,) = report.failed
    assert failed.case == "p1"
    assert "p1.nii.gz" in failed.reason
    assert not (tmp_path / "out" / "p1").exists()
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert [entry["state"] for entry in manifest["cases"]] == ["done", "failed", "done", "done"]


def test_a_second_run_does_only_what_is_left(tmp_path, blobs, scans):
    (scans / "p1.nii.gz").rename(tmp_path / "kept")
    (scans / "p1.nii.gz").write_text("broken")
    out = tmp_path / "out"
    run_batch(blobs, find_cases(blobs, [scans]), out, workers=1)
    before = {p: p.stat().st_mtime_ns for p in out.rglob("*.nii.gz")}
    (tmp_path / "kept").replace(scans / "p1.nii.gz")
    states = []
    report = run_batch(
        blobs, find_cases(blobs, [scans]), out, workers=1, state=lambda *event: states.append(event)
    )
    assert report.resumed == 3
    assert len(report.done) == 4
    assert ("p1", "running") in states
    assert [name for name, state in states if state == "running"] == ["p1"]
    assert all(p.stat().st_mtime_ns == time for p, time in before.items())


def test_what_is_missing_is_reported_and_not_run(tmp_path, blobs, scans):
    case = Case("lost", {}, ("the input image is missing",))
    report = run_batch(blobs, [case, *find_cases(blobs, [scans])[:1]], tmp_path / "out", workers=1)
    assert report.failed[0].reason == "the input image is missing."


def test_stopping_keeps_finished_cases_and_no_halves(tmp_path, blobs, scans, workers):
    done = []

    def heard(step):
        if len(done) >= 2:
            raise Cancelled

    def state(name, now):
        if now == "done":
            done.append(name)

    out = tmp_path / "out"
    with pytest.raises(Cancelled):
        run_batch(blobs, find_cases(blobs, [scans]), out, workers=workers, progress=heard, state=state)
    assert not list(out.glob(".partial-*"))
    finished = [p.parent.name for p in out.glob("*/case.json")]
    assert set(done) <= set(finished)
    assert len(finished) < 4
    assert len(run_batch(blobs, find_cases(blobs, [scans]), out, workers=1).done) == 4


def test_the_folder_of_another_batch_or_of_something_else_is_left_alone(tmp_path, blobs, scans):
    cases = find_cases(blobs, [scans])
    run_batch(blobs, cases, tmp_path / "out", workers=1)
    other = json.loads(json.dumps(blobs.to_json()))
    other["steps"][0]["options"]["sigma_mm"] = 3.0
    with pytest.raises(WriteError, match="another recipe"):
        run_batch(Recipe.from_json(other), cases, tmp_path / "out")
    with pytest.raises(WriteError, match="not empty"):
        run_batch(blobs, cases, scans)
    with pytest.raises(WriteError, match="no folder"):
        run_batch(blobs, cases, tmp_path / "a" / "b")


def test_two_runs_do_not_meet_in_one_folder(tmp_path, blobs, scans):
    out = tmp_path / "out"
    out.mkdir()
    with locked(out), pytest.raises(WriteError, match="Another run"):
        run_batch(blobs, find_cases(blobs, [scans]), out)
    assert len(run_batch(blobs, find_cases(blobs, [scans]), out, workers=1).done) == 4


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="permissions do not bind here")
def test_a_folder_without_permission_is_one_clear_error(tmp_path, blobs, scans):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o555)
    with pytest.raises(WriteError, match="cannot be written"):
        run_batch(blobs, find_cases(blobs, [scans]), closed / "out")


def test_a_refused_folder_is_one_clear_error(tmp_path, blobs, scans, monkeypatch):
    def refuse(self, *args, **kwargs):
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    cases = find_cases(blobs, [scans])
    monkeypatch.setattr("pathlib.Path.mkdir", refuse)
    with pytest.raises(WriteError, match="cannot be written: Permission denied"):
        run_batch(blobs, cases, tmp_path / "out")


def test_a_full_disk_is_told_for_its_case_and_leaves_no_half(tmp_path, blobs, scans, monkeypatch):
    original = write

    def full(image, path):
        if "p1" in str(path):
            path.write_bytes(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")
        return original(image, path)

    monkeypatch.setattr("napari_medai.io.write.write", full)
    report = run_batch(blobs, find_cases(blobs, [scans]), tmp_path / "out", workers=1)
    assert [o.reason for o in report.failed] == ["No space left on device"]
    assert not list((tmp_path / "out").glob(".partial-*"))
    assert not (tmp_path / "out" / "p1").exists()


def test_the_unexpected_in_one_case_says_where_it_happened(tmp_path, blobs, scans, monkeypatch):
    def broken(value, path):
        raise ZeroDivisionError("nobody thought of this")

    monkeypatch.setattr("napari_medai.recipe.one_case.write_value", broken)
    report = run_batch(blobs, find_cases(blobs, [scans])[:1], tmp_path / "out", workers=1)
    assert "Unexpected ZeroDivisionError at test_batch.py" in report.failed[0].reason


def test_a_recipe_that_cannot_run_makes_no_folder(tmp_path, blobs, scans):
    other = json.loads(json.dumps(blobs.to_json()))
    other["steps"][0]["operation"] = "no_such_thing"
    with pytest.raises(ArgumentError, match="no_such_thing"):
        run_batch(Recipe.from_json(other), find_cases(blobs, [scans]), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_no_worker_is_no_choice(tmp_path, blobs, scans):
    with pytest.raises(ArgumentError, match="workers=0"):
        run_batch(blobs, find_cases(blobs, [scans]), tmp_path / "out", workers=0)
