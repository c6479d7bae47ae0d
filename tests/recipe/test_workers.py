"""Processes side by side: never more than fit, and a dead one loses no case."""

import json
import os
from collections import deque
from pathlib import Path

import pytest

from napari_medai.core.memory import available_bytes
from napari_medai.core.progress import silent
from napari_medai.core.settings import set_source
from napari_medai.recipe import Case, Recipe, memory, workers
from napari_medai.recipe.execute import prepare
from napari_medai.recipe.gpus import gpus_for
from napari_medai.recipe.one_case import Job, Outcome, run_job
from napari_medai.recipe.workers import run_in_processes, visible_gpu


def job(name, folder, size=0):
    path = folder / f"{name}.raw"
    path.write_bytes(bytes(size))
    return Job(Case(name, {"image": str(path)}), "{}", str(folder))


def watched(jobs, count, budget, monkeypatch):
    """Run jobs that do nothing and return how many ran at once, at most."""
    running, most = set(), [0]

    def started(name):
        running.add(name)
        most[0] = max(most[0], len(running))

    monkeypatch.setattr(workers, "_work", linger)
    for outcome in run_in_processes(jobs, count, budget, silent, started):
        running.discard(outcome.case)
    return most[0]


def say_which_gpu(pipe, threads, preferred, variables):
    """A worker that tells which processor it sees, and dies once at the case "unlucky"."""
    while True:
        try:
            given = pipe.recv()
        except EOFError:
            return
        mark = Path(given.out) / f"{given.case.name}.seen"
        if given.case.name == "unlucky" and not mark.exists():
            mark.touch()
            os._exit(9)
        pipe.send(Outcome(given.case.name, "done", reason=variables.get("CUDA_VISIBLE_DEVICES", "all")))


def linger(pipe, *_):
    """A worker that takes a while and does nothing."""
    import time

    while True:
        try:
            given = pipe.recv()
        except EOFError:
            return
        time.sleep(0.3)
        pipe.send(Outcome(given.case.name, "done"))


def die(pipe, *_):
    """A worker that is killed when it gets the case "deadly", and once at the case "unlucky"."""
    while True:
        try:
            given = pipe.recv()
        except EOFError:
            return
        mark = Path(given.out) / f"{given.case.name}.seen"
        first = not mark.exists()
        mark.touch()
        if given.case.name == "deadly" or (given.case.name == "unlucky" and first):
            os._exit(9)
        pipe.send(Outcome(given.case.name, "done"))


@pytest.mark.parametrize(("cases_that_fit", "expected"), [(1, 1), (2, 2), (9, 3)])
def test_no_more_cases_run_than_fit_in_memory(tmp_path, monkeypatch, cases_that_fit, expected):
    jobs = [job(f"c{k}", tmp_path, 1000) for k in range(6)]
    budget = int((cases_that_fit + 0.5) * memory.estimate_bytes(jobs[0].case.inputs.values()))
    assert watched(jobs, 3, budget, monkeypatch) == expected


def test_a_case_larger_than_the_memory_runs_alone(tmp_path, monkeypatch):
    jobs = [job("large", tmp_path, 100_000), job("next", tmp_path, 100_000)]
    assert watched(jobs, 2, 1000, monkeypatch) == 1


def test_a_process_that_dies_loses_no_case(tmp_path, monkeypatch):
    monkeypatch.setattr(workers, "_work", die)
    jobs = [job(name, tmp_path) for name in ("a", "unlucky", "b", "deadly", "c")]
    outcomes = {o.case: o for o in run_in_processes(jobs, 2, 10**12, silent, lambda _: None)}
    assert {name for name, o in outcomes.items() if o.state == "done"} == {"a", "b", "c", "unlucky"}
    assert "died twice" in outcomes["deadly"].reason


def test_what_a_case_took_is_learned():
    pool = workers._Pool(deque(), 2, 10**12, lambda _: None)
    given = Job(Case("x", {"image": __file__}), "{}", "")
    before = pool._expected(given)
    pool._learn(given, Outcome("x", "done", peak_bytes=memory.BASE + 10**9))
    assert pool._expected(given) > memory.BASE + 10**9 > before


def test_memory_figures_are_of_this_machine():
    assert 10**8 < available_bytes() < 10**14
    assert memory.peak_bytes() > 10**7


