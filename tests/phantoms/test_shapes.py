"""Shapes, deformations and the canvas against formulas."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medai import Geometry
from napari_medai.phantoms.canvas import Canvas, grid_points
from napari_medai.phantoms.deformation import Deformation, draw_shears, pointing, rotation
from napari_medai.phantoms.shapes import Shape, box, capsule, curve, ellipsoid, smooth_union
from napari_medai.phantoms.torso_plan import draw_pose

GRID = Geometry.from_spacing((80, 80, 80), (1.0, 1.0, 1.0), (-39.5, -39.5, -39.5))
STILL = Deformation(np.eye(3), np.zeros(3))


def volume(solid: Shape) -> float:
    return float((solid.distance(grid_points(GRID)) < 0).sum())


@pytest.mark.parametrize(
    ("solid", "expected"),
    [
        (ellipsoid([0, 0, 0], [20, 15, 25]), 4 / 3 * np.pi * 20 * 15 * 25),
        (ellipsoid([3, -2, 1], [14, 12, 25], rotation([20, 30, 40]), 0.008), 4 / 3 * np.pi * 14 * 12 * 25),
        (capsule([-10, 0, 0], [10, 5, 0], 12), np.pi * 144 * np.hypot(20, 5) + 4 / 3 * np.pi * 12**3),
        (box([0, 1, 2], [12.5, 9.5, 20], rotation([0, 0, 30])), 8 * 12.5 * 9.5 * 20),
    ],
)
def test_volume_of_a_shape_is_that_of_the_formula(solid: Shape, expected: float) -> None:
    # counting voxel centres: the error is a small part of the surface's 1 mm layer
    assert volume(solid) == pytest.approx(expected, rel=0.005)


def test_no_part_of_a_shape_lies_outside_its_box() -> None:
    points = grid_points(GRID)
    for solid in (
        ellipsoid([3, -2, 1], [14, 12, 25], rotation([20, 30, 40]), 0.02),
        capsule([-10, 5, 0], [10, -20, 5], 6, 12),
        box([0, 1, 2], [12, 9, 20], rotation([10, 20, 30])),
        smooth_union(ellipsoid([-9, 0, 0], [10, 10, 10]), ellipsoid([12, 0, 0], [9, 9, 9]), 10),
        ellipsoid([20, 4, 0], [5, 6, 7]).mirrored(),
    ):
        inside = points[:, solid.distance(points) < 0]
        assert inside.size
        assert np.all(inside >= solid.low[:, None] - 1e-9)
        assert np.all(inside <= solid.high[:, None] + 1e-9)


def test_distance_to_a_ball_and_a_rod_is_exact() -> None:
    points = np.random.default_rng(0).uniform(-30, 30, (3, 500))
    ball = np.linalg.norm(points - [[1], [2], [3]], axis=0) - 7
    np.testing.assert_allclose(ellipsoid([1, 2, 3], [7, 7, 7]).distance(points), ball, atol=1e-9)
    rod = capsule([0, 0, 0], [0, 0, 10], 2).distance(points)
    np.testing.assert_allclose(
        rod, np.hypot(np.hypot(points[0], points[1]), points[2] - np.clip(points[2], 0, 10)) - 2, atol=1e-9
    )


def test_a_curve_runs_through_its_points() -> None:
    knots = np.array([[0, 0, 0], [10, 5, 0], [12, 20, 7], [0, 30, 9]], float)
    np.testing.assert_allclose(curve(knots, 4)[::4], knots, atol=1e-12)


@given(seed=st.integers(0, 10_000))
@settings(deadline=None, max_examples=25)
def test_deformation_is_undone_exactly_and_keeps_volume(seed: int) -> None:
    pose = draw_pose(np.random.default_rng(seed))
    points = np.random.default_rng(seed + 1).uniform(-150, 150, (3, 60))
    np.testing.assert_allclose(pose.to_patient(pose.to_anatomy(points)), points, atol=1e-9)
    step = 1e-4
    ahead = [pose.to_anatomy(points + step * np.eye(3)[:, [i]]) for i in range(3)]
    behind = [pose.to_anatomy(points - step * np.eye(3)[:, [i]]) for i in range(3)]
    jacobian = np.stack([(a - b) / (2 * step) for a, b in zip(ahead, behind, strict=True)], axis=1)
    local = 1 / np.abs(np.linalg.det(np.moveaxis(jacobian, -1, 0)))
    np.testing.assert_allclose(local, pose.volume_factor, rtol=1e-6)


@given(seed=st.integers(0, 10_000))
@settings(deadline=None, max_examples=25)
def test_pointing_gives_a_rotation_to_the_direction(seed: int) -> None:
    direction = np.random.default_rng(seed).normal(size=3)
    turn = pointing(direction)
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(turn) == pytest.approx(1)
    np.testing.assert_allclose(turn[:, 2], direction / np.linalg.norm(direction), atol=1e-12)


def test_painting_in_a_window_misses_nothing() -> None:
    rng = np.random.default_rng(3)
    affine = np.eye(4)
    affine[:3, :3] = rotation([20, -10, 30]) @ Geometry.from_spacing((1, 1, 1), (5, 2, 3)).matrix
    affine[:3, 3] = [-40, -60, -50]
    pose = Deformation(rotation([5, 6, 7]) / 1.1, np.array([4.0, 5, 6]), draw_shears(rng, 5, (40, 90)))
    geometry = Geometry((25, 60, 40), affine)
    canvas = Canvas(geometry, pose, 0.0, 2.0)
    solid = ellipsoid([5, -4, 3], [25, 14, 20], rotation([10, 20, 30]))
    canvas.paint(solid, 100.0, 3)
    expected = solid.distance(pose.to_anatomy(grid_points(geometry)))
    assert np.array_equal(canvas.labels == 3, expected < 0)
    np.testing.assert_allclose(canvas.values, 100 * np.clip(0.5 - expected / 2, 0, 1), atol=1e-9)


def test_painted_volume_is_right_below_the_size_of_a_voxel() -> None:
    canvas = Canvas(Geometry.from_spacing((20, 20, 20), (4, 4, 4), (-38, -38, -38)), STILL, 0.0, 4.0)
    canvas.paint(ellipsoid([0, 0, 0], [22, 22, 22]), 1.0)
    # a linear fade of width w over a ball adds w^2 / 4r^2 of its volume: 0.8 % here
    assert canvas.values.sum() * 64 == pytest.approx(4 / 3 * np.pi * 22**3, rel=0.015)
