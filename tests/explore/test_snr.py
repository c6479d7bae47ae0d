"""The estimated noise is the noise that was put in."""

import numpy as np
import pytest
from made_images import ball, bright_ball, from_world, grid, noisy

from napari_medai.core.errors import ArgumentError
from napari_medai.explore import estimate_snr


@pytest.mark.parametrize("sigma", [2.0, 8.0])
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (4.0, 1.0, 1.0)])
def test_automatic_noise_is_within_five_percent(sigma, spacing):
    row = estimate_snr(bright_ball(grid(spacing), noise=sigma)).iloc[0]
    assert row["noise"] == pytest.approx(sigma, rel=0.05)
    assert row["snr"] == pytest.approx(100 / sigma, rel=0.06)
    assert row["snr_db"] == pytest.approx(20 * np.log10(row["snr"]))


def test_regions_give_mean_over_deviation():
    image = bright_ball(grid(), noise=5.0)
    outside = from_world(lambda p: np.linalg.norm(p, axis=-1) > 18, grid(), "labels")
    row = estimate_snr(image, ball(grid(), 10.0), outside).iloc[0]
    signal = image.array[ball(grid(), 10.0).array > 0].mean()
    noise = image.array[outside.array > 0].std()
    assert row["snr"] == pytest.approx(signal / noise, rel=1e-5)
    assert row["noise_method"] == "standard deviation of the region"


def test_air_of_a_magnitude_image_is_corrected():
    rng = np.random.default_rng(0)
    clean = bright_ball(grid(), levels=(0.0, 100.0))
    magnitude = np.hypot(
        clean.array + rng.normal(0, 5, clean.array.shape), rng.normal(0, 5, clean.array.shape)
    )
    air = from_world(lambda p: np.linalg.norm(p, axis=-1) > 18, grid(), "labels")
    row = estimate_snr(clean.with_array(magnitude), None, air, noise="magnitude").iloc[0]
    assert row["noise"] == pytest.approx(5, rel=0.02)


def test_what_has_no_noise_is_said():
    with pytest.raises(ArgumentError, match="no noise"):
        estimate_snr(bright_ball(grid()))
    with pytest.raises(ArgumentError, match="every voxel"):
        estimate_snr(noisy().with_array(np.ones((8, 10, 12))))
    with pytest.raises(ArgumentError, match="empty"):
        estimate_snr(noisy(), ball(noisy().geometry, 0.0))
