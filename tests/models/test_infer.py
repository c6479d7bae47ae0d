"""Windows cover any image, and their blend is MONAI's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_models import noise_image, random_model

from napari_medai import Cancelled
from napari_medai.models.infer import gaussian_weight, tiled_scores, window_corners

DEEP = {"name": "dynunet", "arguments": {"widths": [4, 8, 8], "strides": [1, 2, 2], "norm": "instance"}}


@pytest.mark.parametrize("overlap", [0.0, 0.25, 0.5, 0.7])
@pytest.mark.parametrize(
    ("shape", "tile"),
    [
        ((50, 71), (16, 24)),
        ((16, 24), (16, 24)),
        ((30, 13), (16, 16)),
        ((20, 33, 18), (16, 16, 8)),
        ((9, 33, 40), (16, 16, 32)),
    ],
    ids=str,
)
def test_scores_equal_monai_sliding_window_inference(shape, tile, overlap):
    import torch
    from monai.inferers import sliding_window_inference

    network = random_model(tile=list(tile), network=DEEP, channels=["a", "b"]).network
    volume = np.random.default_rng(0).normal(size=(2, *shape)).astype(np.float32)
    ours = tiled_scores(network, volume, tile, overlap=overlap, batch=3)
    with torch.inference_mode():
        theirs = sliding_window_inference(
            torch.from_numpy(volume)[None],
            tile,
            2,
            network,
            overlap=overlap,
            mode="gaussian",
            padding_mode="reflect",
        )
    assert ours.shape == (2, *shape)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, theirs[0].numpy(), rtol=1e-4, atol=1e-4 * float(theirs.abs().max()))


def test_windows_give_what_the_whole_image_gives_away_from_their_edges():
    import torch

    network = torch.nn.Conv2d(1, 2, 5, padding=2).requires_grad_(False)
    volume = np.random.default_rng(0).normal(size=(1, 64, 64)).astype(np.float32)
    whole = network(torch.from_numpy(volume)[None])[0].numpy()
    tiled = tiled_scores(network, volume, (64, 64))
    np.testing.assert_allclose(tiled, whole, atol=1e-6)
    pointwise = torch.nn.Conv2d(1, 3, 1).requires_grad_(False)
    whole = pointwise(torch.from_numpy(volume)[None])[0].numpy()
    tiled = tiled_scores(pointwise, volume, (16, 24), overlap=0.3)
    np.testing.assert_allclose(tiled, whole, rtol=1e-5, atol=1e-5)  # float32 sums of up to nine windows


@given(
    size=st.integers(16, 90), tile=st.integers(8, 16), overlap=st.floats(0, 0.9), width=st.integers(16, 40)
)
def test_windows_cover_every_voxel_and_stay_inside(size, tile, overlap, width):
    covered = np.zeros((size, width), dtype=bool)
    for y, x in window_corners((size, width), (tile, 16), overlap):
        assert 0 <= y <= size - tile
        assert 0 <= x <= width - 16
        covered[y : y + tile, x : x + 16] = True
    assert covered.all()


def test_no_window_is_taken_twice():
    corners = window_corners((33, 40), (16, 16), 0.5)
    assert len(set(corners)) == len(corners)


def test_the_weight_is_a_gaussian_with_a_floor():
    weight = gaussian_weight((9, 17))
    assert weight[4, 8] == 1
    assert weight.min() == pytest.approx(1e-3)
    assert weight[4, 8 + 2] == pytest.approx(np.exp(-0.5 * (2 / (17 / 8)) ** 2))


@pytest.mark.parametrize("shape", [(1, 1), (3, 50), (16, 5)])
def test_an_image_smaller_than_the_window_keeps_its_size(shape):
    volume = np.ones((1, *shape), dtype=np.float32)
    assert tiled_scores(random_model().network, volume, (16, 16)).shape == (2, *shape)


def test_prediction_is_cancelled_between_batches():
    volume = noise_image((64, 64)).array[None]
    heard = []

    def cancel_at_third(step):
        heard.append(step.done)
        if len(heard) == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        tiled_scores(random_model().network, volume, (16, 16), batch=4, progress=cancel_at_third)
    assert heard == [0, 1, 2]


def test_the_network_is_lent_unchanged():
    network = random_model().network.train()
    before = {name: t.clone() for name, t in network.state_dict().items()}
    tiled_scores(network, np.ones((1, 20, 20), dtype=np.float32), (16, 16))
    assert network.training
    assert all((before[name] == t).all() for name, t in network.state_dict().items())
