"""Landmarks through files and back, in the frame that each file states."""

from __future__ import annotations

import json

import numpy as np
import pytest

from napari_medai.core.errors import ReadError, WriteError
from napari_medai.core.landmarks import Landmarks
from napari_medai.io.points import read_points, write_points

POINTS = Landmarks(("nasion", "Sella, ä", "x"), [[1.5, -2.25, 1e-7], [100, 0, -3.3], [1 / 3, 2 / 3, 1e3]])


@pytest.mark.parametrize("suffix", [".csv", ".fcsv", ".mrk.json"])
def test_names_and_positions_come_back_exactly(tmp_path, suffix):
    back = read_points(write_points(POINTS, tmp_path / f"p{suffix}"))
    assert back.names == POINTS.names
    assert np.array_equal(back.positions, POINTS.positions)
    assert (back.unit, back.name) == ("mm", "p.mrk" if suffix == ".mrk.json" else "p")


def test_a_table_states_its_frame_and_keeps_the_confidence(tmp_path):
    sure = POINTS.replace(confidence=[0.25, 1.0, 1 / 3])
    path = write_points(sure, tmp_path / "p.csv")
    assert path.read_text().startswith("# frame: LPS, unit: mm\nname,x,y,z,confidence\n")
    assert np.array_equal(read_points(path, frame="RAS").confidence, sure.confidence)
    assert np.array_equal(read_points(path, frame="RAS").positions, sure.positions)


def test_points_of_a_picture_come_back_in_pixels(tmp_path):
    flat = Landmarks(("a", "b"), [[1, 2], [3, 4]], unit="pixel")
    back = read_points(write_points(flat, tmp_path / "p.csv"))
    assert back.unit == "pixel"
    assert np.array_equal(back.positions, flat.positions)
    with pytest.raises(WriteError, match="in space"):
        write_points(flat, tmp_path / "p.fcsv")


@pytest.mark.parametrize("system", ["RAS", "0"])
def test_slicers_older_frame_is_turned(tmp_path, system):
    (tmp_path / "p.fcsv").write_text(
        f"# Markups fiducial file version = 4.10\n# CoordinateSystem = {system}\n"
        "# columns = id,x,y,z,ow,ox,oy,oz,vis,sel,lock,label,desc,associatedNodeID\n"
        "vtk_0,1,2,3,0,0,0,1,1,1,0,tip,,\n"
    )
    assert read_points(tmp_path / "p.fcsv")["tip"].tolist() == [-1, -2, 3]


def test_markups_without_a_position_are_left_out(tmp_path):
    points = [
        {"label": "a", "position": [1, 2, 3], "positionStatus": "defined"},
        {"label": "b", "position": [0, 0, 0], "positionStatus": "undefined"},
    ]
    markup = {"type": "Fiducial", "coordinateSystem": "RAS", "controlPoints": points}
    (tmp_path / "p.mrk.json").write_text(json.dumps({"markups": [markup]}))
    back = read_points(tmp_path / "p.mrk.json")
    assert back.names == ("a",)
    assert back["a"].tolist() == [-1, -2, 3]


def test_a_plain_table_is_read_in_the_frame_that_is_asked_for(tmp_path):
    (tmp_path / "p.csv").write_text("label,x,y,z\na,1,2,3\na,4,5,6\n,7,8,9\n")
    assert read_points(tmp_path / "p.csv").names == ("a", "a (2)", "point 3")
    assert read_points(tmp_path / "p.csv", frame="RAS")["a"].tolist() == [-1, -2, 3]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("p.csv", "name,u,v\na,1,2\n"),
        ("p.csv", "name,x,y,z\na,1,two,3\n"),
        ("p.csv", "name,x,y,z\na,1,2\n"),
        ("p.csv", "name,x,y,z\na,1,2,nan\n"),
        ("p.fcsv", "1,2\n"),
        ("p.mrk.json", "{}"),
        ("p.mrk.json", '{"markups": [{"controlPoints": [{"position": [1, 2]}]}]}'),
        ("p.txt", "a"),
    ],
)
def test_what_is_no_list_of_points_is_refused_by_name(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    with pytest.raises(ReadError, match=name):
        read_points(tmp_path / name)
