"""Results of every kind, made ready for the viewer."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from napari.layers import Layer, Shapes, Surface

from napari_medai import Boxes, Geometry, Landmarks, MedicalImage
from napari_medai.gui.boxes import boxes_from_layer
from napari_medai.gui.results import present
from napari_medai.gui.tables.table import as_text
from napari_medai.measure import extract_mesh

GRID = Geometry.from_spacing((8, 9, 10), (2.0, 1.0, 1.0), (5.0, 6.0, 7.0))


def ball():
    z, y, x = np.indices(GRID.shape)
    inside = (2 * (z - 3.5)) ** 2 + (y - 4) ** 2 + (x - 4.5) ** 2 < 10
    return MedicalImage(inside.astype("uint8"), "zyx", GRID, "labels", name="ball")


class Pair(NamedTuple):
    warped: MedicalImage
    marks: Landmarks


def test_parts_are_named_after_their_fields():
    shown = present(Pair(ball(), Landmarks(("a",), [[1.0, 2.0, 3.0]])), "scan · step")
    assert [state["name"] for _, state, _ in shown.layers] == ["scan · step · warped", "scan · step · marks"]


def test_several_results_are_numbered():
    shown = present((ball(), ball()), "scan · step")
    assert [state["name"] for _, state, _ in shown.layers] == ["scan · step · 1", "scan · step · 2"]


def test_mesh_becomes_a_surface_around_its_labels():
    mesh = extract_mesh(ball())
    (data,) = present(mesh, "ball surface").layers
    layer = Layer.create(*data)
    assert isinstance(layer, Surface)
    assert [str(u) for u in layer.units] == ["millimeter"] * 3
    low, high = layer.extent.world
    assert np.all(np.abs((low + high)[::-1] / 2 - GRID.index_to_world([3.5, 4, 4.5])) < 0.5)
    vertices, faces = layer.data[0], layer.data[1]
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    volume = (a * np.cross(b, c)).sum() / 6
    assert abs(volume) == pytest.approx(mesh.volume, rel=1e-6)
    assert volume > 0


def test_nothing_gives_nothing():
    shown = present(None, "x")
    assert (shown.layers, shown.tables, shown.remarks) == ((), (), ())


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (96.00000000000001, "96"), (29382390.25, "29382390"), (1.25e-7, "1.25e-07"), (float("nan"), ""),
        (None, ""), (np.float32(0.5), "0.5"), ("liver", "liver"), (np.int64(12), "12"), (True, "True"),
        (3e15, "3e+15"), (-123456.7, "-123457"),
    ],
)  # fmt: skip
def test_cells_are_written_as_people_do(value, text):
    assert as_text(value) == text


def test_plain_values_are_a_document_to_be_saved(qtbot, tmp_path):
    import json

    from napari_medai.gui.document import DocumentPanel

    shown = present({"schema": "x", "numbers": list(range(5000))}, "scan · learnt")
    ((title, values),) = shown.documents
    assert title == "scan · learnt"
    panel = DocumentPanel(title, values)
    qtbot.addWidget(panel)
    assert len(panel.view.toPlainText()) < 3000
    panel.save(tmp_path / "a.json")
    assert json.loads((tmp_path / "a.json").read_text()) == values


def test_boxes_come_back_from_their_rectangles():
    boxes = Boxes(
        [[0.0, 1.0, 2.0], [5.0, 5.0, 5.0]], [[3.0, 4.0, 6.0], [6.0, 7.0, 8.0]], ("a", "b"), [0.5, 0.75]
    )
    (data,) = present(boxes, "found").layers
    layer = Layer.create(*data)
    assert isinstance(layer, Shapes)
    assert len(layer.data) == 4
    back = boxes_from_layer(*layer.as_layer_data_tuple()[:2])
    assert np.allclose(back.lower, boxes.lower)
    assert np.allclose(back.upper, boxes.upper)
    assert (back.labels, back.unit) == (("a", "b"), "mm")


def test_rectangles_drawn_on_two_slices_make_one_box_in_mm():
    square = [[0.0, 10.0, 20.0], [0.0, 10.0, 30.0], [0.0, 15.0, 30.0], [0.0, 15.0, 20.0]]
    above = [[4.0, y, x] for _, y, x in square]
    layer = Shapes([square, above], scale=(2, 1, 1), units=("mm",) * 3)
    box = boxes_from_layer(*layer.as_layer_data_tuple()[:2])
    assert box.lower.tolist() == [[20.0, 10.0, 0.0]]
    assert box.upper.tolist() == [[30.0, 15.0, 8.0]]


def test_every_rectangle_of_a_flat_image_is_a_box():
    layer = Shapes([[[0.0, 0.0], [5.0, 5.0]], [[10.0, 10.0], [20.0, 30.0]]], units=("mm",) * 2)
    assert len(boxes_from_layer(*layer.as_layer_data_tuple()[:2])) == 2


def test_a_layer_without_shapes_gives_no_box():
    layer = Shapes(ndim=3)
    assert len(boxes_from_layer(*layer.as_layer_data_tuple()[:2])) == 0
