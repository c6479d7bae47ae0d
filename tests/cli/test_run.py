"""``napari-medai run``: cases listed, run, told; the exit code says how it went."""

import errno
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import yaml
from small_scans import small_scan

from napari_medai import read, write
from napari_medai.recipe import Recipe, save


@pytest.fixture
def recipe(tmp_path):
    """A recipe file of one step."""
    step = {"id": "mask", "operation": "threshold_otsu", "inputs": {"image": "image"}}
    entry = {"schema": "napari-medai/recipe/1", "inputs": {"image": {}}, "steps": [step]}
    return save(Recipe.from_json(entry), tmp_path / "r.yaml")


@pytest.fixture
def scans(tmp_path):
    folder = tmp_path / "scans"
    folder.mkdir()
    for number in range(2):
        write(small_scan(number), folder / f"p{number}.nii.gz")
    return folder


def test_all_done_is_0_and_some_failed_is_3(tmp_path, recipe, scans, command):
    said = command("run", recipe, scans, "-o", tmp_path / "out", "--workers", "1")
    assert said.code == 0
    assert said.out.startswith("2 done, 0 failed.")
    (scans / "p2.nii").write_text("broken")
    said = command("run", recipe, scans, "-o", tmp_path / "out", "--workers", "1")
    assert said.code == 3
    assert said.out.startswith("2 done (2 were done before), 1 failed.")
    assert said.err.startswith("napari-medai: p2 failed: p2.nii is named like NIfTI but holds text.")
    assert said.err.count("\n") == 1


def test_a_dry_run_lists_cases_and_what_is_missing_and_writes_nothing(tmp_path, recipe, scans, command):
    before = sorted(tmp_path.rglob("*"))
    said = command("run", recipe, scans, scans / "gone.nii", "--dry-run")
    assert said.code == 3
    assert [line.split()[0] for line in said.out.splitlines()] == ["p0", "p1", "gone", "missing:"]
    assert "3 cases, 2 complete" in said.err
    assert sorted(tmp_path.rglob("*")) == before
    assert command("run", recipe, scans, "--dry-run").code == 0


@pytest.mark.parametrize(
    ("words", "finding"),
    [
        (["gone.yaml", "SCANS", "-o", "OUT"], "no recipe gone.yaml"),
        (["RECIPE", "nowhere", "-o", "OUT", "--match", "imag=*"], "Did you mean image?"),
        (["RECIPE", "SCANS", "-o", "OUT", "--match", "image"], "needed NAME=PATTERN"),
        (["RECIPE", "SCANS"], "--output"),
        (["RECIPE", "SCANS", "-o", "SCANS"], "not empty"),
        (["RECIPE", "SCANS", "-o", "OUT", "--workers", "0"], "workers=0"),
        (["RECIPE", "SCANS", "-o", "OUT", "--scheduler", "nowhere.json"], "scheduler file"),
    ],
)
def test_what_cannot_begin_is_2_and_one_line(tmp_path, recipe, scans, command, words, finding):
    places = {"RECIPE": recipe, "SCANS": scans, "OUT": tmp_path / "out"}
    said = command("run", *(places.get(word, word) for word in words))
    assert said.code == 2
    assert finding in said.err
    assert said.err.count("\n") == 1


