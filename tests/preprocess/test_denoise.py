"""Every filter takes noise away, keeps what is there, and agrees with an independent implementation."""

import numpy as np
import pytest
import SimpleITK as sitk
import skimage.restoration
from made_images import COARSE, FINE, StopAt, bright_ball, colour, from_world, grid, noisy
from scipy.fft import dctn, idctn

from napari_medai.core.errors import ArgumentError, Cancelled
from napari_medai.preprocess import (
    denoise_blockwise,
    denoise_nonlocal,
    denoise_variation,
    denoise_wavelet,
    estimate_noise,
    smooth_anisotropic,
    smooth_bilateral,
)
from napari_medai.preprocess.blockwise import _synthesise, _transform
from napari_medai.preprocess.wavelet import noise_of_details, shrink_details

FILTERS = [
    denoise_blockwise,
    denoise_nonlocal,
    denoise_wavelet,
    denoise_variation,
    smooth_anisotropic,
    smooth_bilateral,
]


@pytest.mark.parametrize("function", FILTERS)
@pytest.mark.parametrize("spacing", [FINE, COARSE])
def test_noise_falls_and_the_edge_stays(function, spacing):
    truth, image = bright_ball(grid(spacing)), bright_ball(grid(spacing), noise=8.0)
    result = function(image)
    before, after = (np.sqrt(np.mean((a.array - truth.array) ** 2)) for a in (image, result))
    assert after < 0.75 * before
    ground = truth.array == 20
    # The edge leaks a little of its 80 into the ground: most between slices 4 mm apart.
    assert result.array[ground].mean() == pytest.approx(20, abs=1.5)
    assert result.array.dtype == np.float32


@pytest.mark.parametrize("function", FILTERS)
def test_two_dimensions_and_series_work(function):
    picture = bright_ball(grid((1.0, 1.0), (48, 48)), noise=8.0)
    result = function(picture)
    assert result.array.std() < picture.array.std()
    series = noisy((2, 6, 8, 9), "tzyx")
    alone = series.with_array(series.array[0], axes="zyx")
    if function is not smooth_bilateral:  # its width comes from the noisiest volume
        np.testing.assert_allclose(function(series).array[0], function(alone).array, rtol=1e-5)


@pytest.mark.parametrize("function", FILTERS)
def test_bad_input_is_said_and_a_stop_is_heeded(function):
    with pytest.raises(ArgumentError, match="NaN"):
        function(noisy().with_array(np.full((8, 10, 12), np.nan)))
    with pytest.raises(ArgumentError, match="colour"):
        function(colour())
    for report in (1, 2):
        with pytest.raises(Cancelled):
            function(noisy((20, 30, 30)), progress=StopAt(report))


def test_the_block_transform_is_the_orthonormal_cosine_transform():
    block = np.random.default_rng(0).normal(size=(4, 4, 4)).astype(np.float32)
    bands = _transform(block)
    np.testing.assert_allclose(np.ravel(bands), dctn(block, norm="ortho").ravel(), atol=1e-5)
    np.testing.assert_allclose(
        _synthesise(bands, 3), idctn(np.reshape(bands, (4, 4, 4)), norm="ortho"), atol=1e-5
    )


def test_blockwise_is_better_than_a_gaussian_and_unbiased_on_magnitude_noise():
    from napari_medai.preprocess import smooth_gaussian

    def folds(p):
        return 100 + 40 * np.sin(p[..., 0] / 4) * np.cos(p[..., 1] / 5) + 30 * (p[..., 2] > 3)

    truth = from_world(folds, grid())
    real, imaginary = np.random.default_rng(0).normal(0, 20, (2, *truth.array.shape))
    image = truth.with_array(np.hypot(truth.array + real, imaginary), meta={"modality": "MR"})
    ours = denoise_blockwise(image, sigma=20.0).array - truth.array
    best = min(np.std(smooth_gaussian(image, sigma_mm=s).array - truth.array) for s in (0.6, 0.8, 1.0, 1.3))
    assert ours.std() < 0.9 * best
    biased = denoise_blockwise(image, sigma=20.0, noise="gaussian").array - truth.array
    assert abs(ours.mean()) < 0.3 * abs(biased.mean())


def test_nonlocal_means_in_slabs_agrees_with_scikit_image_on_the_whole():
    image = bright_ball(grid(), noise=8.0)
    ours = denoise_nonlocal(image, sigma=8.0, strength=0.8).array
    theirs = skimage.restoration.denoise_nl_means(image.array, 3, 2, h=6.4, sigma=8.0, fast_mode=True)
    np.testing.assert_allclose(ours, theirs, rtol=2e-3)


def test_total_variation_agrees_with_scikit_image():
    image = bright_ball(grid((1.0, 1.0), (48, 48)), noise=8.0)
    ours = denoise_variation(image, weight=1.0, iterations=300).array
    noise = estimate_noise(image)["sigma"][0]
    # skimage divides by the weight before its own step, so the same weight means the same problem.
    theirs = skimage.restoration.denoise_tv_chambolle(image.array, noise, eps=0, max_num_iter=300)
    assert np.abs(ours - theirs).max() < 1.0
    assert np.abs(ours - image.array).max() > 8


def test_anisotropic_diffusion_is_simpleitks():
    image = bright_ball(grid(COARSE), noise=8.0)
    itk = sitk.GetImageFromArray(image.array)
    itk.SetSpacing((1.0, 1.0, 4.0))
    theirs = sitk.CurvatureAnisotropicDiffusion(itk, 0.9 / 16, 2.0, 1, 5)
    np.testing.assert_array_equal(smooth_anisotropic(image).array, sitk.GetArrayFromImage(theirs))


def test_bilateral_in_slabs_is_simpleitks_on_the_whole():
    image = bright_ball(grid((2.0, 1.0, 1.0)), noise=8.0)
    itk = sitk.GetImageFromArray(image.array)
    itk.SetSpacing((1.0, 1.0, 2.0))
    theirs = sitk.GetArrayFromImage(sitk.Bilateral(itk, 1.5, 24.0, 100))
    np.testing.assert_allclose(smooth_bilateral(image, intensity_sigma=24.0).array, theirs, rtol=1e-4)


def test_wavelet_details_have_the_noise_the_kernels_foretell():
    noise = np.random.default_rng(0).normal(0, 1, (64, 64, 64)).astype(np.float32)
    coarse = noise - shrink_details(noise, 1e9, 1, 1.0, lambda step: None)
    assert coarse.std() == pytest.approx(noise_of_details(3, 1)[0], rel=0.02)
    np.testing.assert_allclose(shrink_details(noise, 1e-9, 3, 1.0, lambda step: None), noise, atol=1e-5)


@pytest.mark.parametrize("spacing", [FINE, COARSE])
def test_the_noise_level_is_found_within_five_percent(spacing):
    table = estimate_noise(bright_ball(grid(spacing), noise=6.0))
    assert table["sigma"][0] == pytest.approx(6, rel=0.05)
    with pytest.raises(ArgumentError, match="every voxel"):
        estimate_noise(noisy().with_array(np.ones((8, 10, 12))))
