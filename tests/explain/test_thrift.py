"""Gradients that keep less than autograd's are the same gradients."""

from __future__ import annotations

from contextlib import nullcontext
from itertools import product

import pytest
import torch
from torch import nn

from napari_medai.explain import cam, thrift
from napari_medai.explain.layers import default_layer, frozen, list_layers
from napari_medai.explain.targets import region_score
from napari_medai.explain.thrift import thrifty
from napari_medai.models.networks import dynunet

CONVS = {2: nn.Conv2d, 3: nn.Conv3d}
NORMS = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}


def gradient(network: nn.Module, sample: torch.Tensor, *, saving: bool) -> tuple[torch.Tensor, int]:
    """The gradient of the summed squares by the input, and how many bytes were kept for it."""
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.data_ptr()] = tensor.numel() * tensor.element_size()
        return tensor

    leaf = sample.clone().requires_grad_(True)
    hooks = torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor)
    with frozen(network), thrifty() if saving else nullcontext(), hooks:
        score = network(leaf).square().sum()
    (found,) = torch.autograd.grad(score, leaf)
    return found, sum(kept.values())


def assert_same(network: nn.Module, sample: torch.Tensor) -> None:
    ours, theirs = gradient(network, sample, saving=True)[0], gradient(network, sample, saving=False)[0]
    assert torch.allclose(ours, theirs, atol=1e-5 * float(theirs.abs().max()))


@pytest.mark.parametrize(
    ("ndim", "kernel", "padding", "stride", "dilation"),
    [
        *product((2, 3), (1, 3), (0, 1), (1, 2), (1,)),
        (2, 3, 2, 1, 2),
        (2, 5, "same", 1, 1),
        (3, (1, 3, 5), 0, 1, 1),
    ],
)
def test_the_gradient_of_a_convolution_is_autograds(ndim, kernel, padding, stride, dilation):
    torch.manual_seed(0)
    network = CONVS[ndim](2, 4, kernel, padding=padding, stride=stride, dilation=dilation)
    assert_same(network, torch.randn(2, 2, *(9, 8, 7)[:ndim]))


@pytest.mark.parametrize(
    ("kernel", "rim"),
    [((3, 3, 3), (1, 1, 1)), ((5, 1, 3), (2, 0, 0)), ((3, 3, 1), (0, 1, 0)), ((1,) * 3, (0,) * 3)],
)
def test_slab_by_slab_a_convolution_is_the_same(monkeypatch: pytest.MonkeyPatch, kernel, rim):
    monkeypatch.setattr(thrift, "SLAB_PLANES", 4)
    monkeypatch.setattr(thrift, "SLAB_ROWS", 0)
    torch.manual_seed(0)
    network = nn.Conv3d(2, 3, kernel, padding=rim)
    sizes: list[int] = []
    whole = torch.conv3d

    def seen(values: torch.Tensor, *rest: object) -> torch.Tensor:
        sizes.append(values.shape[2])
        return whole(values, *rest)

    monkeypatch.setattr(torch, "conv3d", seen)
    sample = torch.randn(1, 2, 19, 6, 7)
    weights = network.weight.detach(), network.bias.detach()
    ours = thrift._slab_by_slab(sample, *weights, rim)
    assert torch.allclose(ours, whole(sample, *weights, 1, rim), atol=1e-5)
    assert len(sizes) > 2
    assert max(sizes) < 19


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("rectifier", [nn.ReLU(), nn.ReLU(inplace=True), nn.LeakyReLU(0.2, inplace=True)])
def test_the_gradient_of_a_block_is_autograds_and_far_less_is_kept(ndim: int, rectifier: nn.Module):
    torch.manual_seed(1)
    norm = NORMS[ndim](6)
    norm.running_mean.data = torch.randn(6)
    norm.running_var.data = torch.rand(6) + 0.5
    network = nn.Sequential(CONVS[ndim](2, 6, 3, padding=1), norm, rectifier, CONVS[ndim](6, 1, 1)).eval()
    sample = torch.randn(1, 2, *(12,) * ndim)
    assert_same(network, sample)
    assert gradient(network, sample, saving=True)[1] < 0.4 * gradient(network, sample, saving=False)[1]


def test_weights_that_learn_and_normalisation_by_the_batch_are_left_to_torch():
    torch.manual_seed(2)
    network = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU())
    sample = torch.randn(4, 1, 8, 8, requires_grad=True)
    with thrifty():
        network(sample).square().sum().backward()
    ours = [p.grad.clone() for p in network.parameters()]
    network.zero_grad()
    network(sample).square().sum().backward()
    assert all(torch.allclose(a, p.grad, atol=1e-5) for a, p in zip(ours, network.parameters(), strict=True))


def test_the_map_of_a_unet_is_that_of_autograd(monkeypatch: pytest.MonkeyPatch):
    torch.manual_seed(3)
    network = dynunet(3, 1, 3, widths=(4, 8, 16), strides=(1, 2, 2)).eval()
    sample = torch.randn(1, 1, 16, 16, 16)
    layer = default_layer(list_layers(network, sample), dense=True)
    target = region_score(1, torch.ones(16, 16, 16))
    ours = cam.gradient_map(network, sample, target, layer)
    monkeypatch.setattr(cam, "thrifty", nullcontext)
    theirs = cam.gradient_map(network, sample, target, layer)
    assert torch.allclose(ours, theirs, atol=1e-5 * float(theirs.abs().max()))
