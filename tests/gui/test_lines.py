"""Lines drawn in a Shapes layer, taken for the points at their ends."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image, Points, Shapes

from napari_medai.catalog import find
from napari_medai.core.boxes import Boxes
from napari_medai.gui.form import OperationForm
from napari_medai.gui.forms.pickers import LayerPicker
from napari_medai.gui.guests import enter
from napari_medai.gui.history.plan import given_of

RULER = [[[2, 3], [2, 23]], [[5, 3], [15, 3]]]


def test_drawn_lines_become_their_ends_in_the_world():
    ends = enter(Shapes(RULER, shape_type="line", scale=(0.5, 0.5), units=("mm", "mm")))
    assert ends.names == ("line 1 start", "line 1 end", "line 2 start", "line 2 end")
    np.testing.assert_allclose(ends.positions, [[1.5, 1], [11.5, 1], [1.5, 2.5], [1.5, 7.5]])
    assert ends.unit == "mm"


def test_any_other_shape_is_still_a_box():
    mixed = Shapes([RULER[0], [[0, 0], [4, 4]]], shape_type=["line", "rectangle"])
    assert isinstance(enter(mixed), Boxes)


def test_a_line_calibrates_the_picture_it_is_drawn_on():
    from napari_medai.landmarks import calibrate_spacing

    picture = Image(np.zeros((30, 40)), name="film")
    sized = calibrate_spacing(picture, Shapes([RULER[0]], shape_type="line"), length_mm=10)
    np.testing.assert_allclose(sized.scale, [0.5, 0.5])
    assert str(sized.units[0]) == "millimeter"


def test_the_script_of_a_calibration_writes_the_line_out():
    given = given_of(Shapes([RULER[0]], shape_type="line", name="ruler"))
    assert given.kind == "points"
    assert given.literal == (
        "medai.Landmarks(('line 1 start', 'line 1 end'), [[3.0, 2.0], [23.0, 2.0]], unit='pixel')"
    )


@pytest.mark.parametrize(
    ("name", "parameter", "taken"),
    [("calibrate_spacing", "ruler", ["lines", "points"]), ("analyze_cephalogram", "landmarks", ["points"])],
)
def test_the_ruler_alone_is_chosen_among_shapes_too(qtbot, name, parameter, taken):
    wanted = next(p for p in find(name).inputs if p.name == parameter)
    picker = LayerPicker(wanted)
    qtbot.addWidget(picker)
    picker.offer(
        [Points(np.zeros((2, 2)), name="points"), Shapes([RULER[0]], shape_type="line", name="lines")]
    )
    assert [picker.itemText(k) for k in range(picker.count())] == taken


def test_the_length_of_a_ruler_is_in_mm_on_a_picture_in_pixels_too(qtbot):
    form = OperationForm(find("calibrate_spacing"))
    qtbot.addWidget(form)
    form.offer([Image(np.zeros((3, 4)), contrast_limits=(0, 1)), Shapes([RULER[0]], shape_type="line")])
    assert form.fields["length_mm"].widget.text() == "10 mm"
    assert next(p for p in find("detect_landmarks").options if p.name == "spacing_mm").calibrates
