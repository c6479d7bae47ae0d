"""Grids: maps there and back, and what every reordering keeps."""

from __future__ import annotations

import numpy as np
import pytest
from grids import ORIENTATIONS, geometries, make_geometry
from hypothesis import given
from hypothesis import strategies as st

from napari_medai import Geometry
from napari_medai.core.errors import GeometryError
from napari_medai.core.geometry import Reorientation


def test_standard_axial_scan():
    grid = Geometry.from_spacing((10, 20, 30), (5.0, 1.0, 0.5), (-7.5, -10.0, 100.0))
    assert grid.orientation == "SPL"
    assert grid.spacing.tolist() == [5.0, 1.0, 0.5]
    assert grid.origin.tolist() == [-7.5, -10.0, 100.0]
    assert grid.voxel_volume == pytest.approx(2.5)
    assert grid.index_to_world([2, 3, 4]).tolist() == [-5.5, -7.0, 110.0]


@given(geometries(sheared=True), st.integers(0, 2**31))
def test_index_and_world_invert_each_other(grid: Geometry, seed: int):
    points = np.random.default_rng(seed).uniform(-10, 10, (5, 3))
    assert np.allclose(grid.world_to_index(grid.index_to_world(points)), points, atol=1e-8)


@given(geometries(sheared=True))
def test_nearest_axes_is_lossless_and_standard(grid: Geometry):
    array = np.arange(np.prod(grid.shape)).reshape(grid.shape)
    reorientation = grid.nearest_axes()
    turned, moved = reorientation.apply(array), reorientation.apply_geometry(grid)
    assert moved.nearest_axes().is_identity
    assert reorientation.undo_geometry(moved).is_close(grid, 1e-9)
    assert np.array_equal(reorientation.undo(turned), array)
    for index in np.ndindex(*moved.shape):
        world = moved.index_to_world(index)
        original = np.round(grid.world_to_index(world)).astype(int)
        assert array[tuple(original)] == turned[index]


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_every_orientation_becomes_spl(orientation: np.ndarray):
    grid = make_geometry((3, 4, 5), orientation, (1.0, 2.0, 3.0), (10.0, -8.0, 5.0))
    assert grid.nearest_axes().apply_geometry(grid).orientation == "SPL"


def test_orientation_letters_follow_the_columns():
    letters = {make_geometry((3, 4, 5), o).orientation for o in ORIENTATIONS}
    assert len(letters) == 48
    assert make_geometry((2, 2, 2), np.diag([1.0, 1.0, 1.0])).orientation == "LPS"
    assert make_geometry((2, 2, 2), np.diag([-1.0, -1.0, 1.0])).orientation == "RAS"


@given(geometries(), st.permutations(range(3)), st.tuples(*[st.booleans()] * 3))
def test_inverse_of_a_reorientation(grid: Geometry, order: list[int], flips: tuple[bool, ...]):
    reorientation = Reorientation(tuple(order), flips)
    there = reorientation.apply_geometry(grid)
    assert reorientation.inverse.apply_geometry(there).is_close(grid, 1e-9)
    array = np.random.default_rng(0).random((2, *grid.shape))
    assert np.array_equal(reorientation.undo(reorientation.apply(array, 1), 1), array)


@given(geometries(sheared=True), st.tuples(*[st.floats(0.3, 5.0)] * 3))
def test_new_spacing_keeps_the_centre_and_the_extent(grid: Geometry, spacing: tuple[float, ...]):
    new = grid.with_spacing(spacing)
    centres = [g.index_to_world((np.array(g.shape) - 1) / 2) for g in (grid, new)]
    assert np.allclose(*centres, atol=1e-9)
    assert np.allclose(new.spacing, spacing)
    assert np.allclose(new.direction, grid.direction)
    lost = np.abs(np.array(new.shape) * new.spacing - np.array(grid.shape) * grid.spacing)
    assert np.all(lost <= np.maximum(new.spacing, 0) + 1e-9)


@given(geometries(sheared=True))
def test_cropping_keeps_voxels_in_place(grid: Geometry):
    inner = grid.cropped((1, 0, 1), (1, 2, 1))
    assert np.allclose(inner.index_to_world((0, 1, 0)), grid.index_to_world((1, 1, 1)))


def test_obliquity_and_shear_in_degrees():
    assert make_geometry((3, 3, 3), np.eye(3), angles_deg=(0, 0, 12.0)).obliquity_deg == pytest.approx(12.0)
    tilted = make_geometry((3, 3, 3), np.eye(3), shear=np.tan(np.radians(20.0)))
    assert tilted.shear_deg == pytest.approx(20.0)
    assert make_geometry((3, 3, 3), np.eye(3), angles_deg=(30, 20, 10)).shear_deg == pytest.approx(
        0, abs=1e-5
    )


def test_equality_and_tolerance():
    grid = Geometry.from_spacing((3, 3, 3), (1, 1, 1))
    near = Geometry.from_spacing((3, 3, 3), (1, 1, 1), (1e-5, 0, 0))
    assert grid != near
    assert grid.is_close(near)
    assert not grid.is_close(Geometry.from_spacing((3, 3, 3), (1, 1, 1), (0.1, 0, 0)))
    assert not grid.is_close(Geometry.from_spacing((3, 3, 3)))
    assert len({grid, Geometry.from_spacing((3, 3, 3), (1, 1, 1))}) == 1


def test_the_affine_cannot_be_changed():
    grid = Geometry.from_spacing((3, 3, 3), (1, 1, 1))
    with pytest.raises(ValueError, match="read-only"):
        grid.affine[0, 0] = 2


@pytest.mark.parametrize(
    ("shape", "affine", "said"),
    [
        ((3, 3, 3), np.zeros((4, 4)), "last row"),
        ((3, 3, 3), np.diag([1, 1, 0, 1]), "singular"),
        ((3, 3, 3), np.diag([1, np.nan, 1, 1]), "NaN"),
        ((3, 3, 3), np.eye(3), "needed \\(4, 4\\)"),
        ((3, 0, 3), np.eye(4), "positive sizes"),
        ((3,), np.eye(2), "two or three"),
    ],
)
def test_impossible_grids_are_refused(shape: tuple[int, ...], affine: np.ndarray, said: str):
    with pytest.raises(GeometryError, match=said):
        Geometry(shape, affine)
