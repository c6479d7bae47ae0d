"""Clusters agree with scikit-learn and with themselves on thick slices."""

import numpy as np
import pytest
from made_images import COARSE, FINE, ball, colour, dice, grid, noisy
from sklearn.cluster import KMeans

from napari_medai.core.errors import ArgumentError
from napari_medai.segment import cluster_fuzzy, cluster_gaussian, cluster_kmeans, superpixels
from napari_medai.segment.fuzzy import FuzzyMeans

METHODS = [cluster_kmeans, cluster_gaussian, cluster_fuzzy]


def tissues(spacing):
    inner, outer = ball(grid(spacing), 10.0).array, ball(grid(spacing), 18.0).array
    clean = np.choose(inner + outer.astype(int), [10.0, 60.0, 110.0])
    noise = np.random.default_rng(0).normal(0, 7, clean.shape)
    image = noisy().replace(geometry=grid(spacing), array=clean + noise)
    return image, inner, outer


@pytest.mark.parametrize("function", METHODS)
@pytest.mark.parametrize("spacing", [FINE, COARSE])
def test_three_tissues_are_found_by_rising_brightness(function, spacing):
    image, inner, outer = tissues(spacing)
    result = function(image).array
    assert dice(result == 3, inner) > 0.95
    assert dice(result == 1, outer == 0) > 0.95


def test_kmeans_is_scikit_learns():
    image, _, _ = tissues(COARSE)
    theirs = KMeans(3, n_init=4, random_state=0).fit_predict(image.array.reshape(-1, 1))
    order = np.argsort([image.array.ravel()[theirs == k].mean() for k in range(3)])
    rank = np.argsort(order) + 1
    assert (cluster_kmeans(image).array.ravel() == rank[theirs]).mean() > 0.999


def test_fuzzy_centres_solve_their_own_equations():
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.normal(m, 1, (300, 2)) for m in (0, 6, 12)])
    model = FuzzyMeans(3, 2, 0, 2.0).fit(points)
    weight = model.memberships(points) ** 2
    np.testing.assert_allclose(weight.T @ points / weight.sum(axis=0)[:, None], model.centres, atol=1e-4)
    np.testing.assert_allclose(sorted(model.centres[:, 0]), [0, 6, 12], atol=0.4)
    np.testing.assert_allclose(model.memberships(points).sum(axis=1), 1)


def test_channels_masks_smoothing_and_places_count():
    image, inner, _ = tissues(COARSE)
    rough = image.with_array(image.array + np.random.default_rng(1).normal(0, 15, image.array.shape))
    pair = rough.with_array(np.stack([rough.array, rough.array[::-1]]), axes="czyx")
    assert cluster_kmeans(pair).axes == "zyx"
    plain, smooth = (dice(cluster_kmeans(rough, smooth_mm=s).array == 3, inner) for s in (0.0, 2.0))
    assert smooth > plain + 0.3
    mask = ball(grid(COARSE), 18.0)
    assert set(np.unique(cluster_kmeans(image, mask, classes=2).array)) == {0, 1, 2}
    noise = image.with_array(np.random.default_rng(0).normal(size=image.array.shape))
    halves = cluster_kmeans(noise, classes=2, position_weight=1000.0).array
    sides = [len(np.unique(np.take(halves, [0, -1], axis=a))) for a in range(3)]
    assert max(sides) == 2


@pytest.mark.parametrize("spacing", [FINE, (4.0, 1.0, 1.0)])
def test_superpixels_have_their_size_in_mm_and_follow_the_edge(spacing):
    image, inner, _ = tissues(spacing)
    pieces = superpixels(image, size_mm=8.0)
    sizes = np.bincount(pieces.array.ravel())[1:] * pieces.geometry.voxel_volume
    assert np.median(sizes[sizes > 0]) == pytest.approx(512, rel=0.5)
    majority = [inner.ravel()[pieces.array.ravel() == k].mean() > 0.5 for k in range(1, sizes.size + 1)]
    assert dice(np.array([False, *majority])[pieces.array], inner) > 0.95
    assert superpixels(colour()).axes == "yx"


@pytest.mark.parametrize("function", [*METHODS, superpixels])
def test_bad_input_is_said(function):
    with pytest.raises(ArgumentError, match="every voxel"):
        function(noisy().with_array(np.ones((8, 10, 12))))
    with pytest.raises(ArgumentError, match="time axis"):
        function(noisy((2, 4, 5, 6), "tzyx"))
