"""Registration watched, ended early and compared in the viewer."""

from __future__ import annotations

from threading import Event

import numpy as np
import pytest
from blobs import GRID, SHIFT, blobs
from napari.layers import Layer

from napari_medai import SpatialTransform
from napari_medai.core.progress import Step
from napari_medai.gui.curve import Curve
from napari_medai.gui.layers import image_of, layers_from_image
from napari_medai.gui.registration.deformation import ArrowsButton, arrows_of
from napari_medai.gui.runner import Job
from napari_medai.gui.transforms import TransformPanel
from napari_medai.preprocess import resample_to_spacing


@pytest.fixture
def panel(make_napari_viewer):
    viewer = make_napari_viewer()
    for image in (blobs(SHIFT), blobs()):
        viewer.add_layer(Layer.create(*layers_from_image(image)[0]))
    _, widget = viewer.window.add_plugin_dock_widget("napari-medai", "Register")
    return widget


def names(panel):
    return [layer.name for layer in panel.viewer.layers]


def show(qtbot, panel, view):
    compare = panel.compare
    compare.choose(panel.viewer.layers["fixed"], panel.viewer.layers["moving"])
    compare.view.setCurrentIndex(compare.view.findData(view))
    if view in ("checkerboard", "difference", "edges"):
        qtbot.waitUntil(lambda: f"Compare · {view}" in names(panel), timeout=10_000)
    return compare


@pytest.fixture
def held(monkeypatch):
    """Hold the worker at the first report that begins with a word until it is let go."""
    word, seen, go = [], Event(), Event()
    usual = Job.report

    def report(job, step):
        usual(job, step)
        if step.message.startswith(word[0]) and not seen.is_set():
            seen.set()
            assert go.wait(60)

    monkeypatch.setattr(Job, "report", report)
    yield word, seen, go
    go.set()


@pytest.mark.parametrize(("word", "mark"), [("Deforming", " (ended early)"), ("Resampling", "")])
def test_ended_early_it_keeps_what_it_has_under_a_name_that_says_so(qtbot, panel, held, word, mark):
    words, seen, go = held
    words.append(word)
    panel.form.set_values({"preset": "other_patient_brain", "effort": "fast", "device": "cpu"})
    assert panel.watch.isHidden()
    with qtbot.waitSignal(panel.runner.finished, timeout=120_000):
        panel.run_button.click()
        assert not panel.watch.isHidden()
        qtbot.waitUntil(seen.is_set, timeout=100_000)
        panel.watch.finish_button.click()
        go.set()
    assert names(panel)[-1] == f"fixed · Register images · warped{mark}"
    assert "moving so far" not in names(panel)
    assert panel.watch.isHidden()


def test_the_picture_so_far_comes_sharpens_and_goes(panel):
    watch, fixed = panel.watch, panel.viewer.layers["fixed"]
    panel.viewer.layers.selection.active = fixed

    class Fake:
        picture = None

    watch.runner, real = Fake(), watch.runner
    for spacing in (8.0, 4.0):
        watch.runner.picture = resample_to_spacing(blobs(), spacing_mm=spacing).replace(name="moving so far")
        watch._show(Step(0, 1, "", {"explained": 1 / spacing}), -1.0)
        shown = panel.viewer.layers["moving so far"]
        assert image_of(shown).geometry == watch.runner.picture.geometry
        assert panel.viewer.layers.selection.active == fixed
    assert watch.curve.values == [0.125, 0.25]
    watch.runner = real
    watch._end()
    assert names(panel) == ["moving", "fixed"]


def test_the_curve_rises_with_its_values(qtbot):
    curve = Curve()
    qtbot.addWidget(curve)
    for value in (0.1, 0.4, 0.9):
        curve.add("explained", value)
    heights = [point.y() for point in curve.points()]
    assert heights == sorted(heights, reverse=True)
    assert not curve.grab().isNull()
    for value in range(3000):
        curve.add("explained", value)
    assert len(curve.values) <= 2000


@pytest.mark.parametrize("view", ["checkerboard", "difference", "edges"])
def test_a_drawn_view_follows_its_layers(qtbot, panel, view):
    panel.viewer.layers.selection.active = panel.viewer.layers["moving"]
    compare = show(qtbot, panel, view)
    layer = panel.viewer.layers[f"Compare · {view}"]
    assert panel.form.layers()["fixed"].name == "moving"
    before = np.array(layer.data)
    assert before.shape == GRID.shape
    moving = panel.viewer.layers["moving"]
    moving.data = np.array(panel.viewer.layers["fixed"].data)
    qtbot.waitUntil(lambda: not np.array_equal(layer.data, before), timeout=10_000)
    if view == "difference":
        assert np.allclose(layer.data, 0, atol=1e-5)
    compare.view.setCurrentIndex(0)
    assert names(panel) == ["moving", "fixed"]


def test_tiles_grow_with_the_slider(qtbot, panel):
    compare = show(qtbot, panel, "checkerboard")
    layer = panel.viewer.layers["Compare · checkerboard"]
    before = np.array(layer.data)
    compare.slider.setValue(95)
    assert not np.array_equal(layer.data, before)


def test_blend_and_flicker_give_the_layers_their_looks_back(qtbot, panel):
    layers = [panel.viewer.layers[n] for n in ("fixed", "moving")]
    compare = show(qtbot, panel, "blend")
    assert [layer.colormap.name for layer in layers] == ["green", "magenta"]
    compare.slider.setValue(75)
    assert layers[0].opacity == pytest.approx(0.5)
    compare.slider.setValue(100)
    compare.view.setCurrentIndex(compare.view.findData("flicker"))
    assert [layer.colormap.name for layer in layers] == ["gray", "gray"]
    qtbot.waitUntil(lambda: layers[1].visible and not layers[0].visible, timeout=5_000)
    qtbot.waitUntil(lambda: layers[0].visible and not layers[1].visible, timeout=5_000)
    compare.view.setCurrentIndex(0)
    assert all(layer.visible and layer.opacity == 1 for layer in layers)
    assert not compare.timer.isActive()


def test_a_view_ends_with_its_layer(qtbot, panel):
    compare = show(qtbot, panel, "edges")
    panel.viewer.layers.remove("moving")
    assert compare.view.currentData() == "off"
    assert names(panel) == ["fixed"]


def test_arrows_lead_from_fixed_to_moving_places(panel):
    transform = SpatialTransform.from_translation(SHIFT)
    arrows = arrows_of(transform, GRID)
    assert len(np.unique(arrows[:, 0, 0])) == GRID.shape[0]
    world = GRID.index_to_world(arrows[:, 0] + arrows[:, 1])
    assert np.allclose(world - GRID.index_to_world(arrows[:, 0]), SHIFT, atol=1e-4)
    fixed = panel.viewer.layers["fixed"]
    button = ArrowsButton(panel.viewer, transform, fixed, TransformPanel("t", transform, panel))
    layer = button.add()
    assert layer.data.shape == arrows.shape
    place = [10.0, 11.0, 12.0]
    assert np.allclose(layer.data_to_world(place), fixed.data_to_world(place))
