"""The score of a detector's box as what is explained: a network whose maps can be written down."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from napari_medai.core.errors import ArgumentError
from napari_medai.explain.layers import default_layer, find_layer, list_layers
from napari_medai.explain.methods import window_map
from napari_medai.explain.targets import box_score

CHANNELS, CELL = 4, 4


class Detector(nn.Module):
    """One box a cell, of the cell's own place; its scores are linear in the cell's activations."""

    def __init__(self, ndim: int, named: bool = True) -> None:
        super().__init__()
        torch.manual_seed(ndim)
        conv = {2: nn.Conv2d, 3: nn.Conv3d}[ndim]
        self.features = conv(1, CHANNELS, CELL, stride=CELL)
        self.rectifier = nn.ReLU()
        self.head = conv(CHANNELS, 2, 1)
        self.named = named

    def forward(self, x: torch.Tensor) -> object:
        grid = self.head(self.rectifier(self.features(x)))
        places = torch.stack(torch.meshgrid(*map(torch.arange, grid.shape[2:]), indexing="ij"), -1)
        lower = places.reshape(-1, grid.ndim - 2).float() * CELL
        boxes = torch.cat([lower, lower + CELL], 1).expand(len(x), -1, -1)
        scores = grid.flatten(2).transpose(1, 2)
        return {"boxes": boxes, "scores": scores} if self.named else (boxes, scores)


@pytest.fixture(params=[(2, True), (3, False)], ids=["2-D, a mapping", "3-D, a pair"])
def case(request: pytest.FixtureRequest):
    ndim, named = request.param
    network = Detector(ndim, named).eval()
    sample = torch.randn((1, 1, *(16,) * ndim), generator=torch.Generator().manual_seed(1))
    layer = find_layer(list_layers(network, sample), "rectifier")
    activations = network.rectifier(network.features(sample))[0].detach().numpy().astype(float)
    return network, sample, layer, activations, network.head.weight[1].detach().numpy().reshape(-1)


def box_at(cell: tuple[int, ...], off: float = 0.7) -> list[float]:
    return [CELL * c + off for c in cell] + [CELL * c + CELL + off for c in cell]


def test_gradient_methods_equal_their_formula(case):
    network, sample, layer, activations, weights = case
    cell = (1, 2, 3)[: sample.ndim - 2]
    target = box_score(1, box_at(cell))
    at_cell = np.zeros(activations.shape)
    at_cell[(slice(None), *cell)] = weights
    expected = {
        "grad_cam": np.tensordot(weights / activations[0].size, activations, 1),
        "hires_cam": (at_cell * activations).sum(0),
        "layer_cam": (np.maximum(at_cell, 0) * activations).sum(0),
    }
    for method, cells in expected.items():
        size = torch.from_numpy(np.maximum(cells, 0))[None, None]
        mode = "bilinear" if sample.ndim == 4 else "trilinear"
        whole = nn.functional.interpolate(size, sample.shape[2:], mode=mode)[0, 0].numpy()
        found = window_map(network, sample, target, method, [layer])
        assert np.allclose(found, whole, atol=1e-5 * np.abs(whole).max()), method


@pytest.mark.parametrize("method", ["score_cam", "ablation_cam", "cam", "occlusion", "smooth_grad"])
def test_other_methods_make_a_map_or_say_why_not(case, method: str):
    network, sample, _, _, _ = case
    layer = default_layer(list_layers(network, sample), dense=True)
    target = box_score(0, box_at((2, 2, 2)[: sample.ndim - 2]))
    if method == "cam":
        with pytest.raises(ArgumentError, match="global average pool"):
            window_map(network, sample, target, method, [layer])
        return
    heat = window_map(network, sample, target, method, [layer])
    assert heat.shape == sample.shape[2:]
    assert np.isfinite(heat).all()


def test_what_is_no_box_is_refused_with_the_reason(case):
    network, sample, layer, _, _ = case
    ndim = sample.ndim - 2

    def asked(index: int, box: list[float], of: nn.Module = network):
        return window_map(of, sample, box_score(index, box), "grad_cam", [layer])

    with pytest.raises(ArgumentError, match="no box that touches"):
        asked(1, [100.0] * ndim + [104.0] * ndim)
    with pytest.raises(ArgumentError, match="classes 0 to 1"):
        asked(2, box_at((0,) * ndim))
    with pytest.raises(ArgumentError, match=f"needed {2 * ndim}"):
        asked(1, [0.0, 1.0, 2.0])
    plain = nn.Sequential()
    plain.add_module("rectifier", nn.ReLU())
    with pytest.raises(ArgumentError, match="not a detector's"):
        asked(1, box_at((0,) * ndim), plain)
