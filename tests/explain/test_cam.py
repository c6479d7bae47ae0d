"""Maps of a hand-built network, whose maps can be written down."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from napari_medai.core.errors import ArgumentError
from napari_medai.explain.attribution import (
    guided_backpropagation,
    input_gradient,
    integrated_gradients,
    occlusion,
    smooth_grad,
)
from napari_medai.explain.cam import ablation_map, gradient_map, score_map, upsample
from napari_medai.explain.layers import default_layer, find_layer, list_layers
from napari_medai.explain.targets import class_score, region_score
from napari_medai.explain.weightings import WEIGHTINGS

CHANNELS = 5


class Pooled(nn.Module):
    """Convolution, rectifier, global average, linear: the network that CAM was written for."""

    def __init__(self, ndim: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(ndim)
        conv = {2: nn.Conv2d, 3: nn.Conv3d}[ndim]
        self.features = conv(2, CHANNELS, 3, stride=2, padding=1)
        self.rectifier = nn.ReLU(inplace=True)
        self.head = nn.Linear(CHANNELS, 3)
        for parameter in self.parameters():
            parameter.data = torch.randn(parameter.shape, generator=generator) * 0.5

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.rectifier(self.features(x)).flatten(2).mean(2))


class Dense(nn.Module):
    """A small encoder and decoder with a map for output."""

    def __init__(self, ndim: int) -> None:
        super().__init__()
        torch.manual_seed(ndim)
        conv = {2: nn.Conv2d, 3: nn.Conv3d}[ndim]
        self.encoder = conv(1, 4, 3, stride=2, padding=1)
        self.middle = conv(4, 6, 3, stride=2, padding=1)
        self.decoder = conv(6, 2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = torch.relu(self.middle(torch.relu(self.encoder(x))))
        return nn.functional.interpolate(self.decoder(hidden), size=x.shape[2:], mode="nearest")


@pytest.fixture(params=[2, 3])
def case(request: pytest.FixtureRequest):
    ndim: int = request.param
    network = Pooled(ndim).eval()
    sample = torch.randn((1, 2, *(8, 10, 12)[:ndim]), generator=torch.Generator().manual_seed(7))
    layer = find_layer(list_layers(network, sample), "rectifier")
    activations = network.rectifier(network.features(sample))[0].detach().numpy().astype(float)
    weights = network.head.weight[1].detach().numpy().astype(float)
    return network, sample, layer, activations, weights


def combine(weights: np.ndarray, activations: np.ndarray) -> np.ndarray:
    return np.tensordot(weights, activations, 1)


def formula(method: str, activations: np.ndarray, weights: np.ndarray) -> np.ndarray:
    cells = activations[0].size
    gradient = weights / cells
    sums = activations.reshape(CHANNELS, -1).sum(1)
    if method == "cam":
        return combine(weights, activations)
    if method == "layer_cam":
        return combine(np.maximum(gradient, 0), activations)
    if method == "grad_cam_plus_plus":
        share = gradient**2 / (2 * gradient**2 + sums * gradient**3)
        return combine(cells * share * np.maximum(gradient, 0), activations)
    if method == "eigen_cam":
        table = activations.reshape(CHANNELS, -1).T
        centred = table - table.mean(0)
        projection = centred @ np.linalg.eigh(centred.T @ centred)[1][:, -1]
        sign = np.sign(((table.mean(1) - table.mean()) * projection).sum())
        return (sign * projection).reshape(activations.shape[1:])
    return combine(gradient, activations)


@pytest.mark.parametrize("method", list(WEIGHTINGS))
def test_gradient_methods_equal_their_formula(case, method: str):
    network, sample, layer, activations, weights = case
    ours = gradient_map(network, sample, class_score(1), layer, method).numpy()
    expected = formula(method, activations, weights)
    assert ours.shape == layer.cells
    assert np.allclose(ours, expected, atol=1e-5 * np.abs(expected).max())


def test_ablation_cam_equals_its_formula(case):
    network, sample, layer, activations, weights = case
    score = network(sample)[0, 1].item()
    lost = weights * activations.reshape(CHANNELS, -1).mean(1) / abs(score)
    ours = ablation_map(network, sample, class_score(1), layer, batch=2).numpy()
    assert np.allclose(ours, combine(lost, activations), atol=1e-5)


def test_score_cam_equals_its_definition(case):
    network, sample, layer, activations, _ = case
    scores = []
    for channel in torch.from_numpy(activations).float():
        mask = upsample(channel[None, None], tuple(sample.shape[2:]))
        mask = (mask - mask.min()) / (mask.max() - mask.min()).clamp(min=1e-8)
        scores.append(network(sample * mask)[0, 1].item())
    weights = np.exp(scores) / np.exp(scores).sum()
    ours = score_map(network, sample, class_score(1), layer, batch=2).numpy()
    assert np.allclose(ours, combine(weights, activations), atol=1e-5)


@pytest.mark.parametrize("ndim", [2, 3])
def test_a_segmentation_network_is_explained_by_a_region(ndim: int):
    network = Dense(ndim).eval()
    sample = torch.randn((1, 1, *(16, 16, 16)[:ndim]), generator=torch.Generator().manual_seed(1))
    layers = list_layers(network, sample)
    layer = default_layer(layers, dense=True)
    assert layer.cells == (4,) * ndim
    layer = find_layer(layers, "middle")
    mask = torch.zeros(sample.shape[2:])
    mask[(slice(0, 4),) * ndim] = 1
    ours = gradient_map(network, sample, region_score(1, mask), layer, "hires_cam")
    outside = ours.clone()
    outside[(0,) * ndim] = 0
    assert ours[(0,) * ndim] != 0
    assert not outside.any()


def test_the_graph_begins_at_the_layer(case):
    network, sample, layer, _, _ = case
    assert all(p.requires_grad for p in network.parameters())
    gradient_map(network, sample, class_score(0), layer)
    assert all(p.requires_grad and p.grad is None for p in network.parameters())
    assert not network.features._forward_hooks


def test_integrated_gradients_sum_to_the_change_of_score(case):
    network, sample, *_ = case
    ours = integrated_gradients(network, sample, class_score(2), steps=200)
    change = (network(sample) - network(torch.zeros_like(sample)))[0, 2].item()
    assert ours.sum().item() == pytest.approx(change, rel=5e-3)


def test_occlusion_of_a_linear_network_equals_the_lost_sum():
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 1, bias=False))
    weights = network[1].weight.detach().reshape(8, 8)
    sample = torch.rand(1, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    ours = occlusion(network, sample, class_score(0), box=1, fill=0.0)
    assert torch.allclose(ours, weights * sample[0, 0], atol=1e-6)


def test_smooth_grad_is_reproducible_and_without_noise_the_gradient(case):
    network, sample, *_ = case
    first = smooth_grad(network, sample, class_score(0), seed=3)
    assert torch.equal(first, smooth_grad(network, sample, class_score(0), seed=3))
    plain = input_gradient(network, sample, class_score(0))[0].abs().sum(0)
    assert torch.allclose(smooth_grad(network, sample, class_score(0), noise=0.0), plain, atol=1e-6)


def test_guided_backpropagation_passes_positive_gradients_only(case):
    network, sample, *_ = case
    network.head.weight.data.fill_(-1.0)
    assert not guided_backpropagation(network, sample, class_score(0)).any()
    network.head.weight.data.fill_(1.0)
    assert guided_backpropagation(network, sample, class_score(0)).any()
    assert network.rectifier.inplace


def test_what_cannot_be_explained_is_named(case):
    network, sample, layer, *_ = case
    with pytest.raises(ArgumentError, match="class 7; the network has classes 0 to 2"):
        gradient_map(network, sample, class_score(7), layer)
    with pytest.raises(ArgumentError, match="no map to take a region of"):
        gradient_map(network, sample, region_score(1), layer)
    with pytest.raises(ArgumentError, match="no layer 'x'"):
        find_layer([layer], "x")
    dense = Dense(2).eval()
    image = torch.rand(1, 1, 16, 16)
    middle = find_layer(list_layers(dense, image), "middle")
    with pytest.raises(ArgumentError, match="global average pool"):
        gradient_map(dense, image, region_score(1, torch.eye(16)), middle, "cam")
    with pytest.raises(ArgumentError, match="no voxel in the region"):
        gradient_map(dense, image, region_score(1, torch.zeros(16, 16)), middle)
