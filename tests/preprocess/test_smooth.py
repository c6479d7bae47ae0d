"""Smoothing has its width in millimetres, in slabs as in one piece, and can be stopped."""

import time

import numpy as np
import pytest
import SimpleITK as sitk
from made_images import COARSE, FINE, StopAt, colour, from_world, grid, noisy
from scipy import ndimage

from napari_medai import Geometry, MedicalImage
from napari_medai.core.errors import ArgumentError, Cancelled
from napari_medai.preprocess import smooth_gaussian, smooth_median
from napari_medai.preprocess.slabs import filter_slabs
from napari_medai.preprocess.smooth import ball as ball_of


@pytest.mark.parametrize("spacing", [FINE, (2.0, 1.0, 1.0)])
def test_a_gaussian_blob_widens_as_the_formula_says(spacing):
    def blob(p):
        return np.exp(-((p**2).sum(axis=-1)) / (2 * 5.0**2))

    smooth = smooth_gaussian(from_world(blob, grid(spacing)), sigma_mm=3.0)
    width = 5.0**2 + 3.0**2
    wider = from_world(
        lambda p: (25 / width) ** 1.5 * np.exp(-((p**2).sum(axis=-1)) / (2 * width)), grid(spacing)
    )
    assert np.abs(smooth.array - wider.array).max() < 0.005


def test_gaussian_agrees_with_simpleitk():
    image = noisy((20, 30, 30), spacing=(3.0, 1.0, 0.7))
    itk = sitk.GetImageFromArray(image.array)
    itk.SetSpacing((0.7, 1.0, 3.0))
    theirs = sitk.GetArrayFromImage(sitk.DiscreteGaussian(itk, [4.0] * 3, 64, [0.001] * 3))
    ours = smooth_gaussian(image, sigma_mm=2.0).array
    # The kernels differ: ours is the sampled Gaussian, theirs its discrete cousin; z has sigma 0.67 voxel.
    assert np.abs(ours - theirs)[4:-4, 8:-8, 8:-8].max() < 0.05 * image.array.std()


def test_a_median_ball_never_reaches_over_thick_slices():
    image = noisy((6, 20, 20), spacing=COARSE)
    result = smooth_median(image, radius_mm=1.5).array
    footprint = ball_of(1.5, (1.0, 1.0))
    for k in range(6):
        np.testing.assert_array_equal(
            result[k], ndimage.median_filter(image.array[k], footprint=footprint, mode="nearest")
        )


def test_the_ball_holds_the_centres_within_its_radius():
    assert ball_of(1.5, (1.0, 1.0, 1.0)).sum() == 19
    assert ball_of(2.0, (4.0, 1.0, 1.0)).shape == (1, 5, 5)


def test_slabs_give_what_the_whole_gives():
    volume = np.random.default_rng(1).normal(size=(40, 9, 11)).astype(np.float32)
    whole = ndimage.gaussian_filter(volume, (2.0, 1.0, 1.0), mode="nearest")
    for slab in (1, 99 * 3, 99 * 17, 10**9):
        parts = filter_slabs(
            volume, lambda v: ndimage.gaussian_filter(v, (2.0, 1.0, 1.0), mode="nearest"), 8, slab_voxels=slab
        )
        np.testing.assert_array_equal(parts, whole)


def test_colours_stay_8_bit_and_series_stay_series():
    assert smooth_gaussian(colour()).array.dtype == np.uint8
    series = noisy((3, 4, 6, 6), "tzyx")
    alone = series.with_array(series.array[1], axes="zyx")
    np.testing.assert_array_equal(smooth_gaussian(series).array[1], smooth_gaussian(alone).array)


def test_nan_is_refused():
    image = noisy().with_array(np.full((8, 10, 12), np.nan))
    for function in (smooth_gaussian, smooth_median):
        with pytest.raises(ArgumentError, match="NaN"):
            function(image)


@pytest.mark.slow
@pytest.mark.parametrize("function", [smooth_gaussian, smooth_median])
def test_a_large_volume_reports_often_enough_to_be_stopped(function):
    shape = (60, 512, 512)
    image = MedicalImage(np.zeros(shape, dtype=np.int16), "zyx", Geometry.from_spacing(shape, (1, 0.8, 0.8)))
    times = []

    def report(step):
        times.append(time.perf_counter())
        if len(times) == 4:
            raise Cancelled

    with pytest.raises(Cancelled):
        function(image, progress=report)
    assert max(np.diff(times)) < 6  # aim: 2 s on a quiet machine


def test_nothing_comes_back_from_a_stopped_run():
    with pytest.raises(Cancelled):
        smooth_gaussian(noisy(), progress=StopAt(1))
