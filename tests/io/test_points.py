"""Landmarks through CSV: nothing moves, and what is not said is not guessed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_medai import Landmarks
from napari_medai.core.errors import ReadError, WriteError
from napari_medai.io.points import landmarks_text, read_landmarks, write_landmarks

coordinate = st.floats(-1e6, 1e6)


@given(st.lists(st.tuples(coordinate, coordinate, coordinate), min_size=1, max_size=5))
def test_positions_come_back_bit_for_bit(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("points") / "p.csv"
    points = Landmarks(tuple(f"p {k}, left" for k in range(len(rows))), np.array(rows), unit="mm")
    write_landmarks(points, path)
    again = read_landmarks(path)
    np.testing.assert_array_equal(again.positions, points.positions)
    assert again.names == points.names


def test_unit_plane_and_confidence_come_back(tmp_path):
    points = Landmarks(("a", "b"), [[1, 2], [3, 4]], confidence=[0.25, 1.0], unit="pixel")
    again = read_landmarks(write_landmarks(points, tmp_path / "p.csv"))
    assert again.unit == "pixel"
    assert again.positions.shape == (2, 2)
    assert again.confidence.tolist() == [0.25, 1.0]


def test_the_form_of_the_sample_points_is_read(tmp_path):
    from napari_medai.phantoms.samples import write_sample

    path = next(p for p in write_sample("mr-head", tmp_path) if p.suffix == ".csv")
    assert len(read_landmarks(path)) > 3


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("name,x,y,z\na,1,2,3\n", "frame"),
        ("# frame: RAS, unit: mm\nname,x,y,z\na,1,2,3\n", "frame"),
        ("# frame: LPS, unit: mm\nname,x,y,z\n", "no point"),
        ("# frame: LPS, unit: mm\nname,x,y,z\na,1,2,three\n", "three"),
        ("# frame: LPS, unit: mm\nname,x,y,z\na,1,2\n", "landmarks"),
        ("# frame: LPS, unit: mm\nname,x,y,z\na,1,2,nan\n", "NaN"),
    ],
)
def test_what_is_not_a_table_of_points_is_refused(tmp_path, text, finding):
    path = tmp_path / "p.csv"
    path.write_text(text)
    with pytest.raises(ReadError, match=finding):
        read_landmarks(path)


def test_only_csv_is_written(tmp_path):
    with pytest.raises(WriteError, match=r"\.csv"):
        write_landmarks(Landmarks(("a",), [[1.0, 2.0, 3.0]]), tmp_path / "p.txt")
    assert list(tmp_path.iterdir()) == []
    assert landmarks_text(Landmarks(("a",), [[1.0, 2.0, 3.0]])).splitlines()[1] == "name,x,y,z"
