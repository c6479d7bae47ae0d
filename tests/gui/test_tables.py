"""The dock of tables: rows clicked, sorted, filtered; labels coloured; values kept with the labels."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from napari.layers import Layer
from napari.utils.colormaps import DirectLabelColormap
from napari.utils.notifications import notification_manager
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication

from napari_medai import Geometry, MedicalImage
from napari_medai.gui.layers import layers_from_image
from napari_medai.gui.tables.dock import table_dock
from napari_medai.gui.tables.model import TableModel, matching
from napari_medai.gui.tables.region_features import keep_features, merged
from napari_medai.gui.tables.regions import camera_of
from napari_medai.gui.widgets import MeasurePanel

SHAPE = (6, 20, 24)
AXIAL = Geometry.from_spacing(SHAPE, (3.0, 1.0, 0.5), (-10.0, 5.0, 40.0))
GRIDS = {"axial": AXIAL, "sagittal": AXIAL.permuted((2, 0, 1)).flipped([1])}


def scan_and_regions(geometry):
    """An image and three boxes: 1 small and bright, 2 large and dark, 3 one voxel."""
    labels = np.zeros(SHAPE, "uint8")
    labels[1, 2:4, 2:4] = 1
    labels[2:5, 10:18, 10:20] = 2
    labels[5, 0, 0] = 3
    values = np.zeros(SHAPE, "float32")
    values[labels == 1], values[labels == 2], values[labels == 3] = 100, 10, 50
    if geometry is GRIDS["sagittal"]:
        labels, values = (a.transpose(2, 0, 1)[:, ::-1] for a in (labels, values))
    names = {"labels": {"1": "cyst", "2": "liver", "3": "dot"}}
    return (
        MedicalImage(values, "zyx", geometry, name="scan"),
        MedicalImage(labels, "zyx", geometry, "labels", "regions", names),
    )


@pytest.fixture
def viewer(make_napari_viewer, request):
    viewer = make_napari_viewer()
    for image in scan_and_regions(GRIDS[getattr(request, "param", "axial")]):
        viewer.add_layer(Layer.create(*layers_from_image(image)[0]))
    return viewer


def measure(qtbot, viewer, name="measure_regions", **values):
    panel = MeasurePanel(viewer)
    viewer.window.add_dock_widget(panel, name="measure")
    panel.choose(name)
    panel.form.set_values(values)
    with qtbot.waitSignal(panel.runner.finished, timeout=30_000):
        qtbot.mouseClick(panel.run_button, Qt.MouseButton.LeftButton)
    return table_dock(viewer).current


def press(qtbot, button):
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def click_row(qtbot, shown, row):
    shown.view.scrollTo(shown.model.index(row, 0))
    place = shown.view.visualRect(shown.model.index(row, 0)).center()
    qtbot.mouseClick(shown.view.viewport(), Qt.MouseButton.LeftButton, pos=place)


def click_header(qtbot, shown, column):
    header = shown.view.horizontalHeader()
    number = list(shown.table.columns).index(column)
    shown.view.scrollTo(shown.model.index(0, number))
    x = header.sectionViewportPosition(number) + 5
    where = header.rect().center()
    where.setX(x)
    qtbot.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=where)


def label_in_the_middle(viewer):
    """The label where the view is centred, asked of the layer itself."""
    layer = viewer.layers["regions"]
    place = np.array(viewer.dims.point)  # napari rounds it to a voxel
    shown = list(viewer.dims.displayed)
    place[shown] = camera_of(viewer).center[-len(shown) :]
    return layer.get_value(place, world=True)


@pytest.mark.parametrize("viewer", ["axial", "sagittal"], indirect=True)
@pytest.mark.parametrize("name", ["measure_regions", "compare_labels"])
def test_a_clicked_row_brings_its_region_to_the_middle(qtbot, viewer, name):
    shown = measure(qtbot, viewer, name)
    for row, label in ((2, 3), (0, 1), (1, 2)):
        click_row(qtbot, shown, row)
        assert label_in_the_middle(viewer) == label
        assert viewer.layers["regions"].selected_label == label


def test_the_view_is_centred_at_the_centroid_in_other_units_and_in_3d(qtbot, viewer):
    shown = measure(qtbot, viewer)
    row = shown.table.iloc[1]
    wanted = [row[f"centroid_{axis}_mm"] for axis in "zyx"]
    viewer.dims.ndisplay = 3
    click_row(qtbot, shown, 1)
    assert tuple(camera_of(viewer).center) == pytest.approx(wanted)
    for layer in viewer.layers:
        layer.scale, layer.translate, layer.units = layer.scale / 10, layer.translate / 10, ("cm",) * 3
    click_row(qtbot, shown, 1)
    assert label_in_the_middle(viewer) == 2
    assert tuple(camera_of(viewer).center) == pytest.approx([w / 10 for w in wanted])


def test_a_row_of_a_frame_shows_that_frame(qtbot, make_napari_viewer):
    viewer = make_napari_viewer()
    labels = np.zeros((3, 4, 8, 8), "uint8")
    for frame in range(3):
        labels[frame, 1:4, frame : frame + 3, 4:7] = 1
    grid = Geometry.from_spacing((4, 8, 8), (2.0, 1.0, 1.0))
    meta = {"time_step_s": 30.0}
    for image in (
        MedicalImage(labels.astype("float32"), "tzyx", grid, name="scan", meta=meta),
        MedicalImage(labels, "tzyx", grid, "labels", "regions", meta),
    ):
        viewer.add_layer(Layer.create(*layers_from_image(image)[0]))
    shown = measure(qtbot, viewer)
    for frame in (2, 0, 1):
        click_row(qtbot, shown, frame)
        assert viewer.dims.point == pytest.approx((30.0 * frame, 4.0, frame + 1.0, 5.0))
    assert "volume_ml" not in viewer.layers["regions"].features  # three rows a label: no place for them


def test_a_header_sorts_by_value_with_missing_last(qtbot, viewer):
    shown = measure(qtbot, viewer)
    table = pd.DataFrame({"n": [10.0, np.nan, 9.0, 100.0], "t": ["b", None, "C", "a"]})
    model = TableModel(table)
    for column, order in (("n", [2, 0, 3, 1]), ("t", [3, 0, 2, 1])):
        model.sort(list(table).index(column))
        assert model.rows.tolist() == order
        model.sort(list(table).index(column), Qt.SortOrder.DescendingOrder)
        assert model.rows.tolist() == [*order[:3][::-1], 1]
    click_header(qtbot, shown, "voxels")
    assert shown.model.shown["label"].tolist() == [3, 1, 2]
    click_row(qtbot, shown, 0)
    assert label_in_the_middle(viewer) == 3
    click_header(qtbot, shown, "voxels")
    assert shown.model.shown["label"].tolist() == [2, 1, 3]


def test_filters_are_words_or_conditions(qtbot, viewer):
    shown = measure(qtbot, viewer)
    qtbot.keyClicks(shown.filter, "LIV")
    assert shown.model.shown["name"].tolist() == ["liver"]
    assert shown.count.text() == "1 of 3 rows"
    shown.filter.clear()
    qtbot.keyClicks(shown.filter, "mean >= 50")
    assert shown.model.shown["label"].tolist() == [1, 3]
    press(qtbot, shown.copy_button)
    assert len(QApplication.clipboard().text().strip().splitlines()) == 3
    assert matching(shown.table, "mean < x").tolist() == [False] * 3
    assert matching(shown.table, "dot 50").tolist() == [False, False, True]


def test_labels_are_coloured_by_a_column_and_back(qtbot, viewer):
    shown = measure(qtbot, viewer)
    layer = viewer.layers["regions"]
    ordinary = layer.colormap
    for column, (dark, bright) in {"mean": (2, 1), "voxels": (3, 2)}.items():
        shown.column.setCurrentText(column)
        press(qtbot, shown.colour_button)
        assert isinstance(layer.colormap, DirectLabelColormap)
        ends = layer.get_color(dark), layer.get_color(bright)
        assert np.allclose(ends, [[0.267, 0.005, 0.329, 1], [0.993, 0.906, 0.144, 1]], atol=1e-3)
    assert shown.scale.text() == "dark 1 · bright 240"
    press(qtbot, shown.uncolour_button)
    assert layer.colormap is ordinary


def test_several_rows_a_label_are_coloured_once_filtered(qtbot, viewer):
    said = []
    notification_manager.notification_ready.connect(lambda event: said.append(event.message))
    shown = measure(qtbot, viewer, "measure_radiomics", families=("statistics",))
    shown.column.setCurrentText("value")
    press(qtbot, shown.colour_button)
    assert "several rows" in said[-1]
    assert not isinstance(viewer.layers["regions"].colormap, DirectLabelColormap)
    feature = shown.table["tag"][0]
    qtbot.keyClicks(shown.filter, feature)
    press(qtbot, shown.colour_button)
    assert isinstance(viewer.layers["regions"].colormap, DirectLabelColormap)


def test_values_land_in_the_features_beside_what_is_there(qtbot, viewer):
    layer = viewer.layers["regions"]
    layer.features = layer.features.assign(seen=["", "yes", "no", "no"])
    measure(qtbot, viewer)
    found = layer.features.set_index("index")
    assert found["seen"].tolist() == ["", "yes", "no", "no"]
    assert found["name"].tolist() == ["background", "cyst", "liver", "dot"]
    assert found["mean"].tolist()[1:] == [100.0, 10.0, 50.0]
    status = layer.get_status(layer.data_to_world((2, 12, 12)), world=True)
    assert "mean: 10" in str(status)


def test_new_values_replace_old_ones_and_nothing_else():
    features = pd.DataFrame({"index": [1, 5], "dice": [0.1, 0.5], "note": ["a", "b"]})
    rows = pd.DataFrame({"dice": [0.9, 0.2]}, index=[1, 7])
    found = merged(features, rows)
    assert found["index"].tolist() == [1, 5, 7]
    assert found["dice"].tolist() == [0.9, 0.5, 0.2]
    assert found["note"].tolist()[:2] == ["a", "b"]


def test_tables_without_labels_change_no_features(viewer):
    layer = viewer.layers["regions"]
    before = layer.features.copy()
    assert not keep_features(layer, pd.DataFrame({"name": ["a"]}))
    assert layer.features.equals(before)


def test_the_dock_keeps_earlier_tables_until_they_are_discarded(qtbot, viewer):
    first = measure(qtbot, viewer)
    second = measure(qtbot, viewer, "compare_labels")
    dock = table_dock(viewer)
    assert dock.choice.count() == 2
    dock.choice.setCurrentIndex(0)
    assert dock.current is first
    press(qtbot, dock.discard_button)
    assert dock.current is second
    assert dock.choice.count() == 1
    viewer.window.remove_dock_widget(dock)
    assert table_dock(viewer).current is None


def test_a_removed_layer_is_left_alone(qtbot, viewer):
    shown = measure(qtbot, viewer)
    viewer.layers.clear()
    before = camera_of(viewer).center
    click_row(qtbot, shown, 1)
    press(qtbot, shown.colour_button)
    press(qtbot, shown.uncolour_button)
    assert camera_of(viewer).center == before


def test_the_rows_shown_are_saved_as_csv(qtbot, viewer, tmp_path):
    shown = measure(qtbot, viewer)
    qtbot.keyClicks(shown.filter, "voxels > 1")
    shown.save(tmp_path / "a.csv")
    assert pd.read_csv(tmp_path / "a.csv")["label"].tolist() == [1, 2]


def test_the_rows_shown_are_saved_as_excel(qtbot, viewer, tmp_path, monkeypatch):
    shown = measure(qtbot, viewer)
    name = str(tmp_path / "a")
    monkeypatch.setattr("qtpy.QtWidgets.QFileDialog.getSaveFileName", lambda *_: (name, ""))
    press(qtbot, shown.excel_button)
    assert pd.read_excel(tmp_path / "a.xlsx")["mean"].tolist() == [100, 10, 50]
