"""Thresholds agree with scikit-image and find the ball at any voxel size."""

import numpy as np
import pytest
import skimage.filters
from made_images import COARSE, FINE, ball, bright_ball, colour, dice, grid, noisy

from napari_medai.core.errors import ArgumentError
from napari_medai.segment import (
    threshold_auto,
    threshold_hysteresis,
    threshold_local,
    threshold_multi_otsu,
    threshold_range,
)
from napari_medai.segment.thresholding import histogram, li, triangle


@pytest.mark.parametrize("method", ["otsu", "li", "triangle"])  # Yen's suits other histograms
@pytest.mark.parametrize("spacing", [FINE, COARSE])
def test_every_rule_finds_the_ball(method, spacing):
    image = bright_ball(grid(spacing), noise=6.0, levels=(40.0, 120.0))
    result = threshold_auto(image, method=method)
    assert dice(result.array, ball(grid(spacing)).array) > 0.95


@pytest.mark.parametrize("spacing", [FINE, COARSE])
def test_yens_rule_finds_what_has_many_intensities(spacing):
    """It looks for the cut after which both sides are spread most evenly."""
    truth = ball(grid(spacing)).array > 0
    rng = np.random.default_rng(0)
    spread = np.where(truth, rng.uniform(60, 200, truth.shape), rng.normal(20, 6, truth.shape))
    result = threshold_auto(bright_ball(grid(spacing)).with_array(spread), method="yen")
    assert dice(result.array, truth) > 0.95


def test_between_two_peaks_yens_own_criterion_is_higher_within_the_larger_one():
    """So it cannot part two peaks of one width as well as the others: by its formula, not by our code."""
    image = bright_ball(grid(), noise=6.0, levels=(40.0, 120.0))
    counts, edges = np.histogram(image.array, 1024)
    share = counts / counts.sum()
    below, squares = np.cumsum(share), np.cumsum(share**2)

    def criterion(threshold):
        k = np.searchsorted(edges, threshold) - 1
        return np.log((below[k] * (1 - below[k])) ** 2 / (squares[k] * (squares[-1] - squares[k])))

    found = threshold_auto(image, method="yen").meta["thresholds"][0]
    assert found < 60
    assert criterion(found) > criterion(80.0)


@pytest.mark.parametrize("name", ["li", "yen", "triangle"])
def test_rules_agree_with_scikit_image(name):
    values = bright_ball(grid(), noise=12.0).array
    ours = {"li": li, "triangle": triangle}.get(name)
    counted = histogram(values, 256)
    found = ours(counted) if ours else threshold_auto(bright_ball(grid(), noise=12.0), method=name, bins=256)
    found = found if ours else found.meta["thresholds"][0]
    theirs = getattr(skimage.filters, f"threshold_{name}")(values)
    assert found == pytest.approx(theirs, abs=2 * float(np.ptp(values)) / 256)  # two bins


def test_a_range_is_what_lies_in_it():
    image = noisy()
    result = threshold_range(image, low=50.0, high=120.0)
    np.testing.assert_array_equal(result.array > 0, (image.array >= 50) & (image.array <= 120))
    assert threshold_range(image, high=60.0).array.sum() == (image.array <= 60).sum()
    assert dice(threshold_range(bright_ball(grid(COARSE), noise=5.0)).array, ball(grid(COARSE)).array) > 0.99
    with pytest.raises(ArgumentError, match="down to"):
        threshold_range(image, low=9.0, high=3.0)


def test_several_classes_agree_with_scikit_image_and_leave_the_rest_of_a_mask():
    inner, outer = ball(grid(COARSE), 8.0).array, ball(grid(COARSE), 16.0).array
    clean = np.choose(inner + outer.astype(int), [10.0, 60.0, 110.0])
    noise = np.random.default_rng(0).normal(0, 6, clean.shape)
    image = noisy().replace(geometry=grid(COARSE), array=clean + noise)
    result = threshold_multi_otsu(image)
    theirs = skimage.filters.threshold_multiotsu(image.array, 3)
    np.testing.assert_allclose(result.meta["thresholds"][0], theirs, atol=2)
    assert dice(result.array == 2, inner) > 0.95
    masked = threshold_multi_otsu(image, ball(grid(COARSE), 20.0))
    assert set(np.unique(masked.array)) == {0, 1, 2, 3}
    with pytest.raises(ArgumentError, match="fewer values"):
        threshold_multi_otsu(image.with_array((clean > 50).astype(float)), classes=4)


@pytest.mark.parametrize("spacing", [FINE, COARSE])
def test_a_local_threshold_sees_balls_under_uneven_light(spacing):
    truth = ball(grid(spacing), 5.0).array > 0
    slope = np.linspace(0, 150, truth.shape[2])
    image = bright_ball(grid(spacing)).with_array(truth * 60.0 + slope)
    result = threshold_local(image, radius_mm=16.0, offset=15.0)
    assert dice(result.array, truth) > 0.95
    assert dice(threshold_auto(image, method="otsu").array, truth) < 0.2
    theirs = skimage.filters.threshold_local(image.array[6], 31, "gaussian", mode="nearest", param=8.0)
    plane = image.with_array(image.array[6], axes="yx", geometry=grid((1.0, 1.0), (48, 48)))
    ours = threshold_local(plane, radius_mm=16.0).array > 0
    assert (ours == (image.array[6] > theirs)).mean() > 0.98  # the two kernels are cut at other widths


def test_hysteresis_is_scikit_images():
    image = bright_ball(grid(COARSE), noise=25.0)
    theirs = skimage.filters.apply_hysteresis_threshold(image.array, 60, 110)
    np.testing.assert_array_equal(threshold_hysteresis(image, low=60.0, high=110.0).array > 0, theirs)
    clear = bright_ball(grid(COARSE), noise=6.0)
    assert dice(threshold_hysteresis(clear, low=60.0, high=90.0).array, ball(grid(COARSE)).array) > 0.95
    with pytest.raises(ArgumentError, match="above the high"):
        threshold_hysteresis(image, low=110.0, high=60.0)


@pytest.mark.parametrize("function", [threshold_auto, threshold_multi_otsu, threshold_hysteresis])
def test_colour_works_and_constants_do_not(function):
    assert function(colour()).axes == "yx"
    with pytest.raises(ArgumentError, match="every voxel"):
        function(noisy().with_array(np.ones((8, 10, 12))))
    with pytest.raises(ArgumentError, match="NaN"):
        function(noisy().with_array(np.full((8, 10, 12), np.nan)))
