"""A real scheduler and two workers: every case ends right, also when a worker is killed."""

import json
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
from small_scans import small_scan

from napari_medai import read, write
from napari_medai.core.errors import ArgumentError, MedAIError
from napari_medai.recipe import find_cases, run, run_batch

pytest.importorskip("distributed", reason="needs the extra [cluster]")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning:distributed"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # dask leaves sockets to the collector
]
COUNT = 24


@pytest.fixture
def cluster(tmp_path):
    """The address of a scheduler with two workers, each a process of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    log = (tmp_path / "dask.log").open("w")
    common = {"stdout": log, "stderr": log, "cwd": tmp_path}
    dask = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--no-dashboard"]
    processes = [subprocess.Popen([*dask, "--port", address.rpartition(":")[2]], **common)]
    worker = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--no-nanny", "--nthreads", "1"]
    processes += [subprocess.Popen([*worker, "--no-dashboard", "--name", f"w{k}"], **common) for k in (0, 1)]
    try:
        wait_for_workers(address, 2)
        yield address, processes[1:]
    finally:
        for process in reversed(processes):
            process.kill()
            process.wait()
        log.close()


def wait_for_workers(address, count):
    from distributed import Client

    deadline = time.monotonic() + 60
    while True:
        try:
            with Client(address, timeout=5, set_as_default=False) as client:
                client.wait_for_workers(count, timeout=60)
                return
        except OSError:
            assert time.monotonic() < deadline


@pytest.fixture
def scans(tmp_path):
    folder = tmp_path / "scans"
    folder.mkdir()
    for number in range(COUNT):
        write(small_scan(number), folder / f"p{number:02d}.nii.gz")
    (folder / "p05.nii.gz").write_text("broken")
    return folder


def test_one_worker_killed_during_the_run_loses_no_case(tmp_path, blobs, scans, cluster):
    address, workers = cluster
    killed = []

    def state(name, now):
        if now == "done" and not killed:
            workers[0].kill()
            killed.append(name)

    out = tmp_path / "out"
    report = run_batch(blobs, find_cases(blobs, [scans]), out, scheduler=address, state=state)
    assert killed
    assert len(report.done) == COUNT - 1
    assert [o.case for o in report.failed] == ["p05"]
    for number in (0, 11, COUNT - 1):
        expected = run(blobs, small_scan(number))["mask"].array
        np.testing.assert_array_equal(read(out / f"p{number:02d}" / "mask.nii.gz")[0].array, expected)
    assert not list(out.glob(".partial-*"))
    manifest = json.loads((out / "manifest.json").read_text())
    assert len(manifest["cases"]) == COUNT


def test_a_scheduler_that_is_not_there_is_one_clear_error(tmp_path, blobs, scans, monkeypatch):
    monkeypatch.setattr("napari_medai.recipe.cluster._CONNECT_S", 1)
    with pytest.raises(MedAIError, match="No scheduler answers at tcp://127"):
        run_batch(blobs, find_cases(blobs, [scans]), tmp_path / "out", scheduler="tcp://127.0.0.1:1")
    with pytest.raises(ArgumentError, match="no scheduler file"):
        run_batch(blobs, find_cases(blobs, [scans]), tmp_path / "out", scheduler=str(tmp_path / "s.json"))


def test_without_distributed_the_install_line_is_given(tmp_path, blobs, scans, monkeypatch):
    monkeypatch.setattr("napari_medai.recipe.cluster.find_spec", lambda name: None)
    with pytest.raises(MedAIError, match=r"napari-medai\[cluster\]"):
        run_batch(blobs, find_cases(blobs, [scans]), tmp_path / "out", scheduler="tcp://127.0.0.1:1")
