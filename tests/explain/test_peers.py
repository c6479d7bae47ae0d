"""Maps equal to those of other libraries, where these are right."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from napari_medai.explain.cam import cell_map
from napari_medai.explain.layers import find_layer, list_layers
from napari_medai.explain.targets import class_score

REFERENCE = Path(__file__).parent / "reference" / "pytorch_grad_cam.npz"
METHODS = [
    "grad_cam",
    "grad_cam_plus_plus",
    "hires_cam",
    "layer_cam",
    "xgrad_cam",
    "eigen_cam",
    "score_cam",
    "ablation_cam",
]


@pytest.fixture(scope="module")
def reference() -> dict[str, np.ndarray]:
    with np.load(REFERENCE, allow_pickle=False) as stored:
        return dict(stored)


def stored_network(reference: dict[str, np.ndarray]) -> nn.Sequential:
    pooled = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 3))
    network = nn.Sequential(
        nn.Conv2d(2, 5, 3, padding=1), nn.ReLU(), nn.Conv2d(5, 6, 3, padding=1), nn.ReLU(), *pooled
    )
    weights = {k.removeprefix("weight:"): torch.from_numpy(v) for k, v in reference.items() if ":" in k}
    network.load_state_dict(weights)
    return network.double().eval()


@pytest.mark.parametrize("method", METHODS)
def test_maps_equal_those_of_pytorch_grad_cam(reference: dict[str, np.ndarray], method: str):
    network = stored_network(reference)
    for parameter in network[6].parameters() if method != "score_cam" else ():
        parameter.data *= float(reference["scale"])
    sample = torch.from_numpy(reference["sample"])
    layer = find_layer(list_layers(network, sample), "1")
    ours = cell_map(network, sample, class_score(1), layer, method).numpy()
    theirs = reference[method]
    if method == "eigen_cam":  # the sign of a principal component is free
        ours = ours * np.sign((ours * theirs).sum())
    assert np.abs(theirs).max() > 0
    assert np.abs(ours - theirs).max() <= 1e-5 * np.abs(theirs).max()


def classifier(ndim: int) -> nn.Sequential:
    torch.manual_seed(ndim)
    conv, pool = {2: (nn.Conv2d, nn.AdaptiveAvgPool2d), 3: (nn.Conv3d, nn.AdaptiveAvgPool3d)}[ndim]
    head = nn.Linear(8, 3)
    head.weight.data *= 100  # gradients large beside the peer's epsilon
    features = [conv(1, 6, 3, stride=2, padding=1), nn.ReLU(), conv(6, 8, 3, stride=2, padding=1), nn.ReLU()]
    return nn.Sequential(*features, pool(1), nn.Flatten(), head).eval()


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize(("method", "name"), [("grad_cam", "GradCAM"), ("grad_cam_plus_plus", "GradCAMpp")])
def test_maps_equal_those_of_monai(ndim: int, method: str, name: str):
    import monai.visualize

    network = classifier(ndim).double()
    sample = torch.randn((1, 1, *(24, 20, 16)[:ndim]), generator=torch.Generator().manual_seed(2)).double()
    layer = find_layer(list_layers(network, sample), "3")
    ours = cell_map(network, sample, class_score(2), layer, method).clamp(min=0)
    peer = getattr(monai.visualize, name)(nn_module=network, target_layers="3")
    theirs = peer.compute_map(sample, class_idx=2)[0, 0].clamp(min=0)
    assert ours.max() > 0
    if method == "grad_cam_plus_plus":  # theirs is multiplied by the exponential of the score
        ours, theirs = ours / ours.max(), theirs / theirs.max()
    assert torch.allclose(ours, theirs.detach(), rtol=0, atol=1e-5 * float(ours.max()))
