"""Registering in the viewer: two images in, the moved one and a transform out, the transform used again."""

from __future__ import annotations

import numpy as np
import pytest
from blobs import SHIFT, blobs
from napari.layers import Layer
from pairs import FLAT, bend, body, moved

from napari_medai import SpatialTransform
from napari_medai.core.errors import ArgumentError
from napari_medai.gui import transforms
from napari_medai.gui.forms.transform_picker import TransformPicker
from napari_medai.gui.layers import image_of, layers_from_image
from napari_medai.gui.transforms import TransformPanel


@pytest.fixture(autouse=True)
def empty_shelf():
    """Begin with no transforms."""
    transforms._SHELF.clear()


@pytest.fixture
def panel(make_napari_viewer):
    viewer = make_napari_viewer()
    for image in (blobs(SHIFT), blobs()):
        viewer.add_layer(Layer.create(*layers_from_image(image)[0]))
    _, widget = viewer.window.add_plugin_dock_widget("napari-medai", "Register")
    return widget


def run(qtbot, panel, name, **options):
    panel.choose(name)
    panel.form.set_values(options)
    with qtbot.waitSignal(panel.runner.finished, timeout=300_000):
        panel.run_button.click()


def test_images_are_registered_and_the_transform_is_used_again(qtbot, panel, tmp_path):
    layers = panel.form.layers()
    assert (layers["fixed"].name, layers["moving"].name) == ("fixed", "moving")
    run(qtbot, panel, "register_images", search=False, effort="fast", device="cpu")
    viewer = panel.viewer
    names = [layer.name for layer in viewer.layers]
    assert names == ["moving", "fixed", "fixed · Register images · warped"]
    (shown,) = panel.findChildren(TransformPanel)
    moved = shown.transform.apply_to_points([[40.0, 40.0, 40.0]])
    assert np.allclose(moved, np.array([[40.0, 40.0, 40.0]]) + SHIFT, atol=1.0)
    shown.transform.save(tmp_path / "found.h5")

    panel.choose("apply_transform")
    assert panel.form.pickers["transform"].currentText() == "fixed · Register images · transform"
    panel.form.pickers["image"].choose(viewer.layers["moving"])
    panel.form.pickers["like"].choose(viewer.layers["fixed"])
    with qtbot.waitSignal(panel.runner.finished, timeout=60_000):
        panel.run_button.click()
    again = image_of(viewer.layers["moving · Apply a transform"])
    warped = image_of(viewer.layers["fixed · Register images · warped"])
    assert np.allclose(again.array, warped.array, atol=1.0)


def test_a_transform_is_taken_from_a_file(qtbot, panel, tmp_path):
    SpatialTransform.from_translation(SHIFT).save(tmp_path / "shift.tfm")
    panel.choose("apply_transform")
    panel.form.pickers["image"].choose(panel.viewer.layers["moving"])
    panel.form.pickers["transform"].open(tmp_path / "shift.tfm")
    with qtbot.waitSignal(panel.runner.finished, timeout=60_000):
        panel.run_button.click()
    result = image_of(panel.viewer.layers["moving · Apply a transform"])
    inner = (slice(6, -6),) * 3
    assert np.allclose(result.array[inner], blobs().array[inner], atol=1.0)


def test_no_transform_is_said(panel):
    panel.choose("apply_transform")
    with pytest.raises(ArgumentError, match="no transform is chosen") as caught:
        panel.form.layers()
    assert "Register two images first" in caught.value.hint


def test_inputs_that_few_need_are_folded_away(panel):
    assert not panel.form.more_inputs.content.isVisibleTo(panel.form)
    assert panel.form.layers()["start"] is None


def test_shelf_keeps_the_newest():
    for i in range(25):
        transforms.keep(f"t{i}", SpatialTransform.from_translation([float(i), 0, 0]))
    assert next(iter(transforms.kept())) == "t5"
    assert len(transforms.kept()) == 20


def test_picker_keeps_its_choice_when_new_transforms_come(qtbot):
    from napari_medai import catalog

    parameter = next(p for p in catalog.find("apply_transform").inputs if p.name == "transform")
    picker = TransformPicker(parameter)
    qtbot.addWidget(picker)
    transforms.keep("a", SpatialTransform.identity())
    picker.offer([])
    assert picker.currentText() == "a"
    transforms.keep("b", SpatialTransform.identity())
    picker.offer([])
    assert picker.currentText() == "a"
    assert picker.itemText(0) == "b"


def test_what_a_network_says_is_offered_as_the_start(qtbot, make_napari_viewer):
    viewer = make_napari_viewer()
    fixed = body(FLAT)
    for image in (moved(fixed, bend(FLAT)), fixed.replace(name="still")):
        viewer.add_layer(Layer.create(*layers_from_image(image)[0]))
    _, panel = viewer.window.add_plugin_dock_widget("napari-medai", "Register")
    run(qtbot, panel, "predict_deformation", device="cpu")
    panel.choose("register_images")
    picker = panel.form.pickers["start"]
    picker.setCurrentIndex(1)
    assert not picker.value().is_affine
    run(qtbot, panel, "register_images", preset="slices", effort="fast", device="cpu")
    (shown,) = panel.findChildren(TransformPanel)
    assert not shown.transform.is_affine
    assert any(layer.name.endswith("warped") for layer in viewer.layers)
    panel.choose("train_registration")
    assert list(panel.form.pickers) == ["images"]
