"""The panel's tools for maps: seen through, their cells drawn, checked by a button, side by side."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Layer

from napari_medai.core.errors import ArgumentError
from napari_medai.explain import explain_prediction
from napari_medai.gui.explanations.cells import cell_lines, facts_of_map
from napari_medai.gui.explanations.maps import UNCHECKED, grid_of
from napari_medai.gui.explanations.verdict import DOCK
from napari_medai.gui.layers import image_of, layers_from_image
from napari_medai.gui.widgets import ExplainPanel
from napari_medai.phantoms import tissue_with_lesion


@pytest.fixture
def panel(make_napari_viewer):
    viewer = make_napari_viewer()
    image, _ = tissue_with_lesion(101, 2)
    for data in layers_from_image(image):
        viewer.add_layer(Layer.create(*data))
    return ExplainPanel(viewer)


def explained(panel, qtbot, target: str = "lesion", method: str = "grad_cam"):
    panel.choose("explain_prediction")
    panel.form.set_values({"model": "lesion-2d", "target": target, "method": method, "device": "cpu"})
    panel.form.pickers["image"].choose(panel.viewer.layers["tissue"])
    with qtbot.waitSignal(panel.runner.finished, timeout=60_000):
        panel.run_button.click()
    return panel.map_tools.map


@pytest.mark.filterwarnings("ignore:This map has not been checked")
def test_a_map_says_that_it_was_not_checked_until_the_button_has_checked_it(panel, qtbot):
    assert panel.map_tools.map is None
    heat = explained(panel, qtbot)
    assert heat.name == f"tissue · lesion · grad_cam{UNCHECKED}"
    assert "not checked" in panel.map_tools.state.text()
    with qtbot.waitSignal(panel.runner.finished, timeout=60_000):
        panel.map_tools.check_button.click()
    assert heat.name == "tissue · lesion · grad_cam (passed)"
    assert facts_of_map(heat)["checked"] == "passed"
    assert image_of(heat).meta["explain"]["checked"] == "passed"
    assert DOCK in panel.viewer.window.dock_widgets
    assert "checked: passed" in panel.map_tools.state.text()


@pytest.mark.filterwarnings("ignore:This map has not been checked")
def test_sliders_are_live_and_the_form_does_not_take_the_map_for_an_image(panel, qtbot):
    heat = explained(panel, qtbot)
    panel.viewer.layers.selection.active = heat
    panel.map_tools.opacity.setValue(35)
    panel.map_tools.threshold.setValue(20)
    assert heat.opacity == pytest.approx(0.35)
    assert heat.contrast_limits[0] == pytest.approx(0.2)
    assert panel.form.layers()["image"].name == "tissue"


@pytest.mark.filterwarnings("ignore:This map has not been checked")
def test_maps_stand_side_by_side_each_on_its_image(panel, qtbot):
    explained(panel, qtbot)
    explained(panel, qtbot, "none", "layer_cam")
    panel.map_tools.beside_button.click()
    names = [layer.name for layer in panel.viewer.layers if layer.visible]
    assert len(names) == 4
    assert [name.endswith("image") for name in names] == [True, False, True, False]
    layers = list(panel.viewer.layers)
    assert [layer.visible for layer in layers] == [True] * 4 + [False]  # what is hidden shifts no pair
    assert grid_of(panel.viewer).enabled
    assert grid_of(panel.viewer).stride == 2
    panel.map_tools.beside_button.click()
    assert not grid_of(panel.viewer).enabled


@pytest.mark.parametrize("ndim", [2, 3])
def test_cells_are_drawn_where_the_layers_cells_end(ndim: int):
    shape, spacing = ((96, 96), (1.0, 1.0)) if ndim == 2 else ((20, 48, 48), (12.0, 7.0, 7.0))
    if ndim == 2:
        image, _ = tissue_with_lesion(101, 2)
        heat = explain_prediction(image, "lesion-2d", target="lesion", device="cpu")
        expected = np.arange(-0.5, 96, 4)
    else:
        from napari_medai.phantoms.torso import ct_torso

        image, _ = ct_torso(1, shape, spacing)
        heat = explain_prediction(image, "phantom-3d", target="liver", device="cpu", overlap=0.0)
        expected = None
    (data,) = layers_from_image(heat)
    layer = Layer.create(*data)
    lines = cell_lines(layer)
    across = [line for line in lines if line[0, -2] == line[1, -2]]
    rows = sorted({float(line[0, -2]) for line in across})
    if expected is not None:
        assert np.allclose(rows, expected)
        return
    steps = np.diff(rows[1:-1])
    assert np.allclose(steps, 32.0 / 7.0, atol=1e-3)  # eight voxels of 4 mm a cell, on voxels of 7 mm
    assert len({float(line[0, 0]) for line in lines}) == layer.data.shape[0]


def test_an_image_has_no_cells():
    image, _ = tissue_with_lesion(101, 2)
    (data,) = layers_from_image(image)
    with pytest.raises(ArgumentError, match="no map"):
        cell_lines(Layer.create(*data))
