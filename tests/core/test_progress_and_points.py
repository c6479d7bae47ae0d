"""Reports of progress, and named points."""

from __future__ import annotations

import numpy as np
import pytest

from napari_medai import Boxes, Landmarks
from napari_medai.core.errors import ArgumentError
from napari_medai.core.progress import Step, part, track


def test_a_loop_reports_before_each_item_and_at_the_end():
    heard: list[Step] = []
    assert list(track("ab", heard.append, "Letters")) == ["a", "b"]
    assert [(s.done, s.total) for s in heard] == [(0, 2), (1, 2), (2, 2)]
    assert {s.message for s in heard} == {"Letters"}


def test_a_stretch_of_a_longer_job():
    heard: list[Step] = []
    inner = part(heard.append, 0.5, 0.75, "Second half")
    list(track(range(2), inner))
    assert [s.done for s in heard] == [0.5, 0.625, 0.75]
    assert heard[0].message == "Second half"


def test_iterators_without_a_length_are_counted():
    heard: list[Step] = []
    list(track((n for n in range(3)), heard.append))
    assert heard[-1].fraction == 1.0


def test_landmarks_are_found_by_name():
    points = Landmarks(["a", "b"], [[1, 2, 3], [4, 5, 6]], confidence=[0.5, 1.0])
    assert points["b"].tolist() == [4, 5, 6]
    assert points.selected(["b"]).confidence.tolist() == [1.0]
    with pytest.raises(ArgumentError, match="'c'; there are a, b"):
        points["c"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"names": ["a", "a"]}, "more than once"),
        ({"names": ["a"]}, "positions of shape"),
        ({"positions": [[0, 0, np.nan], [0, 0, 0]]}, "NaN"),
        ({"covariance": np.zeros((2, 2, 2))}, "covariance of shape"),
    ],
)
def test_points_that_do_not_fit_are_refused(fields, said):
    with pytest.raises(ArgumentError, match=said):
        Landmarks(**{"names": ["a", "b"], "positions": np.zeros((2, 3)), **fields})


def test_boxes_are_ordered():
    assert len(Boxes([[0, 0]], [[1, 1]], ["cell"], scores=[0.9])) == 1
    with pytest.raises(ArgumentError, match="above its upper"):
        Boxes([[2, 0]], [[1, 1]], ["cell"])
