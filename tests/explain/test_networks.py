"""Every network of the table, seen by every method that applies; the others are refused, with the reason."""

from __future__ import annotations

from functools import partial
from importlib.util import find_spec

import numpy as np
import pytest
import torch

from napari_medai.core.errors import ArgumentError
from napari_medai.explain import methods
from napari_medai.explain.layers import default_layer, list_layers
from napari_medai.explain.methods import INPUT_METHODS, Method, window_map
from napari_medai.explain.question import EXPLAINED
from napari_medai.explain.targets import class_score, region_mean, region_score
from napari_medai.models.networks import ENTRIES

TINY = {
    "unet": {"widths": (4, 8, 8), "strides": (2, 2)},
    "dynunet": {"widths": (4, 8, 8), "strides": (1, 2, 2)},
    "nnunet": {"widths": (4, 8), "strides": (1, 2), "encoder": (1, 1), "decoder": (1,)},
    "segresnet": {"width": 8, "blocks": (1, 1, 1), "blocks_up": (1, 1)},
    "attention-unet": {"widths": (4, 8, 8), "strides": (2, 2)},
    "unet++": {"widths": (4, 4, 4, 8, 8, 4)},
    "vnet": {},
    "swin-unetr": {"width": 12, "window": 2},
    "pooled": {"widths": (4, 8), "strides": (2, 2)},
    "densenet": {"width": 8, "growth": 4, "blocks": (1, 1, 1)},
    "resnet": {"depth": 10, "width": 8},
    "efficientnet": {},
    "heat-cascade": {"coarse": {"widths": (4, 8, 8)}, "fine": {"widths": (4, 8)}},
}
"""Arguments that make each network small; one that is added to the table needs a row."""

MANY_RUNS = ("score_cam", "ablation_cam", "occlusion", "integrated_gradients", "smooth_grad")
ALL = tuple(
    name for group in Method.__args__ for name in (group.__args__ if hasattr(group, "__args__") else (group,))
)
IMAGE_NETWORKS = [n for n, e in ENTRIES.items() if "classification" in e.tasks]
MAP_NETWORKS = [n for n, e in ENTRIES.items() if {"segmentation", "landmarks"} & e.tasks]


@pytest.fixture(autouse=True)
def _few_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the methods of many runs do a few: here it matters that they run, elsewhere what they find."""
    for name, few in {
        "integrated_gradients": {"steps": 2},
        "smooth_grad": {"repeats": 2},
        "occlusion": {"box": 16},
    }.items():
        monkeypatch.setattr(methods, name, partial(getattr(methods, name), **few))


def reasons(name: str) -> dict[str, str]:
    """Why a method is refused for a network. EfficientNet ends in one cell here, so CAM sees no grid."""
    none_or_one = name in MAP_NETWORKS or name == "efficientnet"
    return {"cam": "global average pool"} if none_or_one else {}


def require_parts(name: str) -> None:
    missing = [p for p in ENTRIES[name].needs if find_spec(p) is None]
    if missing:
        pytest.skip(f"{name} needs {', '.join(missing)}, not installed here")


def built(name: str, ndim: int) -> tuple[torch.nn.Module, torch.Tensor]:
    torch.manual_seed(0)
    network = ENTRIES[name].build(ndim, 1, 3, **TINY[name]).eval()
    size = (32,) * ndim
    return network, torch.randn(1, 1, *size)


def targets(name: str, ndim: int):
    if name in IMAGE_NETWORKS:
        return {"class": class_score(1)}
    voxel, box = torch.zeros((32,) * ndim), torch.zeros((32,) * ndim)
    voxel[(16,) * ndim] = 1
    box[(slice(4, 20),) * ndim] = 1
    if name == "heat-cascade":
        return {"heat": region_mean(1, box)}
    return {"voxel": region_score(1, voxel), "box": region_score(1, box)}


def walk(name: str, ndim: int, names: tuple[str, ...]) -> dict[str, str]:
    """Make every map; return the reasons of those that were refused."""
    network, sample = built(name, ndim)
    layers = list_layers(network, sample)
    default = default_layer(layers, dense=name in MAP_NETWORKS)
    narrow = min((layer for layer in layers if min(layer.cells) > 1), key=lambda layer: layer.channels)
    refused = {}
    for method in names:
        layer = narrow if method in ("score_cam", "ablation_cam") else default  # one run a channel
        for what, target in targets(name, ndim).items():
            if what == "box" and method != "grad_cam":
                continue
            try:
                heat = window_map(network, sample, target, method, [layer], -3.0)
            except ArgumentError as error:
                refused[method] = str(error)
                continue
            assert heat.shape == sample.shape[2:], (method, what)
            assert np.isfinite(heat).all(), (method, what)
            assert heat.min() >= 0, (method, what)
    return refused


def test_every_network_that_a_model_can_name_is_walked():
    assert set(TINY) == {name for name, entry in ENTRIES.items() if entry.tasks & set(EXPLAINED)}
    assert set(ALL) > set(INPUT_METHODS)


def check_walk(name: str, ndim: int, names: tuple[str, ...]) -> None:
    require_parts(name)
    refused = walk(name, ndim, names)
    assert set(refused) == set(reasons(name)), refused
    for method, reason in reasons(name).items():
        assert reason in refused[method]


@pytest.mark.parametrize("name", IMAGE_NETWORKS + MAP_NETWORKS)
def test_every_method_on_2d(name: str):
    check_walk(name, 2, ALL)


@pytest.mark.parametrize("name", IMAGE_NETWORKS + MAP_NETWORKS)
def test_the_quick_methods_on_3d(name: str):
    check_walk(name, 3, tuple(m for m in ALL if m not in MANY_RUNS))


def test_a_place_is_refused_where_there_is_one_number_an_image_and_a_class_where_there_is_a_map():
    network, sample = built("pooled", 2)
    layer = default_layer(list_layers(network, sample), dense=False)
    with pytest.raises(ArgumentError, match="no map to take a region of"):
        window_map(network, sample, region_score(1, torch.ones(32, 32)), "grad_cam", [layer])
    network, sample = built("unet", 2)
    layer = default_layer(list_layers(network, sample), dense=True)
    with pytest.raises(ArgumentError, match="not one number a class"):
        window_map(network, sample, class_score(1), "grad_cam", [layer])
