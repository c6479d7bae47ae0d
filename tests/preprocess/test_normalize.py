"""Normalised intensities have the mean, spread or range asked for."""

import numpy as np
import pytest
from made_images import ball, bright_ball, colour, grid, noisy

from napari_medai import Geometry, MedicalImage
from napari_medai.core.errors import ArgumentError, GeometryError
from napari_medai.preprocess import (
    normalize_percentile,
    normalize_zscore,
    replace_invalid,
    rescale_intensity,
    take_channel,
    to_grey,
    window_intensity,
)


def test_zscore_has_mean_0_and_deviation_1_per_channel():
    image = noisy((2, 3, 6, 7, 8), "tczyx")
    result = normalize_zscore(image).array
    np.testing.assert_allclose(result.mean(axis=(0, 2, 3, 4)), 0, atol=1e-5)
    np.testing.assert_allclose(result.std(axis=(0, 2, 3, 4)), 1, atol=1e-5)
    assert result.dtype == np.float32


@pytest.mark.parametrize("with_mask", [True, False])
def test_zscore_looks_at_the_mask_or_the_foreground(with_mask):
    image, mask = bright_ball(grid(), noise=3.0), ball(grid())
    result = normalize_zscore(image, mask) if with_mask else normalize_zscore(image, region="foreground")
    inside = result.array[mask.array > 0]
    assert inside.mean() == pytest.approx(0, abs=1e-3)
    assert inside.std() == pytest.approx(1, abs=1e-3)


def test_percentiles_become_0_and_1():
    image = noisy((10, 20, 20))
    low, high = np.percentile(image.array, (5, 95))
    result = normalize_percentile(image, lower_percent=5, upper_percent=95, clip=False).array
    np.testing.assert_allclose(result, (image.array - low) / (high - low), atol=1e-5)
    clipped = normalize_percentile(image, lower_percent=5, upper_percent=95).array
    assert (clipped.min(), clipped.max()) == (0, 1)


def test_colours_are_stretched_together_and_stay_8_bit():
    picture = colour()
    dull = picture.with_array((picture.array // 4 + 60).astype(np.uint8))
    for stretched in (normalize_percentile(dull), rescale_intensity(dull, high=255.0)):
        assert stretched.array.dtype == np.uint8
        assert (stretched.array.min(), stretched.array.max()) == (0, 255)
    assert to_grey(picture).axes == "yx"
    np.testing.assert_array_equal(take_channel(picture, channel=1).array, picture.array[..., 1])


@pytest.mark.parametrize(("preset", "black", "white"), [("lung", -1350, 150), ("bone", -500, 1300)])
def test_ct_presets_run_from_centre_minus_half_to_centre_plus_half_width(preset, black, white):
    ramp = np.linspace(-2000, 2000, 4001, dtype=np.float32)[None]
    image = MedicalImage(ramp, "yx", Geometry.from_spacing(ramp.shape), meta={"modality": "CT"})
    result = window_intensity(image, preset=preset).array[0]
    assert ramp[0][result > 0].min() == black + 1
    assert ramp[0][result < 1].max() == white - 1


def test_auto_takes_the_stored_window_and_a_ct_preset_refuses_mr():
    image = noisy((1, 8), "yx").replace(meta={"window": {"center": 50, "width": 20}, "modality": "MR"})
    result = window_intensity(image)
    np.testing.assert_allclose(result.array, np.clip((image.array - 40) / 20, 0, 1), atol=1e-6)
    assert "window" not in result.meta
    with pytest.raises(ArgumentError, match="HU"):
        window_intensity(image, preset="lung")


def test_what_cannot_be_normalised_is_said():
    flat = noisy().with_array(np.full((8, 10, 12), 7.0))
    broken = noisy().with_array(np.where(noisy().array > 100, np.nan, 1.0))
    for function in (normalize_zscore, normalize_percentile, rescale_intensity):
        with pytest.raises(ArgumentError, match="value 7 in every voxel"):
            function(flat)
        with pytest.raises(ArgumentError, match="NaN"):
            function(broken)
    assert np.isfinite(replace_invalid(broken, value=3.0).array).all()
    with pytest.raises(ArgumentError, match="colour"):
        normalize_zscore(colour())
    empty = ball(noisy().geometry, 0.0)
    with pytest.raises(ArgumentError, match="empty mask"):
        normalize_zscore(noisy(), empty)
    with pytest.raises(GeometryError, match="another grid"):
        normalize_zscore(noisy(), ball(grid()))
    with pytest.raises(ArgumentError, match="lower one first"):
        normalize_percentile(noisy(), lower_percent=90, upper_percent=10)


def test_zscore_of_what_is_not_zero_leaves_the_outside_at_zero():
    array = np.zeros((2, 9, 9, 9), dtype=np.float32)
    array[:, 2:7, 2:7, 2:7] = np.random.default_rng(0).normal(50, 9, (2, 5, 5, 5))
    array[:, 4, 4, 4] = 0  # a hole within counts as inside
    image = MedicalImage(array, "czyx", Geometry.from_spacing((9, 9, 9)))
    result = normalize_zscore(image, region="nonzero").array
    assert (result[:, :2] == 0).all()
    inside = result[:, 2:7, 2:7, 2:7]
    np.testing.assert_allclose(inside.mean(axis=(1, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(inside.std(axis=(1, 2, 3)), 1, atol=1e-5)
    assert (result[:, 4, 4, 4] < -3).all()
