"""The Fine-tune panel learns from probability maps, and sees slices with their neighbours."""

from __future__ import annotations

import numpy as np
import pytest

from napari_medai import Geometry, MedicalImage
from napari_medai.gui.layers import layers_from_image
from napari_medai.models.folder import load_folder

SHAPE, SPACING = (10, 16, 16), (4.0, 1.0, 1.0)


@pytest.fixture
def panel(make_napari_viewer, tmp_path):
    """The panel with a scan and a map of how much of each voxel is bright."""
    from napari.layers import Layer

    viewer = make_napari_viewer()
    rng = np.random.default_rng(0)
    share = np.zeros(SHAPE, np.float32)
    share[:, 4:12, 4:12] = 0.8
    grid = Geometry.from_spacing(SHAPE, SPACING)
    for array, name in ((share + rng.normal(0, 0.1, SHAPE), "scan"), (share, "share")):
        image = MedicalImage(array.astype(np.float32), "zyx", grid, name=name)
        viewer.add_layer(Layer.create(*layers_from_image(image)[0]))
    _, panel = viewer.window.add_plugin_dock_widget("napari-medai", "Fine-tune")
    panel.folder.line.setText(str(tmp_path))
    panel.name.setText("shares")
    return panel


def test_probability_maps_and_neighbouring_slices_are_a_click_away(panel, qtbot, tmp_path):
    assert panel.labels.count() == 0
    panel.soft.setChecked(True)
    assert [panel.labels.itemText(k) for k in range(panel.labels.count())] == ["scan", "share"]
    assert not panel.unpainted.isEnabled()
    panel.labels.setCurrentText("share")
    panel.add_button.click()
    panel.dimensions.setCurrentText("slices with their neighbours")
    panel.plan_button.click()
    qtbot.waitUntil(lambda: not panel.runner.running, timeout=60_000)
    assert not panel.unpainted.isEnabled()
    plan = panel.plan.toPlainText()
    assert "slicewise: true" in plan, panel.status.text()
    assert "neighbours: 1" in plan
    panel.plan.setPlainText(
        plan.replace("minutes: 2.0, ", "")
        .replace("epochs: 1000", "epochs: 1")
        .replace("steps: 20", "steps: 2")
    )
    panel.run_button.click()
    qtbot.waitUntil(lambda: not panel.runner.running, timeout=120_000)
    model = load_folder(tmp_path / "shares")
    assert model.spec.inputs == 3
    assert model.spec.outputs.labels == ("background", "label 1")


def test_cases_of_one_kind_of_truth_do_not_stay_when_another_is_asked_for(panel):
    panel.soft.setChecked(True)
    panel.labels.setCurrentText("share")
    panel.add_button.click()
    assert panel.wish().soft
    panel.soft.setChecked(False)
    assert not panel.pairs.pairs
    assert panel.labels.count() == 0
    assert panel.unpainted.isEnabled()