def test_a_result_file_gives_the_recipe_that_makes_it_again(tmp_path, scans, command):
    scan, smooth, mask = scans / "p0.nii.gz", tmp_path / "s.nii.gz", tmp_path / "m.nii.gz"
    assert command("smooth-gaussian", scan, "-o", smooth, "--sigma-mm", "1.5").code == 0
    assert command("threshold-otsu", smooth, "-o", mask).code == 0
    saved = tmp_path / "again.yaml"
    assert command("recipe", mask, "-o", saved, "--name", "bright").code == 0
    assert command("recipe", mask, "--name", "bright").out == saved.read_text()
    assert command("run", saved, scan, "-o", tmp_path / "out", "--workers", "1").code == 0
    again = read(tmp_path / "out" / "p0" / "threshold_otsu.nii.gz")[0]
    np.testing.assert_array_equal(again.array, read(mask)[0].array)
    assert "no history" in command("recipe", scan).err


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("workers", ["1", "2"])
def test_ctrl_c_keeps_the_finished_cases_and_says_how_to_go_on(tmp_path, recipe, scans, workers):
    for number in range(2, 60):
        write(small_scan(number), scans / f"p{number:02d}.nii.gz")
    out = tmp_path / "out"
    words = [sys.executable, "-m", "napari_medai.cli", "run", recipe, scans, "-o", out, "--workers", workers]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(words, start_new_session=True, **pipes) as process:
        while not list(out.glob("*/case.json")):
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)
        said, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert err.count("\n") == 1
    assert "The same command goes on." in err
    assert said == ""
    assert not list(out.glob(".partial-*"))
    assert subprocess.run(words, capture_output=True).returncode == 0


def unknown_operation(entry):
    entry["steps"][0]["operation"] = "smoth_gaussian"
    return "Did you mean smooth_gaussian?"


def out_of_range(entry):
    entry["steps"][0].update(operation="smooth_gaussian", options={"sigma_mm": -1})
    return "sigma_mm"


def model_not_installed(entry):
    step = {"operation": "predict_labels", "options": {"model": "nobodys-model@1.0.0"}}
    entry["steps"][0].update(step)
    return "nobodys-model"


def unknown_key(entry):
    entry["outptus"] = ["mask"]
    return "outputs"


@pytest.mark.parametrize(
    "spoil", [unknown_operation, out_of_range, model_not_installed, unknown_key], ids=lambda f: f.__name__
)
@pytest.mark.parametrize("more", [[], ["--dry-run"]], ids=["run", "dry"])
def test_a_recipe_that_cannot_run_is_2_and_one_line_and_nothing_written(
    tmp_path, recipe, scans, command, spoil, more
):
    entry = yaml.safe_load(recipe.read_text())
    finding = spoil(entry)
    recipe.write_text(yaml.safe_dump(entry))
    before = sorted(tmp_path.rglob("*"))
    said = command("run", recipe, scans, "-o", tmp_path / "out", *more)
    assert said.code == 2
    assert finding in said.err
    assert said.err.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


def label_recipe(recipe):
    entry = yaml.safe_load(recipe.read_text())
    entry["inputs"]["image"]["kind"] = "labels"
    entry["steps"] = [{"id": "parts", "operation": "label_components", "inputs": {"labels": "image"}}]
    entry["outputs"] = ["parts"]
    recipe.write_text(yaml.safe_dump(entry))


def test_inputs_of_the_wrong_kind_are_2_and_one_line_and_nothing_written(tmp_path, recipe, scans, command):
    label_recipe(recipe)
    said = command("run", recipe, scans, "-o", tmp_path / "out", "--workers", "1")
    assert said.code == 2
    assert said.err.count("\n") == 1
    assert "p0.nii.gz holds values from" in said.err
    assert "needed labels" in said.err
    assert not (tmp_path / "out").exists()


def test_one_case_of_the_wrong_kind_among_good_ones_fails_alone(tmp_path, recipe, scans, command):
    label_recipe(recipe)
    mask = small_scan().replace(array=(small_scan().array > 50).astype("uint8"), kind="labels")
    write(mask, scans / "p1.nii.gz")
    said = command("run", recipe, scans, "-o", tmp_path / "out", "--workers", "1")
    assert said.code == 3
    assert said.err.count("\n") == 1
    assert "p0 failed" in said.err
    assert (tmp_path / "out" / "p1" / "parts.nii.gz").is_file()


def test_an_output_folder_that_refuses_is_2_and_one_line(tmp_path, recipe, scans, command, monkeypatch):
    def refuse(self, *args, **kwargs):
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setattr("pathlib.Path.mkdir", refuse)
    said = command("run", recipe, scans, "-o", tmp_path / "out")
    assert said.code == 2
    assert "Permission denied" in said.err
    assert said.err.count("\n") == 1
