"""Contrast operations agree with scikit-image; scales bring two scanners together."""

import numpy as np
import pytest
import skimage.exposure
from made_images import ball, bright_ball, colour, from_world, grid, noisy

from napari_medai.core.errors import ArgumentError
from napari_medai.preprocess import (
    adjust_gamma,
    equalize_local,
    fit_nyul,
    match_histogram,
    normalize_nyul,
    normalize_whitestripe,
)


def brain(gain=1.0, offset=0.0, seed=0):
    """Grey and white matter before an empty ground, on an arbitrary scale."""

    def tissue(p):
        radius = np.linalg.norm(p, axis=-1)
        return np.where(radius < 11, 100, np.where(radius < 18, 70, 0))

    clean = from_world(tissue, grid())
    noise = np.random.default_rng(seed).normal(0, 2, clean.array.shape)
    return clean.with_array(np.where(clean.array > 0, (clean.array + noise) * gain + offset, 0))


def test_local_contrast_is_scikit_images():
    image = noisy((40, 50), "yx")
    scaled = (image.array - image.array.min()) / np.ptp(image.array)
    theirs = skimage.exposure.equalize_adapthist(scaled, (20, 20), 0.01)
    np.testing.assert_allclose(equalize_local(image).array, theirs, atol=1e-6)


def test_gamma_is_the_formula_and_keeps_the_ends():
    image = noisy()
    low, high = image.array.min(), image.array.max()
    truth = ((image.array - low) / (high - low)) ** 0.5 * (high - low) + low
    np.testing.assert_allclose(adjust_gamma(image, gamma=0.5).array, truth, rtol=1e-5)
    assert adjust_gamma(colour()).array.dtype == np.uint8


def test_matched_images_have_one_histogram_as_in_scikit_image():
    image, reference = noisy(seed=1), bright_ball(grid(), noise=9.0)
    ours = match_histogram(image, reference, points=10000).array
    theirs = skimage.exposure.match_histograms(image.array, reference.array)
    assert np.abs(np.sort(ours.ravel()) - np.sort(theirs.ravel())).mean() < 0.2
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.999


def test_a_fitted_scale_brings_two_scanners_together(tmp_path):
    images = [brain(1.0, 0.0, 1), brain(3.7, 50.0, 2), brain(0.2, 4.0, 3)]
    scale = fit_nyul(images)
    path = tmp_path / "scale.csv"
    scale.to_csv(path, index=False)
    results = [normalize_nyul(i, scale=path).array for i in images]
    white = [r[ball(grid(), 10.0).array > 0].mean() for r in results]
    assert np.ptp(white) < 1  # per cent of the scale
    again = normalize_nyul(images[0], scale=scale)
    np.testing.assert_array_equal(again.array, results[0])
    assert str(tmp_path) not in str(again.history[-1].to_json())
    assert len(again.history[-1].parameters["scale"]) == len(scale)


@pytest.mark.parametrize("gain", [1.0, 12.0])
def test_whitestripe_sets_white_matter_to_zero(gain):
    result = normalize_whitestripe(brain(gain)).array
    white = result[ball(grid(), 10.0).array > 0]
    assert abs(np.median(white)) < 1.5  # in deviations within the narrow stripe
    grey = result[(ball(grid(), 17.0).array > 0) & (ball(grid(), 12.0).array == 0)]
    assert np.median(grey) < -5


def test_bad_input_is_said():
    flat = noisy().with_array(np.ones((8, 10, 12)))
    for function in (equalize_local, adjust_gamma, normalize_nyul, normalize_whitestripe):
        with pytest.raises(ArgumentError, match="every voxel"):
            function(flat)
    with pytest.raises(ArgumentError, match="every voxel"):
        match_histogram(noisy(), flat)
    with pytest.raises(ArgumentError, match="no image"):
        fit_nyul([])
    with pytest.raises(ArgumentError, match="do not rise"):
        normalize_nyul(brain(), scale=((1, 5), (99, 3)))
    with pytest.raises(ArgumentError, match="CSV"):
        normalize_nyul(brain(), scale="nowhere.csv")
