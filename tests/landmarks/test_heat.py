"""Heat maps, windows and the shape prior against places and numbers known beforehand."""

import numpy as np
import pytest

from napari_medai.models.points.heat import read_peaks
from napari_medai.models.points.shape import distances, expected, fit_shape
from napari_medai.models.points.windows import straight, turned

torch = pytest.importorskip("torch")

from napari_medai.models.points.heat import gaussian_targets, heat_loss  # noqa: E402


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (3.0, 1.0, 1.0), (0.5, 2.0, 1.3)])
def test_a_gaussian_in_mm_is_read_back_below_a_tenth_of_a_voxel_on_any_voxels(spacing):
    rng = np.random.default_rng(1)
    shape = (60, 26, 28)
    places = (rng.uniform(0.45, 0.55, (5, 3)) * shape * spacing)[None]
    target = gaussian_targets(torch.from_numpy(places).float(), shape, spacing, 2.5)[0].numpy()
    assert target.sum(axis=(1, 2, 3)) == pytest.approx(np.ones(5), rel=1e-4)
    peaks = read_peaks(np.log(target + 1e-12) + 15, spacing, 2.5)
    assert np.abs(peaks.index * spacing - places[0]).max() < 0.1 * min(spacing)


def test_the_spread_of_heat_is_its_covariance():
    at = torch.tensor([[[15.3, 20.6]]])
    heat = gaussian_targets(at, (40, 40), (1.0, 1.0), 2.0)[0].numpy()
    peaks = read_peaks(np.log(heat + 1e-12) + 10, (1.0, 1.0), 2.0)
    np.testing.assert_allclose(peaks.covariance[0], 4 * np.eye(2), atol=0.15)


def test_cold_maps_say_that_the_point_is_absent():
    cold, hot = np.full((1, 10, 10), -12.0), np.full((1, 10, 10), -12.0)
    hot[0, 4, 4] = 6
    assert read_peaks(cold, (1.0, 1.0), 1.0).present[0] < 0.01
    assert read_peaks(hot, (1.0, 1.0), 1.0).present[0] > 0.99


def test_the_loss_is_least_for_the_truth_and_leaves_unknown_points_alone():
    at = torch.tensor([[[4.0, 5.0], [2.0, 2.0]]])
    target = gaussian_targets(at, (10, 10), (1.0, 1.0), 1.0)
    right, wrong = torch.log(target + 1e-9) + 8, torch.log(target.flip(-1) + 1e-9) + 8
    state = torch.tensor([[1.0, -1.0]])
    assert heat_loss(right, target, state) < heat_loss(wrong, target, state)
    changed = right.clone()
    changed[:, 1] += 100
    assert heat_loss(right, target, state) == heat_loss(changed, target, state)
    gone = torch.tensor([[0.0, -1.0]])
    assert heat_loss(torch.full_like(right, -20.0), target, gone) < 1e-3 < heat_loss(right, target, gone)


def test_points_go_into_windows_and_back():
    rng = np.random.default_rng(2)
    base = straight(rng.uniform(20, 30, (4, 3)), (16, 16, 12), (2.0, 1.5, 1.0))
    windows = turned(base, 7.0, 1.1)
    points = base.centres + rng.uniform(-3, 3, (4, 3))
    index = windows.to_window(points[:, None])[:, 0] / windows.spacing
    np.testing.assert_allclose(windows.to_image(index), points, atol=1e-9)


def test_a_bright_voxel_lies_in_the_window_where_the_point_map_says():
    volume = torch.zeros(1, 30, 40)
    volume[0, 12, 21] = 1
    windows = turned(straight(np.array([[24.0, 20.0]]), (24, 24), (2.0, 1.0)), 0.0, 1.0)
    shown = windows.cut(volume, (2.0, 1.0))[0, 0].numpy()
    place = windows.to_window(np.array([[[24.0, 21.0]]]))[0, 0] / windows.spacing
    peak = np.array(np.unravel_index(shown.argmax(), shown.shape))
    assert np.abs(peak - place).max() <= 0.51


def test_the_shape_prior_finds_the_one_point_that_is_out_of_place():
    rng = np.random.default_rng(3)
    shape = rng.uniform(0, 100, (8, 2))

    def person():
        angle, scale = rng.normal(0, 0.2), np.exp(rng.normal(0, 0.1))
        turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        return (shape + rng.normal(0, 1, shape.shape)) @ turn.T + rng.normal(0, 20, 2)

    mean, spread = fit_shape([person() for _ in range(30)])
    assert (spread < 4).all()
    odd = person()
    odd[3] += 25
    strays = distances(odd, mean) / spread
    assert strays.argmax() == 3
    assert strays[3] > 4
    assert np.delete(strays, 3).max() < 4


def test_the_shape_prior_puts_a_missing_point_where_the_others_want_it():
    square = np.array([[0, 0], [10, 0], [10, 10], [0, 10], [5, 5.0]])
    lacking = square.copy() + 3
    lacking[4] = np.nan
    np.testing.assert_allclose(expected(lacking, square)[4], [8, 8], atol=1e-6)