def test_a_compressed_file_counts_more(tmp_path):
    for name in ("a.nii", "a.nii.gz"):
        (tmp_path / name).write_bytes(bytes(1000))
    assert memory.input_bytes(str(tmp_path / "a.nii")) == 1000
    assert memory.input_bytes(str(tmp_path / "a.nii.gz")) == 3000
    assert memory.input_bytes(str(tmp_path)) == 2000
    assert memory.input_bytes((str(tmp_path / "a.nii"), "#2")) == 1000
    assert memory.input_bytes(str(tmp_path / "none.nii")) == 0


def test_a_case_that_another_run_finished_is_not_done_again(tmp_path, blobs, scans):
    given = Job(Case("p0", {"image": str(scans / "p0.nii.gz")}), json.dumps(blobs.to_json()), str(tmp_path))
    first = run_job(given)
    stamp = (tmp_path / "p0" / "mask.nii.gz").stat().st_mtime_ns
    assert run_job(given).files == first.files
    assert (tmp_path / "p0" / "mask.nii.gz").stat().st_mtime_ns == stamp


def test_settings_of_the_viewer_hold_in_other_processes(tmp_path):
    """A process begins with the environment alone; the name of the user's model shows that it was told."""
    mine = tmp_path / "models" / "my-own-model"
    mine.mkdir(parents=True)
    (mine / "model.json").write_text("{}")
    (tmp_path / "out").mkdir()
    recipe = {
        "schema": "napari-medai/recipe/1",
        "inputs": {"image": {"kind": "intensity"}},
        "steps": [
            {
                "id": "a",
                "operation": "predict_labels",
                "inputs": {"image": "image"},
                "options": {"model": "none"},
            }
        ],
    }
    given = Job(Case("x", {"image": __file__}), json.dumps(recipe), str(tmp_path / "out"))
    set_source("the test", lambda: {"models": str(tmp_path / "models")})
    try:
        (outcome,) = run_in_processes([given], 1, 10**12, silent, lambda _: None)
    finally:
        set_source("the test", None)
    assert "my-own-model" in outcome.reason


def a_step(name, **options):
    entry = {
        "schema": "napari-medai/recipe/1",
        "inputs": {"image": {"kind": "intensity"}},
        "steps": [{"id": "a", "operation": name, "inputs": {"image": "image"}, "options": options}],
    }
    return prepare(Recipe.from_json(entry))


@pytest.mark.parametrize(
    ("device", "resolved", "count", "expected"),
    [
        ("auto", "cuda", 2, ("cuda:0", "cuda:1")),
        ("auto", "cpu", 0, ()),
        ("auto", "mps", 0, ("mps",)),
        ("cuda:1", "cuda:1", 2, ("cuda:1",)),
        ("cuda", "cuda", 1, ("cuda:0",)),
    ],
)
def test_the_gpus_of_a_recipe_are_those_its_networks_would_take(device, resolved, count, expected):
    asked = []
    steps = a_step("predict_labels", model="phantom-3d", device=device)
    found = gpus_for(steps, lambda name: asked.append(name) or resolved, lambda: count)
    assert found == expected
    assert asked == [device]


def test_a_recipe_without_networks_asks_for_no_gpu():
    assert gpus_for(a_step("threshold_otsu"), resolve=lambda _: pytest.fail("asked")) == ()


def test_each_process_sees_a_gpu_of_its_own_and_there_are_no_more_than_gpus(tmp_path, monkeypatch):
    monkeypatch.setattr(workers, "_work", say_which_gpu)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    jobs = [job(name, tmp_path) for name in ("a", "b", "unlucky", "c", "d", "e")]
    running, most = set(), 0

    def started(name):
        nonlocal most
        running.add(name)
        most = max(most, len(running - {"unlucky"}))

    seen = {}
    for outcome in run_in_processes(jobs, 8, 10**12, silent, started, ("cuda:0", "cuda:1")):
        running.discard(outcome.case)
        seen[outcome.case] = outcome.reason
    assert most == 2
    assert set(seen) == {"a", "b", "c", "d", "e", "unlucky"}
    assert set(seen.values()) == {"0", "1"}  # also after one process died: its processor is free again


def test_a_process_that_sees_some_gpus_shares_out_those():
    assert visible_gpu("cuda:1", {"CUDA_VISIBLE_DEVICES": "2,5"}) == {"CUDA_VISIBLE_DEVICES": "5"}
    assert visible_gpu("cuda:1", {}) == {"CUDA_VISIBLE_DEVICES": "1"}
    assert visible_gpu("mps", {}) == {}
    assert visible_gpu("", {}) == {}
