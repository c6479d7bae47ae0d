"""Window and level, orientation letters, the convention and Straighten, as a person uses them."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt

from napari_medai import Geometry, MedicalImage
from napari_medai.gui.contributions import as_layers
from napari_medai.gui.reading.orientation import letters_of, opposite, sides
from napari_medai.gui.reading.room import reading_room
from napari_medai.gui.reading.viewing import ViewingPanel
from napari_medai.gui.reading.window_level import caption, window_of

CT_META = {
    "modality": "CT",
    "value_unit": "HU",
    "window": {"center": 40, "width": 400},
    "windows": [
        {"name": "soft", "center": 40, "width": 400},
        {"name": "lungs", "center": -600, "width": 1600},
    ],
}


def scan(angle_deg: float = 0.0, meta: dict | None = None) -> MedicalImage:
    """A CT of 8 x 30 x 40 voxels, its slices turned about the left-right axis."""
    turn = np.deg2rad(angle_deg)
    affine = np.eye(4)
    affine[:3, 0] = 3 * np.array([0, -np.sin(turn), np.cos(turn)])
    affine[:3, 1] = [0, np.cos(turn), np.sin(turn)]
    affine[:3, 2] = [1, 0, 0]
    affine[:3, 3] = [-20, -15, 100]
    array = np.random.default_rng(0).integers(-1000, 1500, (8, 30, 40)).astype(np.int16)
    return MedicalImage(array, "zyx", Geometry(array.shape, affine), name="ct", meta=meta or CT_META)


def show(viewer, image):
    from napari.layers import Layer

    for data in as_layers([image]):
        viewer.add_layer(Layer.create(*data))
    return viewer.layers[-1]


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer()


@pytest.mark.parametrize(
    ("direction", "letters"),
    [((0, 0, 1), "L"), ((1, 0, 0), "S"), ((0, -1, 0), "A"), ((0, -0.9, 0.43), "AL"), ((0.2, 0, -0.98), "RI")],
)
def test_letters_name_the_nearest_sides_first(direction, letters):
    wanted = letters if direction != (0.2, 0, -0.98) else "RS"
    assert letters_of(np.array(direction)) == wanted
    assert letters_of(-np.array(direction)) == opposite(wanted)


VIEWS = [
    ((0, 1, 2), {"left": "R", "right": "L", "top": "A", "bottom": "P"}),
    ((1, 0, 2), {"left": "R", "right": "L", "top": "S", "bottom": "I"}),
    ((2, 0, 1), {"left": "A", "right": "P", "top": "S", "bottom": "I"}),
]


@pytest.mark.parametrize(("order", "wanted"), VIEWS, ids=["axial", "coronal", "sagittal"])
def test_each_view_stands_as_radiologists_expect_and_says_so(viewer, order, wanted):
    show(viewer, scan())
    viewer.dims.order = order
    texts = reading_room(viewer).texts.texts()
    assert {side: texts[side] for side in wanted} == wanted


def test_the_neurological_convention_turns_the_camera_and_no_voxel(viewer, qtbot):
    layer = show(viewer, scan())
    panel = ViewingPanel(viewer)
    qtbot.addWidget(panel)
    before = layer.data.copy()
    panel.convention.setCurrentIndex(1)
    panel.convention.activated.emit(1)
    assert sides(viewer)["left"] == "L"
    assert np.array_equal(layer.data, before)
    viewer.dims.order = (2, 0, 1)
    assert sides(viewer)["left"] == "A"


@pytest.mark.parametrize(
    ("ndisplay", "convention"), [(2, "radiological"), (2, "neurological"), (3, "radiological")]
)
def test_letters_agree_with_what_is_drawn(make_napari_viewer, ndisplay, convention):
    """A bright plate at the side of the patient that a letter names is drawn at that letter's edge."""
    viewer = make_napari_viewer(show=True)
    grid = Geometry.from_spacing((20, 20, 20), (2, 2, 2))
    meta = {**CT_META, "window": {"center": 50, "width": 100}}
    layer = show(viewer, MedicalImage(np.zeros(grid.shape, np.int16), "zyx", grid, name="ct", meta=meta))
    room = reading_room(viewer)
    room.set_convention(convention)
    viewer.dims.ndisplay = ndisplay
    viewer.dims.set_point(0, 20)
    if ndisplay == 3:
        viewer.scene.camera.angles = (10.0, 35.0, 20.0)
    for side, letters in room.texts.texts().items():
        if side in ("left", "right", "top", "bottom"):
            layer.data = plate(letters[0])
            picture = viewer.screenshot(canvas_only=True, flash=False)[..., :3].mean(axis=-1)
            middle = [(n - 1) / 2 for n in picture.shape]
            rows, columns = (
                picture.sum(axis=axis) @ np.arange(picture.shape[1 - axis]) / picture.sum() for axis in (1, 0)
            )
            lead = columns - middle[1] if side in ("left", "right") else rows - middle[0]
            assert picture.sum() > 0
            assert (lead < -10) if side in ("left", "top") else (lead > 10), side


