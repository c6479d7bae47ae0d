"""Landmarks in the viewer: colours, ellipses, looking through, and cases to learn from."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Layer

from napari_medai import Geometry, Landmarks, MedicalImage
from napari_medai.gui.landmarks.drawing import layer_from_drawing, layer_from_uncertainty
from napari_medai.gui.landmarks.review import LandmarkReview
from napari_medai.gui.layers import layers_from_image
from napari_medai.gui.points import landmarks_from_layer, layer_from_landmarks
from napari_medai.gui.results import present
from napari_medai.io.point_folder import read_marked_images
from napari_medai.landmarks import analyze_cephalogram

FOUND = Landmarks(
    ("a", "b", "c"),
    [[10, 20], [30, 5], [22, 28]],
    covariance=[np.eye(2), [[4, 0], [0, 1]], np.eye(2)],
    confidence=[0.9, 0.2, 0.6],
    absent=[False, False, True],
)


@pytest.fixture
def review(qtbot):
    viewer = ViewerModel()
    image = MedicalImage(
        np.zeros((40, 50), np.float32), "yx", Geometry.from_spacing((40, 50), (1, 1)), name="x ray"
    )
    for layer in (*layers_from_image(image), layer_from_landmarks(FOUND)):
        viewer.add_layer(Layer.create(*layer))
    widget = LandmarkReview(viewer)
    qtbot.addWidget(widget)
    return widget


def test_doubtful_points_are_red_and_sure_ones_green():
    layer = Layer.create(*layer_from_landmarks(FOUND))
    sure, doubtful = layer.face_color[0], layer.face_color[1]
    assert sure[1] > sure[0]
    assert doubtful[0] > doubtful[1]
    assert landmarks_from_layer(*layer.as_layer_data_tuple()[:2]).absent.tolist() == [False, False, True]


def test_ellipses_lie_around_the_points_that_are_there_and_are_as_wide_as_they_should():
    data, arguments, kind = layer_from_uncertainty(FOUND, "90 %")
    assert kind == "shapes"
    assert arguments["features"]["name"] == ["a", "b"]
    half = np.ptp(data[1], axis=0) / 2
    np.testing.assert_allclose(half, np.sqrt(4.605) * np.array([1, 2]), rtol=0.01)  # (y, x)
    np.testing.assert_allclose(data[1][:-1].mean(axis=0), [5, 30], atol=0.05)
    assert len(Layer.create(data, arguments, kind).data) == 2


def test_in_space_each_point_has_three_ellipses():
    points = Landmarks(("a",), [[1, 2, 3]], covariance=np.eye(3)[None])
    data, _, _ = layer_from_uncertainty(points, "x")
    assert len(data) == 3
    assert layer_from_uncertainty(points.replace(covariance=None), "x") is None


def test_an_analysis_is_shown_as_a_table_and_lines_with_texts():
    points = Landmarks(("S", "N", "A", "B"), [[0, 0], [70, -5], [66, 55], [60, 95]])
    shown = present(analyze_cephalogram(points), "ceph")
    assert [title for title, _ in shown.tables] == ["ceph · table"]
    (layer,) = (Layer.create(*data) for data in shown.layers)
    assert layer.ndim == 2
    assert len(layer.data) == 3
    assert "SNA" in layer.features["text"].iloc[1]
    np.testing.assert_allclose(layer.data[0], [[0, 0], [-5, 70]])


def test_next_goes_to_the_least_certain_point_until_all_are_accepted(review):
    review.show_next()
    assert review.layer.selected_data == {1}
    np.testing.assert_allclose(review.viewer.scene.camera.center[-2:], [5, 30])
    review.accept_selected()
    assert review.layer.selected_data == {2}
    review.accept_all()
    review.show_next()
    assert review.said.text() == "Every point is accepted."
    back = landmarks_from_layer(*review.layer.as_layer_data_tuple()[:2])
    assert back.confidence.tolist() == [1, 1, 1]
    assert not back.absent.any()


def test_without_points_it_asks_for_them(qtbot):
    widget = LandmarkReview(ViewerModel())
    qtbot.addWidget(widget)
    widget.show_next()
    assert "Select a layer of points" in widget.said.text()


def test_corrected_points_become_a_case_that_training_reads(review, tmp_path):
    layer = review.layer
    layer.data = layer.data + np.array([0.0, 1.0])
    review.accept_all()
    review.add_to(tmp_path)
    review.add_to(tmp_path)
    marked = read_marked_images(tmp_path)
    assert len(marked) == 2
    np.testing.assert_allclose(marked[0].readers[0].positions, FOUND.positions + np.array([1, 0]))


def test_a_page_is_written_about_the_points_of_a_cephalogram(review, tmp_path):
    from napari.utils.notifications import notification_manager

    review.report_to(tmp_path / "no.html")
    assert "None of the measures" in review.said.text()
    notification_manager.records.clear()
    layer = review.layer
    names = ["N", "A", "B"]
    layer.features = layer.features.assign(name=names)
    layer.add([10.0, 2.0])
    layer.features = layer.features.assign(name=[*names, "S"], absent=[False] * 4)
    review.report_to(tmp_path / "yes.html")
    assert review.said.text() == "Wrote yes.html."
    assert "ANB" in (tmp_path / "yes.html").read_text()


def test_the_panel_offers_the_group_and_the_review(make_napari_viewer):
    viewer = make_napari_viewer()
    _, panel = viewer.window.add_plugin_dock_widget("napari-medai", "Landmarks")
    assert panel.operation.name == "detect_landmarks"
    assert panel.review.isVisibleTo(panel)


def test_a_drawing_without_lines_is_an_empty_layer():
    from napari_medai.landmarks.drawing import Drawing

    data, arguments, kind = layer_from_drawing(Drawing((), (), ()), "none")
    assert len(Layer.create(data, arguments, kind).data) == 0
