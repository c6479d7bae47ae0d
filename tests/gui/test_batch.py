"""The Batch panel: what is missing is seen before, each case's state while it runs, and it can be stopped."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from small_scans import small_scan

from napari_medai import MedicalImage, write
from napari_medai.core.operation import IntensityImage, operation
from napari_medai.core.progress import Progress, silent, track
from napari_medai.gui.batch.panel import BatchPanel
from napari_medai.gui.batch.work import patterns
from napari_medai.recipe import BatchReport, Recipe, save


@operation(group="tests", title="Patience")
def wait_patiently(
    image: IntensityImage, *, seconds: float = 0.0, progress: Progress = silent
) -> MedicalImage:
    """Wait, and return the image.

    Parameters
    ----------
    image : MedicalImage
        The image.
    seconds : float
        How long.
    progress : Progress
        Hears a report every twenty milliseconds.
    """
    for _ in track(range(max(1, round(seconds / 0.02))), progress, "Waiting"):
        time.sleep(0.02 if seconds else 0)
    return image


def recipe_file(folder, seconds):
    steps = [
        {
            "id": "a",
            "operation": "wait_patiently",
            "inputs": {"image": "image"},
            "options": {"seconds": seconds},
        },
        {"id": "b", "operation": "threshold_otsu", "inputs": {"image": "a"}},
    ]
    entry = {"schema": "napari-medai/recipe/1", "inputs": {"image": {"kind": "intensity"}}, "steps": steps}
    return save(Recipe.from_json(entry), folder / f"wait{seconds}.yaml", overwrite=True)


@pytest.fixture
def panel(make_napari_viewer, tmp_path):
    """The panel as the menu opens it, with three cases, one of them broken, and one that is not there."""
    viewer = make_napari_viewer()
    _, panel = viewer.window.add_plugin_dock_widget("napari-medai", "Batch")
    assert isinstance(panel, BatchPanel)
    for name in ("p0", "p2"):
        write(small_scan(), tmp_path / f"{name}.nii.gz")
    (tmp_path / "p1.nii").write_text("Dear colleague, ...\n" * 40)
    rows = ["case,image", "p0,p0.nii.gz", "p1,p1.nii", "p2,p2.nii.gz", "gone,gone.nii.gz"]
    (tmp_path / "cases.csv").write_text("\n".join(rows))
    panel.recipe.line.setText(str(recipe_file(tmp_path, 0.0)))
    panel.sources.line.setText(str(tmp_path / "cases.csv"))
    panel.output.line.setText(str(tmp_path / "out"))
    return panel


def rows_of(panel):
    table = panel.table
    return [[table.item(row, column).text() for column in range(3)] for row in range(table.rowCount())]


def click(qtbot, panel, button):
    with qtbot.waitSignal(panel.runner.finished, timeout=60_000):
        button.click()


def test_the_list_shows_every_case_and_what_it_lacks_and_writes_nothing(qtbot, panel, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    click(qtbot, panel, panel.look_button)
    assert [row[:2] for row in rows_of(panel)] == [
        ["p0", "waiting"],
        ["p1", "waiting"],
        ["p2", "waiting"],
        ["gone", "incomplete"],
    ]
    assert "gone.nii.gz" in rows_of(panel)[3][2]
    assert panel.status.text() == "4 cases, 3 complete."
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("workers", [1, 2])
def test_run_shows_what_is_done_and_why_the_others_failed(qtbot, panel, tmp_path, workers):
    panel.recipe.line.setText(str(recipe_file(tmp_path, 0.0) if workers == 1 else threshold_file(tmp_path)))
    panel.workers.setValue(workers)
    click(qtbot, panel, panel.run_button)
    states = {name: (state, reason) for name, state, reason in rows_of(panel)}
    assert {name for name, (state, _) in states.items() if state == "✓ done"} == {"p0", "p2"}
    assert states["p1"][0] == "✗ failed"
    assert "holds text" in states["p1"][1]
    assert "gone.nii.gz" in states["gone"][1]
    assert panel.status.text().startswith("2 done, 2 failed.")
    assert (tmp_path / "out" / "p0" / "case.json").is_file()
    click(qtbot, panel, panel.run_button)
    assert panel.status.text().startswith("2 done (2 were done before)")
    assert rows_of(panel)[0][1] == "✓ done before"


def threshold_file(folder):
    steps = [{"id": "b", "operation": "threshold_otsu", "inputs": {"image": "image"}}]
    entry = {"schema": "napari-medai/recipe/1", "inputs": {"image": {"kind": "intensity"}}, "steps": steps}
    return save(Recipe.from_json(entry), folder / "threshold.yaml")


def test_cancel_works_within_a_case_and_run_goes_on(qtbot, panel, tmp_path):
    panel.recipe.line.setText(str(recipe_file(tmp_path, 60.0)))
    panel.run_button.click()
    qtbot.waitUntil(lambda: "▶ running" in [row[1] for row in rows_of(panel)], timeout=10_000)
    assert panel.run_button.text() == "Cancel"
    assert not panel.recipe.isEnabled()
    with qtbot.waitSignal(panel.runner.stopped, timeout=2_000):
        panel.run_button.click()
    assert "Cancelled; 0 cases are done" in panel.status.text()
    assert "▶ running" not in [row[1] for row in rows_of(panel)]
    assert panel.run_button.text() == "Run"
    assert not list((tmp_path / "out").glob(".partial-*"))


def test_the_event_loop_goes_on_while_a_batch_runs(qtbot, panel, tmp_path):
    from qtpy.QtCore import QTimer

    panel.recipe.line.setText(str(recipe_file(tmp_path, 1.0)))
    ticks = []
    timer = QTimer()
    timer.setInterval(10)
    timer.timeout.connect(lambda: ticks.append(time.perf_counter()))
    timer.start()
    click(qtbot, panel, panel.run_button)
    timer.stop()
    gaps = [b - a for a, b in pairwise(ticks)]
    assert len(ticks) > 50
    assert max(gaps) < 1.0  # a tenth of that on an idle machine


@pytest.mark.parametrize("empty", ["recipe", "sources", "output"])
def test_what_is_not_chosen_is_asked_for(panel, empty):
    from napari.utils.notifications import notification_manager

    getattr(panel, empty).line.clear()
    panel.run_button.click()
    assert not panel.runner.running
    assert notification_manager.records[-1].message.startswith("No ")


def test_a_recipe_that_cannot_run_is_one_message(qtbot, panel, tmp_path):
    (tmp_path / "bad.yaml").write_text((tmp_path / "wait0.0.yaml").read_text().replace("otsu", "otso"))
    panel.recipe.line.setText(str(tmp_path / "bad.yaml"))
    click(qtbot, panel, panel.run_button)
    assert "threshold_otso" in panel.status.text()
    assert not (tmp_path / "out").exists()


def test_file_names_are_read_as_patterns():
    assert patterns(" t1 = *_T1w.nii.gz; mask=*_m.nii;") == {"t1": "*_T1w.nii.gz", "mask": "*_m.nii"}
    with pytest.raises(Exception, match="needed INPUT=PATTERN"):
        patterns("t1")


def test_the_cluster_and_the_device_go_to_the_batch(qtbot, panel, monkeypatch):
    heard = {}

    def run_batch(recipe, cases, output, **engine):
        heard.update(engine)
        return BatchReport(())

    monkeypatch.setattr("napari_medai.recipe.run_batch", run_batch)
    assert not panel.scheduler.isVisibleTo(panel)
    panel.engine.button.click()
    assert panel.scheduler.isVisibleTo(panel)
    panel.scheduler.line.setText("tcp://host:8786")
    panel.device.setCurrentText("cuda")
    click(qtbot, panel, panel.run_button)
    assert (heard["scheduler"], heard["device"], heard["workers"]) == ("tcp://host:8786", "cuda", 1)


def test_a_scheduler_file_that_is_not_there_is_one_message(qtbot, panel, tmp_path):
    pytest.importorskip("distributed", reason="needs the extra [cluster]")
    panel.scheduler.line.setText(str(tmp_path / "nowhere.json"))
    click(qtbot, panel, panel.run_button)
    assert "no scheduler file" in panel.status.text()


def test_the_search_for_cases_can_be_cancelled(qtbot, panel, tmp_path):
    tree = tmp_path / "tree"
    tree.mkdir()
    for number in range(3000):
        (tree / f"{number}.nii").touch()
    panel.sources.line.setText(str(tree))
    with qtbot.waitSignal(panel.runner.stopped, timeout=20_000):
        panel.look_button.click()
        panel.cancel()
    assert panel.status.text().startswith("Cancelled")
    assert rows_of(panel) == []