def plate(letter):
    """A bright plate at one side of a dark cube."""
    axis = {"S": 0, "I": 0, "P": 1, "A": 1, "L": 2, "R": 2}[letter]
    data = np.zeros((20, 20, 20), np.int16)
    data[(slice(None),) * axis + (slice(16, 20) if letter in "SPL" else slice(0, 4),)] = 100
    return data


def test_an_oblique_view_says_so_and_is_straightened(viewer, qtbot):
    show(viewer, scan(20.0))
    panel = ViewingPanel(viewer)
    qtbot.addWidget(panel)
    texts = reading_room(viewer).texts.texts()
    assert texts["remark"] == "oblique 20°"
    assert texts["top"] == "AI"
    with qtbot.waitSignal(panel.runner.finished, timeout=30000):
        qtbot.mouseClick(panel.straighten_button, Qt.MouseButton.LeftButton)
    assert len(viewer.layers) == 2
    assert "remark" not in reading_room(viewer).texts.texts()
    assert not panel.straighten_button.isEnabled()


def test_no_letters_where_the_file_does_not_say_where_it_lies(viewer):
    flat = MedicalImage(np.zeros((20, 30), np.uint8), "yx", Geometry.from_spacing((20, 30)), name="x-ray")
    show(viewer, flat)
    assert set(reading_room(viewer).texts.texts()) == {"corner"}
    guess = scan(meta={"source": {"format": "nifti1", "transform": "pixdim"}})
    show(viewer, guess)
    assert set(reading_room(viewer).texts.texts()) == {"corner"}


def test_presets_are_the_scans_own_and_those_of_its_modality(viewer, qtbot):
    layer = show(viewer, scan())
    panel = ViewingPanel(viewer)
    qtbot.addWidget(panel)
    names = [panel.preset.itemText(i).split("  ")[0] for i in range(panel.preset.count())]
    assert names[:3] == ["as set below", "scan: soft", "scan: lungs"]
    assert {"brain", "lung", "bone", "soft tissue"} <= set(names)
    index = names.index("lung")
    panel.preset.setCurrentIndex(index)
    panel.preset.activated.emit(index)
    assert window_of(layer) == (-600, 1500)
    assert panel.preset.currentText().startswith("lung")
    assert (panel.level.value(), panel.width.value()) == (-600, 1500)
    assert reading_room(viewer).texts.texts()["corner"] == caption(layer) == "W 1500  L -600 HU"


def test_mr_has_no_presets_of_its_own(viewer, qtbot):
    show(viewer, scan(meta={"modality": "MR"}))
    panel = ViewingPanel(viewer)
    qtbot.addWidget(panel)
    assert [panel.preset.itemText(i) for i in range(panel.preset.count())] == ["as set below", "automatic"]


def test_typed_numbers_set_the_window(viewer, qtbot):
    layer = show(viewer, scan())
    panel = ViewingPanel(viewer)
    qtbot.addWidget(panel)
    panel.width.setValue(80)
    panel.level.setValue(35)
    assert window_of(layer) == pytest.approx((35, 80))


def test_dragging_with_the_right_button_widens_and_raises_the_window(viewer, qtbot):
    layer = show(viewer, scan())
    canvas = reading_room(viewer).texts.canvas
    zoom, (center, width) = viewer.scene.camera.zoom, window_of(layer)
    start = QPoint(canvas.width() // 2, canvas.height() // 2)
    qtbot.mousePress(canvas, Qt.MouseButton.RightButton, pos=start)
    _move(canvas, start + QPoint(60, 30))
    qtbot.mouseRelease(canvas, Qt.MouseButton.RightButton, pos=start + QPoint(60, 30))
    after = window_of(layer)
    assert after[1] > width
    assert after[0] > center
    assert viewer.scene.camera.zoom == zoom
    assert viewer.scene.camera.mouse_pan


def _move(canvas, place):
    """Send a mouse move with the right button held; QTest forgets the button."""
    from qtpy.QtCore import QEvent, QPointF
    from qtpy.QtGui import QMouseEvent
    from qtpy.QtWidgets import QApplication

    right = Qt.MouseButton.RightButton
    local, whole = QPointF(place), QPointF(canvas.mapToGlobal(place))
    event = QMouseEvent(
        QEvent.Type.MouseMove, local, whole, Qt.MouseButton.NoButton, right, Qt.KeyboardModifier.NoModifier
    )
    QApplication.sendEvent(canvas, event)


def test_a_closed_viewer_leaves_nothing_that_draws(make_napari_viewer):
    viewer = make_napari_viewer()
    layer = show(viewer, scan())
    room = reading_room(viewer)
    viewer.close()
    layer.contrast_limits = (0, 10)
    viewer.layers.clear()
    room.refresh()
