"""Boxes through CSV: every corner comes back bit for bit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_medai import Boxes
from napari_medai.core.errors import ReadError, WriteError
from napari_medai.io.boxes import read_boxes, write_boxes

number = st.floats(-1e6, 1e6)


@given(st.lists(st.tuples(number, number), min_size=2, max_size=3), st.sampled_from(["mm", "pixel"]))
def test_corners_and_unit_come_back(tmp_path_factory, sides, unit):
    lower, upper = np.sort(np.array(sides), axis=1).T
    boxes = Boxes([lower], [upper], ("left, upper",), unit=unit)
    again = read_boxes(write_boxes(boxes, tmp_path_factory.mktemp("boxes") / "b.csv"))
    np.testing.assert_array_equal(again.lower, boxes.lower)
    np.testing.assert_array_equal(again.upper, boxes.upper)
    assert (again.labels, again.unit, again.scores) == (boxes.labels, unit, None)


def test_scores_come_back(tmp_path):
    boxes = Boxes([[0, 0], [1, 1]], [[2, 2], [3, 3]], ("a", "b"), scores=[0.25, 0.5])
    assert read_boxes(write_boxes(boxes, tmp_path / "b.csv")).scores.tolist() == [0.25, 0.5]


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("label,x_min,y_min,x_max,y_max\na,0,0,1,1\n", "frame"),
        ("# frame: LPS, unit: mm\nlabel,x_min,y_min,x_max,y_max\n", "no box"),
        ("# frame: LPS, unit: mm\nlabel,x_min,y_min,x_max,y_max\na,5,0,1,1\n", "lower corner"),
        ("# frame: LPS, unit: mm\nlabel,x_min,y_min\na,5,0\n", "boxes"),
    ],
)
def test_what_is_not_a_table_of_boxes_is_refused(tmp_path, text, finding):
    (tmp_path / "b.csv").write_text(text)
    with pytest.raises(ReadError, match=finding):
        read_boxes(tmp_path / "b.csv")


def test_only_csv_is_written(tmp_path):
    with pytest.raises(WriteError, match=r"\.csv"):
        write_boxes(Boxes([[0, 0]], [[1, 1]], ("a",)), tmp_path / "b.json")
