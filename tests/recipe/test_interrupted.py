"""Two hundred cases, three of them broken, killed halfway: none lost, none done twice, no half files."""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from small_scans import small_scan

from napari_medai import read, write
from napari_medai.recipe import save

COUNT, BROKEN = 200, ("p007", "p100", "p199")

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")]


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """A folder with 200 small phantoms, three of them damaged in three ways."""
    folder = tmp_path_factory.mktemp("many")
    for number in range(COUNT):
        write(small_scan(number), folder / f"p{number:03d}.nii.gz")
    text, cut, empty = (folder / f"{name}.nii.gz" for name in BROKEN)
    text.write_text("not an image")
    cut.write_bytes(cut.read_bytes()[:5000])
    empty.write_bytes(b"")
    return folder


def finished(out):
    return {p.parent.name for p in out.glob("p*/case.json")}


def test_killed_halfway_and_started_again(many, blobs, tmp_path):
    recipe, out = save(blobs, tmp_path / "blobs.yaml"), tmp_path / "out"
    words = [sys.executable, "-m", "napari_medai.cli", "run", recipe, many, "-o", out, "--workers", "2"]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as first:
        deadline = time.monotonic() + 300
        while len(finished(out)) < COUNT // 2:
            assert first.poll() is None, "the batch ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.01)
        os.kill(first.pid, signal.SIGKILL)
    wait_for_workers(out)
    before = {p: p.stat().st_mtime_ns for name in finished(out) for p in (out / name).iterdir()}
    assert COUNT // 2 <= len(finished(out)) < COUNT - len(BROKEN)

    second = subprocess.run(words, capture_output=True, text=True)
    assert second.returncode == 3, second.stderr
    assert second.stdout.startswith("197 done (")
    assert "3 failed" in second.stdout
    assert all(f"{name} failed: " in second.stderr for name in BROKEN)
    assert {p: p.stat().st_mtime_ns for p in before} == before, "a case was done twice"
    check_whole(out)


def wait_for_workers(out):
    """Wait until no worker of the killed run still writes: they leave when their parent is gone."""
    seen = None
    while seen != (seen := sorted(p.name for p in out.iterdir())):
        time.sleep(1)


def check_whole(out):
    names = {p.name for p in out.iterdir() if not p.name.startswith(".")}
    cases = {f"p{number:03d}" for number in range(COUNT)} - set(BROKEN)
    assert names == cases | {"recipe.yaml", "manifest.json", "summary.csv"}
    assert not list(out.glob(".partial-*"))
    for name in cases:
        assert {p.name for p in (out / name).iterdir()} == {"case.json", "mask.nii.gz", "regions.csv"}
        assert np.count_nonzero(read(out / name / "mask.nii.gz")[0].array) > 100
    manifest = json.loads((out / "manifest.json").read_text())
    states = [entry["state"] for entry in manifest["cases"]]
    assert (states.count("done"), states.count("failed")) == (197, 3)
    with (out / "summary.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == COUNT
    assert [row["case"] for row in rows if row["state"] == "failed"] == list(BROKEN)
