"""Edge filters measure per millimetre and agree with scikit-image and formulas."""

import numpy as np
import pytest
import skimage.feature
import skimage.filters
from made_images import COARSE, FINE, ball, bright_ball, from_world, grid, noisy
from scipy import ndimage

from napari_medai.core.errors import ArgumentError
from napari_medai.preprocess import edge_canny, edge_laplacian, edge_magnitude


@pytest.mark.parametrize("method", ["sobel", "prewitt", "scharr", "roberts"])
@pytest.mark.parametrize("spacing", [FINE, COARSE, (2.0, 0.5, 3.0)])
def test_the_gradient_of_a_slope_is_its_steepness_per_mm(method, spacing):
    image = from_world(lambda p: 2 * p[..., 0] - 3 * p[..., 1] + 6 * p[..., 2], grid(spacing))
    result = edge_magnitude(image, method=method).array[1:-1, 1:-1, 1:-1]
    np.testing.assert_allclose(result, 7, rtol=1e-4)


@pytest.mark.parametrize("method", ["sobel", "prewitt", "scharr"])
@pytest.mark.parametrize("shape", [(30, 40), (12, 14, 16)])
def test_the_gradient_is_scikit_images(method, shape):
    image = noisy(shape, "zyx"[-len(shape) :], spacing=(1.0,) * len(shape))
    function = getattr(skimage.filters, method)
    # scikit-image takes differences over two voxels, and the root of the mean square over the axes.
    theirs = function(image.array, mode="nearest") * np.sqrt(len(shape)) / 2
    np.testing.assert_allclose(edge_magnitude(image, method=method).array, theirs, rtol=1e-3, atol=1e-3)


def test_roberts_in_two_dimensions_is_scikit_images():
    image = noisy((30, 40), "yx", spacing=(1.0, 1.0))
    theirs = skimage.filters.roberts(image.array)
    ours = edge_magnitude(image, method="roberts").array
    np.testing.assert_allclose(ours[:-1, :-1], theirs[:-1, :-1], rtol=1e-4)


@pytest.mark.parametrize("spacing", [FINE, (2.0, 1.0, 1.0)])
def test_the_laplacian_of_a_blob_is_the_formula(spacing):
    width = 25.0 + 9.0

    def truth(p):
        square = (p**2).sum(axis=-1)
        return (25 / width) ** 1.5 * np.exp(-square / (2 * width)) * (square / width**2 - 3 / width)

    blob = from_world(lambda p: np.exp(-(p**2).sum(axis=-1) / 50), grid(spacing))
    result = edge_laplacian(blob, sigma_mm=3.0)
    assert np.abs(result.array - from_world(truth, grid(spacing)).array).max() < 0.001


@pytest.mark.parametrize("spacing", [FINE, (3.0, 1.0, 1.0)])
def test_canny_finds_the_surface_of_the_ball(spacing):
    result = edge_canny(bright_ball(grid(spacing), noise=4.0), sigma_mm=2.0, low_percent=30, high_percent=50)
    places = result.geometry.index_to_world(np.argwhere(result.array))
    radius = np.linalg.norm(places, axis=1)
    assert np.abs(radius - 14).mean() < 0.6
    around = ball(grid(spacing), 15.0).array.astype(int) - ball(grid(spacing), 13.0).array
    assert np.count_nonzero(result.array) > 0.3 * np.count_nonzero(around)


def test_canny_agrees_with_scikit_image_in_two_dimensions():
    image = bright_ball(grid((1.0, 1.0), (64, 64)), 20.0, noise=5.0)
    ours = edge_canny(image, sigma_mm=2.0, low_percent=20, high_percent=40).array > 0
    theirs = skimage.feature.canny(image.array, 2.0, 0.2 * 20, 0.4 * 20)
    near = ndimage.binary_dilation(theirs, iterations=1)
    assert (ours & near).sum() > 0.98 * ours.sum()
    assert (theirs & ndimage.binary_dilation(ours, iterations=1)).sum() > 0.98 * theirs.sum()


@pytest.mark.parametrize("function", [edge_magnitude, edge_laplacian, edge_canny])
def test_nan_is_refused_and_a_constant_has_no_edge(function):
    with pytest.raises(ArgumentError, match="NaN"):
        function(noisy().with_array(np.full((8, 10, 12), np.nan)))
    assert np.abs(function(noisy().with_array(np.full((8, 10, 12), 5.0))).array).max() < 1e-5
