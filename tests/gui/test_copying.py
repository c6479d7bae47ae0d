"""What is copied from a panel does the same as its Run button, bit for bit."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from napari.layers import Layer
from qtpy.QtWidgets import QApplication

from napari_medai import Geometry, MedicalImage
from napari_medai.gui.history.plan import Place, Plan, plan_of
from napari_medai.gui.history.snippets import as_commands, as_python
from napari_medai.gui.layers import image_of, layers_from_image
from napari_medai.gui.widgets import MeasurePanel, PreprocessPanel, SegmentPanel
from napari_medai.io.read import read
from napari_medai.io.write import write
from napari_medai.preprocess import normalize_zscore, smooth_gaussian

GRID = Geometry.from_spacing((8, 20, 24), (3.0, 1.0, 1.0), (-10.0, 5.0, 40.0))


@pytest.fixture
def viewer(make_napari_viewer, tmp_path):
    rng = np.random.default_rng(0)
    array = (rng.normal(0, 40, GRID.shape) + 300 * (np.indices(GRID.shape)[1] > 9)).astype("int16")
    write(MedicalImage(array, "zyx", GRID, name="scan"), tmp_path / "scan.nii.gz")
    viewer = make_napari_viewer()
    viewer.open(tmp_path / "scan.nii.gz", plugin="napari-medai")
    return viewer


def run(qtbot, viewer, panel_type, name, **options):
    panel = panel_type(viewer)
    viewer.window.add_dock_widget(panel, name=name)
    panel.choose(name)
    panel.form.set_values(options)
    with qtbot.waitSignal(panel.runner.finished, timeout=30_000):
        panel.run_button.click()
    return panel


def menu_entry(panel, text):
    (action,) = [a for a in panel.more.actions() if a.text() == text]
    action.trigger()
    return QApplication.clipboard().text()


def test_click_call_and_command_give_the_same_array(qtbot, viewer, tmp_path, monkeypatch):
    run(qtbot, viewer, PreprocessPanel, "smooth_gaussian", sigma_mm=1.7)
    panel = run(qtbot, viewer, SegmentPanel, "threshold_otsu", bins=512)
    clicked = np.asarray(image_of(viewer.layers[-1]).array)

    script = menu_entry(panel, "Copy as Python")
    names: dict = {}
    exec(script, names)
    assert np.array_equal(names["result"].array, clicked)
    assert names["result"].array.dtype == clicked.dtype

    commands = menu_entry(panel, "Copy as command")
    assert "on the clipboard" in panel.status.text()
    for line in commands.strip().splitlines():
        line = line.replace("napari-medai", f"{sys.executable} -m napari_medai.cli", 1)
        done = subprocess.run(line, shell=True, cwd=tmp_path, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
    (written,) = read(tmp_path / "result.nii.gz")
    assert np.array_equal(written.array, clicked)
    assert written.geometry.is_close(names["result"].geometry)


def test_script_is_short_and_says_only_what_was_changed(qtbot, viewer, tmp_path):
    run(qtbot, viewer, PreprocessPanel, "smooth_gaussian", sigma_mm=1.7)
    panel = run(qtbot, viewer, SegmentPanel, "threshold_otsu")
    assert menu_entry(panel, "Copy as Python").splitlines() == [
        "import napari_medai as medai",
        "",
        f"scan = medai.read({str(tmp_path / 'scan.nii.gz')!r})[0]",
        "step_1 = medai.preprocess.smooth_gaussian(scan, sigma_mm=1.7)",
        "result = medai.segment.threshold_otsu(step_1)",
    ]
    assert menu_entry(panel, "Copy as command").splitlines() == [
        f"napari-medai smooth-gaussian {tmp_path / 'scan.nii.gz'} --sigma-mm 1.7 --output step_1.nii.gz",
        "napari-medai threshold-otsu step_1.nii.gz --output result.nii.gz",
    ]


def test_two_inputs_share_their_way(qtbot, viewer):
    run(qtbot, viewer, PreprocessPanel, "smooth_gaussian")
    run(qtbot, viewer, SegmentPanel, "threshold_otsu")
    panel = run(qtbot, viewer, MeasurePanel, "measure_regions")
    script = menu_entry(panel, "Copy as Python")
    assert script.count("medai.read(") == 1
    assert script.count("smooth_gaussian(") == 1
    names: dict = {}
    exec(script, names)
    from napari_medai.gui.tables.dock import table_dock

    assert names["result"].equals(table_dock(viewer).current.table)


def test_sample_is_made_again(qtbot, make_napari_viewer):
    viewer = make_napari_viewer()
    viewer.open_sample("napari-medai", "mr-head")
    panel = MeasurePanel(viewer)
    viewer.window.add_dock_widget(panel, name="measure")
    script = menu_entry(panel, "Copy as Python")
    assert "mr_head = load_sample('mr-head')[0]" in script
    assert "mr_head_tissues = load_sample('mr-head')[1]" in script
    panel.choose("profile_line")
    assert "mr_head_landmarks = load_sample('mr-head')[2]" in menu_entry(panel, "Copy as Python")


def test_painted_layer_must_be_saved_first(qtbot, viewer):
    run(qtbot, viewer, SegmentPanel, "threshold_otsu")
    viewer.layers[-1].data[0] = 1
    viewer.layers[-1].name = "by hand"
    panel = run(qtbot, viewer, MeasurePanel, "measure_regions")
    assert "save the layer 'by hand' under this name first" in menu_entry(panel, "Copy as Python")
    assert "# first save the layer 'by hand'" in menu_entry(panel, "Copy as command")
    assert "threshold_otsu" not in QApplication.clipboard().text()


def test_one_of_several_images_of_a_file_is_named_by_its_number():
    grid = Geometry.from_spacing((3, 4), (1.0, 1.0))
    image = MedicalImage(np.zeros((3, 4)), "yx", grid, name="2nd & last")
    layer = Layer.create(*layers_from_image(image, number=2)[0])
    layer._source = layer.source.model_copy(update={"path": "/data/a b.dcm"})
    plan = plan_of(smooth_gaussian.operation, {"image": layer}, {"sigma_mm": 2.0}, [layer])
    assert "image_2nd_last = medai.read('/data/a b.dcm')[1]" in as_python(plan)
    assert "smooth-gaussian '/data/a b.dcm#2' --sigma-mm 2.0" in as_commands(plan)


def test_optional_inputs_are_given_by_name():
    grid = Geometry.from_spacing((3, 4), (1.0, 1.0))
    image = Layer.create(*layers_from_image(MedicalImage(np.zeros((3, 4)), "yx", grid, name="a"))[0])
    mask = MedicalImage(np.ones((3, 4), int), "yx", grid, "labels", name="b")
    labels = Layer.create(*layers_from_image(mask)[0])
    layers = {"image": image, "mask": labels}
    plan = plan_of(normalize_zscore.operation, layers, {"region": "whole"}, layers.values())
    assert "normalize_zscore(a, mask=b)" in as_python(plan)
    assert "normalize-zscore a.nii.gz --mask b.nii.gz --output" in as_commands(plan)


def test_points_and_boxes_drawn_by_hand_are_written_out():
    from napari.layers import Points, Shapes

    from napari_medai.segment import cut_from_box, grow_connected

    grid = Geometry.from_spacing((20, 24), (1.0, 1.0))
    rng = np.random.default_rng(0)
    bright = 300 * (np.hypot(*(np.indices((20, 24)) - 10)) < 6)
    image = MedicalImage((rng.normal(0, 10, (20, 24)) + bright).astype("float32"), "yx", grid, name="scan")
    scan = Layer.create(*layers_from_image(image)[0])
    seeds = Points([[10.0, 10.0]], name="seed here", units=("mm", "mm"))
    box = Shapes([[[2.0, 2.0], [18.0, 18.0]]], name="box", units=("mm", "mm"))
    for operation, layers in (
        (grow_connected.operation, {"image": scan, "seeds": seeds}),
        (cut_from_box.operation, {"image": scan, "boxes": box}),
    ):
        script = as_python(plan_of(operation, layers, {}, layers.values()))
        assert "medai.read('scan.nii.gz')[0]  # save the layer 'scan' under this name first" in script
        values = {"scan": image}
        exec("\n".join(line for line in script.splitlines() if not line.startswith("scan =")), values)
        assert values["result"].array.max() == 1


def test_transforms_are_loaded_from_their_files(tmp_path):
    from napari_medai import SpatialTransform
    from napari_medai.register import apply_transform

    image = MedicalImage(np.arange(60.0).reshape(3, 4, 5), "zyx", Geometry.from_spacing((3, 4, 5), (1, 1, 1)))
    write(image, tmp_path / "scan.nii.gz")
    SpatialTransform.from_translation([1.0, 0.0, 0.0]).save(tmp_path / "shift.tfm")
    scan = Layer.create(*layers_from_image(image.replace(name="scan"))[0])
    scan._source = scan.source.model_copy(update={"path": str(tmp_path / "scan.nii.gz")})
    layers = {"image": scan, "like": scan, "transform": tmp_path / "shift.tfm"}
    names: dict = {}
    exec(as_python(plan_of(apply_transform.operation, layers, {}, [scan])), names)
    assert np.allclose(names["result"].array[..., :-1], image.array[..., 1:])
    unsaved = {**layers, "transform": SpatialTransform.from_translation([1.0, 0.0, 0.0])}
    commands = as_commands(plan_of(apply_transform.operation, unsaved, {}, [scan]))
    assert "# first save the transform 'transform' as transform.h5" in commands


def test_a_source_deep_in_a_history_is_found_by_its_name():
    image = MedicalImage(np.arange(12.0).reshape(3, 4), "yx", Geometry.from_spacing((3, 4)), name="scan")
    history = smooth_gaussian(image).history
    plan = Plan({"scan": Place("/data/scan.png")})
    assert plan._result(history) == "step_1"
    assert "medai.read('/data/scan.png')[0]" in as_python(plan)
