"""Claims about meshes: closed, true to the world, kept in size, and read back from files."""

from __future__ import annotations

import numpy as np
import pytest
from label_shapes import ANISOTROPIC, ISOTROPIC, ball, labels

from napari_medai.core.errors import ArgumentError, WriteError
from napari_medai.core.geometry import Geometry
from napari_medai.core.image import MedicalImage
from napari_medai.measure.mesh import extract_mesh


@pytest.mark.parametrize("spacing", [ISOTROPIC, ANISOTROPIC])
def test_a_smoothed_ball_is_closed_and_nearly_a_ball(spacing):
    shape = tuple(int(48 / s) for s in spacing)
    region = labels(ball(shape, [24] * 3, 16, spacing), spacing)
    mesh = extract_mesh(region, smoothing_mm=2.0)
    assert mesh.is_closed
    away = np.linalg.norm(mesh.vertices - 24, axis=1)
    assert away.mean() == pytest.approx(16, abs=0.3)
    assert mesh.volume == pytest.approx(4 / 3 * np.pi * 16**3, rel=0.03)
    # the staircase of voxels is gone: a ball's area, which raw marching cubes overstate by 9 %
    assert mesh.area == pytest.approx(4 * np.pi * 16**2, rel=0.03)


def test_without_smoothing_the_surface_runs_half_way_between_voxels():
    array = np.zeros((8, 8, 8), np.uint8)
    array[2:5, 3:6, 1:4] = 1
    mesh = extract_mesh(labels(array, ANISOTROPIC))
    assert mesh.vertices.min(axis=0) == pytest.approx([0.5, 2.5, 7.5])
    assert mesh.vertices.max(axis=0) == pytest.approx([3.5, 5.5, 22.5])


def test_larger_triangles_are_fewer_and_stay_closed_and_near():
    region = labels(ball((40, 40, 40), (20, 20, 20), 14))
    fine, coarse = extract_mesh(region), extract_mesh(region, triangle_mm=3.0)
    assert coarse.is_closed
    assert len(coarse.faces) < len(fine.faces) / 6
    assert np.abs(np.linalg.norm(coarse.vertices - 20, axis=1) - 14).max() < 1
    with pytest.raises(ArgumentError, match="too large"):
        extract_mesh(region, triangle_mm=200.0)
    with pytest.raises(ArgumentError, match="larger than the region"):
        extract_mesh(region, smoothing_mm=40.0)


def test_triangles_face_outwards_on_a_mirrored_oblique_grid():
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    turn *= -np.sign(np.linalg.det(turn))
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = turn * [2, 1, 1], [10, 20, 30]
    array = np.zeros((12, 20, 20), np.uint8)
    array[4:8, 6:14, 6:14] = 3
    geometry = Geometry(array.shape, affine)
    mesh = extract_mesh(MedicalImage(array, "zyx", geometry, "labels"), label=3)
    assert mesh.volume > 0
    assert mesh.vertices.mean(axis=0) == pytest.approx(geometry.index_to_world([5.5, 9.5, 9.5]), abs=0.05)
    assert mesh.history[-1].operation == "extract_mesh"


def test_what_cannot_be_a_surface_is_refused():
    with pytest.raises(ArgumentError, match=r"no voxels.*Labels here: 1"):
        extract_mesh(labels(np.ones((3, 3, 3))), label=5)
    with pytest.raises(ArgumentError, match="2-D"):
        extract_mesh(labels(np.ones((3, 3)), (1.0, 1.0)))


def read_stl(data):
    record = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("spare", "<u2")])
    triangles = np.frombuffer(data, record, offset=84)
    assert np.frombuffer(data, "<u4", 1, 80)[0] == len(triangles)
    return data[:80].decode(), triangles["corners"]


def read_obj(data):
    lines = data.decode().splitlines()
    vertices = np.array([line.split()[1:] for line in lines if line.startswith("v ")], float)
    faces = np.array([line.split()[1:] for line in lines if line.startswith("f ")], int) - 1
    return lines[0], vertices[faces]


def read_ply(data):
    header, body = data.split(b"end_header\n")
    count = int(header.split(b"element vertex ")[1].split()[0])
    vertices = np.frombuffer(body, "<f4", count * 3).reshape(-1, 3)
    faces = np.frombuffer(body, np.dtype([("n", "u1"), ("v", "<i4", 3)]), offset=count * 12)
    return header.decode(), vertices[faces["v"]]


@pytest.mark.parametrize("reader", [read_stl, read_obj, read_ply])
@pytest.mark.parametrize("frame", ["LPS", "RAS"])
def test_files_hold_the_triangles_and_say_their_frame(tmp_path, reader, frame):
    mesh = extract_mesh(labels(ball((12, 14, 16), (6, 7, 8), 4)))
    path = tmp_path / f"ball.{reader.__name__[-3:]}"
    mesh.save(path, frame)
    said, corners = reader(path.read_bytes())
    assert f"SPACE={frame} UNIT=mm" in said
    expected = mesh.vertices[mesh.faces] * ([1, 1, 1] if frame == "LPS" else [-1, -1, 1])
    assert corners == pytest.approx(expected, abs=1e-5)


def test_an_unknown_suffix_writes_nothing(tmp_path):
    mesh = extract_mesh(labels(ball((8, 8, 8), (4, 4, 4), 2)))
    with pytest.raises(WriteError, match=r"\.stl, \.obj, \.ply"):
        mesh.save(tmp_path / "ball.vtk")
    with pytest.raises(WriteError, match="no folder"):
        mesh.save(tmp_path / "nowhere" / "ball.stl")
    assert not list(tmp_path.iterdir())
