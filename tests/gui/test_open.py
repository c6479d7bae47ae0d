"""The ready-made viewer of ``make napari``, and what it says where torch is missing."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
from napari.utils.notifications import notification_manager

from napari_medai import Geometry, MedicalImage
from napari_medai.gui.open import FIRST_SAMPLE, fill, main
from napari_medai.gui.widgets import SegmentPanel
from napari_medai.io.write import write


def test_sample_and_segment_panel_stand_ready(make_napari_viewer):
    viewer = make_napari_viewer()
    fill(viewer, [FIRST_SAMPLE])
    assert [layer.name for layer in viewer.layers] == ["ct torso", "ct torso labels"]
    (panel,) = viewer.window._qt_window.findChildren(SegmentPanel)
    assert panel.operation.name == "predict_labels"
    assert panel.form.layers()["image"].name == "ct torso"


def test_paths_are_opened_as_well(make_napari_viewer, tmp_path):
    grid = Geometry.from_spacing((3, 4, 5), (1.0, 1.0, 1.0))
    write(MedicalImage(np.zeros((3, 4, 5), "int16"), "zyx", grid), tmp_path / "a.nii.gz")
    viewer = make_napari_viewer()
    fill(viewer, [str(tmp_path / "a.nii.gz")])
    assert len(viewer.layers) == 1


def test_main_opens_the_phantom_unless_told_otherwise(monkeypatch):
    import napari

    from napari_medai.gui import open as opening

    asked = []
    monkeypatch.setattr(napari, "Viewer", lambda: "viewer")
    monkeypatch.setattr(napari, "run", lambda: asked.append("run"))
    monkeypatch.setattr(opening, "fill", lambda viewer, names: asked.append(names))
    main([])
    main(["mr-head"])
    assert asked == [["ct-torso"], "run", ["mr-head"], "run"]


@pytest.fixture
def no_torch(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "torch" else find(name, *rest)
    )


def test_without_torch_the_panel_opens_and_says_what_to_install(
    qtbot, make_napari_viewer, no_torch, tmp_path
):
    viewer = make_napari_viewer()
    viewer.add_image(np.zeros((8, 8)), units=("mm", "mm"), contrast_limits=(0, 1), name="scan")
    panel = SegmentPanel(viewer)
    viewer.window.add_dock_widget(panel, name="segment")
    assert panel.operation.name == "predict_labels"
    panel.form.set_values({"model": str(tmp_path)})
    with qtbot.waitSignal(panel.runner.finished, timeout=20_000):
        panel.run_button.click()
    said = notification_manager.records[-1]
    assert "PyTorch" in said.message
    assert "pip install torch" in said.message
    assert len(viewer.layers) == 1
