"""Regions grown from clicks, fronts and live wires find the ball at any voxel size."""

import numpy as np
import pytest
import SimpleITK as sitk
from made_images import COARSE, FINE, ball, bright_ball, dice, grid, noisy, volume_mm3

from napari_medai import Landmarks
from napari_medai.core.errors import ArgumentError
from napari_medai.segment import fast_marching, grow_confidence, grow_connected, grow_neighbourhood, live_wire

MIDDLE = Landmarks(("click",), [[0.0, 0.0, 0.0]])
EXACT = 4 / 3 * np.pi * 14**3


@pytest.mark.parametrize("function", [grow_connected, grow_confidence, fast_marching])
@pytest.mark.parametrize("spacing", [FINE, COARSE])
def test_a_click_in_the_ball_finds_the_ball(function, spacing):
    image = bright_ball(grid(spacing), noise=3.0)
    result = function(image, MIDDLE)
    assert dice(result.array, ball(grid(spacing)).array) > 0.95
    assert volume_mm3(result) == pytest.approx(EXACT, rel=0.08)


@pytest.mark.parametrize("spacing", [FINE, (3.0, 1.0, 1.0)])
def test_a_neighbourhood_does_not_leak_through_a_thin_bridge(spacing):
    first, second = (ball(grid(spacing), 9.0, (x, 0, 0)).array > 0 for x in (-12, 12))
    bridge = np.zeros_like(first)
    middle = [n // 2 for n in first.shape]
    bridge[middle[0], middle[1], 8:40] = True
    image = bright_ball(grid(spacing)).with_array(np.where(first | second | bridge, 100.0, 20.0))
    click = Landmarks(("click",), [[-12.0, 0.0, 0.0]])
    assert (grow_connected(image, click).array[second] > 0).mean() > 0.9
    held = grow_neighbourhood(image, click, radius_mm=2.0)
    assert not held.array[second].any()
    assert held.array[first].any()


def test_growing_is_simpleitks():
    image = bright_ball(grid(COARSE), noise=10.0)
    itk = sitk.GetImageFromArray(image.array)
    place = [int(k) for k in np.rint(image.geometry.world_to_index([0.0, 0.0, 0.0]))[::-1]]
    theirs = sitk.ConnectedThreshold(itk, [place], 70.0, 130.0)
    ours = grow_connected(image, MIDDLE, low=70.0, high=130.0)
    np.testing.assert_array_equal(ours.array, sitk.GetArrayFromImage(theirs))


def circle(z, count=8, radius=14.0):
    angles = np.arange(count) * 2 * np.pi / count
    places = np.stack([radius * np.cos(angles), radius * np.sin(angles), np.full(count, z)], axis=1)
    return Landmarks(tuple(str(k) for k in range(count)), places)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (1.0, 2.0, 1.0)])
def test_a_live_wire_round_the_edge_fills_the_disc(spacing):
    image = bright_ball(grid(spacing), noise=3.0)
    z = image.geometry.index_to_world([24, 0, 0])[2]
    result = live_wire(image, circle(z))
    assert dice(result.array[24], ball(grid(spacing)).array[24]) > 0.95
    assert not np.delete(result.array, 24, axis=0).any()


def test_without_edges_the_wire_is_the_shortest_way_in_mm():
    image = noisy((41, 21), "yx", spacing=(1.0, 2.0))
    ends = Landmarks(("a", "b"), image.geometry.index_to_world([[0, 0], [40, 20]]))
    path = live_wire(image, ends, edge_weight=0.0)
    # 40 mm along both axes: 20 diagonal steps and 20 down, or any order of them.
    assert np.count_nonzero(path.array) == 41


@pytest.mark.parametrize(
    "function", [grow_connected, grow_confidence, grow_neighbourhood, fast_marching, live_wire]
)
def test_points_that_miss_are_said(function):
    image = noisy()
    with pytest.raises(ArgumentError, match="outside the image"):
        function(image, Landmarks(("far",), [[500.0, 0.0, 0.0]]))
    with pytest.raises(ArgumentError, match="2-D for a 3-D"):
        function(image, Landmarks(("flat",), [[1.0, 1.0]]))
    with pytest.raises(ArgumentError, match="no point"):
        function(image, Landmarks((), np.zeros((0, 3))))
