"""Outlines that move find the ball from a rough start, at any voxel size."""

import numpy as np
import pytest
from made_images import COARSE, FINE, ball, bright_ball, dice, grid, noisy, volume_mm3

from napari_medai.core.errors import ArgumentError, GeometryError
from napari_medai.segment import contour_chan_vese, contour_geodesic, contour_morphological, level_set_range

SIZE = (32, 32, 32)
ALL = [contour_geodesic, contour_chan_vese, contour_morphological, level_set_range]


@pytest.mark.parametrize("function", ALL)
@pytest.mark.parametrize("spacing", [FINE, COARSE])
def test_a_small_start_grows_to_the_ball(function, spacing):
    geometry = grid(spacing, SIZE)
    image = bright_ball(geometry, 10.0, noise=4.0)
    result = function(image, ball(geometry, 5.0))
    assert dice(result.array, ball(geometry, 10.0).array) > 0.95
    assert volume_mm3(result) == pytest.approx(volume_mm3(ball(geometry, 10.0)), rel=0.1)


def test_edges_hold_a_growing_snake():
    geometry = grid((1.0, 1.0), (64, 64))
    image = bright_ball(geometry, 16.0, noise=3.0)
    result = contour_morphological(image, ball(geometry, 6.0), method="edges", iterations=80)
    assert dice(result.array, ball(geometry, 16.0).array) > 0.95


def test_chan_vese_agrees_with_scikit_image():
    from skimage.segmentation import morphological_chan_vese

    geometry = grid((1.0, 1.0), (48, 48))
    image = bright_ball(geometry, 14.0, noise=20.0)
    start = ball(geometry, 6.0)
    theirs = morphological_chan_vese(image.array, 100, start.array, 2)
    assert dice(contour_chan_vese(image, start).array, theirs) > 0.97


@pytest.mark.parametrize("function", ALL)
def test_bad_input_is_said(function):
    image = noisy()
    start = ball(image.geometry, 3.0, image.geometry.corners().mean(axis=0))
    with pytest.raises(ArgumentError, match="empty mask"):
        function(image, start.with_array(np.zeros_like(start.array)))
    with pytest.raises(ArgumentError, match="whole image"):
        function(image, start.with_array(np.ones_like(start.array)))
    with pytest.raises(GeometryError):
        function(image, ball(grid(COARSE)))
    with pytest.raises(ArgumentError, match="every voxel"):
        function(image.with_array(np.ones((8, 10, 12))), start)
    with pytest.raises(ArgumentError, match="single volume"):
        function(noisy((2, 8, 10, 12), "tzyx"), start)
