"""What a landmark network is shown in training: points stay on their voxels, absent ones are called so."""

import numpy as np
import pytest

from napari_medai.models.points.windows import straight
from napari_medai.train.points.cases import Shown

torch = pytest.importorskip("torch")

from napari_medai.train.points.draw import Views, cut_short  # noqa: E402


def marked(shape=(40, 50), spacing=(2.0, 1.0), count=12):
    """A case whose points each lie on a voxel of their own value."""
    rng = np.random.default_rng(4)
    index = rng.integers(2, np.array(shape) - 2, (count, len(shape)))
    volume = torch.zeros(1, *shape)
    for k, place in enumerate(index):
        volume[(0, *place)] = k + 1
    state = np.ones(count)
    state[0] = -1.0
    return Shown(volume, np.array(spacing), index * np.array(spacing), state)


def test_an_image_cut_short_keeps_points_on_their_voxels_and_calls_the_lost_ones_absent():
    case, rng, lost = marked(), np.random.default_rng(5), 0
    for _ in range(60):
        short = cut_short(case, rng)
        size = np.array(short.volume.shape[1:])
        index = np.round(short.at / short.spacing).astype(int)
        inside = np.all((index >= 0) & (index < size), axis=1)
        assert short.state[0] == -1
        assert inside[short.state == 1].all()
        assert not inside[short.state == 0].any()
        for k in np.flatnonzero(short.state == 1):
            assert short.volume[(0, *index[k])] == case.volume[(0, *np.int64(case.at[k] / case.spacing))]
        lost += int((short.state == 0).sum())
    assert lost > 20


def test_views_draw_absent_points_even_where_every_case_has_all():
    views = Views([marked()], (32, 32), 2.0, batch=32, around=6.0, context=3.0)
    images, targets, states = views(np.random.default_rng(6))
    assert images.shape == (32, 2, 32, 32)
    assert targets.shape == (32, 12, 32, 32)
    assert 0 < int((states == 0).sum()) < states.numel()
    assert set(np.unique(states.numpy())) <= {-1.0, 0.0, 1.0}


def test_a_window_is_seen_a_second_time_as_wide_as_its_context():
    ramp = torch.arange(60.0).expand(1, 60, 60)
    windows = straight(np.array([[30.0, 30.0]]), (9, 9), (1.0, 1.0))
    close, wide = windows.cut(ramp, (1.0, 1.0), 3.0)[0]
    np.testing.assert_allclose(close[4], np.arange(26, 35), atol=1e-4)
    np.testing.assert_allclose(wide[4], np.arange(18, 43, 3), atol=1e-4)
    assert windows.cut(ramp, (1.0, 1.0)).shape == (1, 1, 9, 9)
