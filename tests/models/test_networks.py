"""Every network of the table can be built, answers in the right shape, and says what it takes."""

import importlib.util
import json

import pytest
from small_models import description

from napari_medai import MedAIError
from napari_medai.models.networks import ENTRIES, NetworkEntry, add_network, build_network, make_network
from napari_medai.models.networks.cost import network_cost, network_costs
from napari_medai.models.networks.unets import unet
from napari_medai.models.spec import ModelSpec

SMALL = {
    "unet": {"widths": (4, 8), "strides": (2,)},
    "dynunet": {"widths": (4, 8, 8), "strides": (1, (1, 2), 2)},
    "nnunet": {"widths": (4, 8), "strides": (1, 2), "encoder": (1, 2), "decoder": (1,), "residual": True},
    "segresnet": {"width": 8, "blocks": (1, 1), "blocks_up": (1,)},
    "attention-unet": {"widths": (4, 8), "strides": (2,)},
    "unet++": {"widths": (4, 4, 4, 8, 8, 4)},
    "vnet": {},
    "swin-unetr": {"width": 12, "depths": (1, 1, 1, 1)},
    "pooled": {"widths": (4, 8), "strides": (2, 2)},
    "densenet": {"width": 4, "growth": 4, "blocks": (1, 1)},
    "resnet": {"depth": 10, "width": 4},
    "efficientnet": {"size": "b0"},
    "autoencoder": {"widths": (4, 8), "strides": (2, 2)},
    "vae": {"widths": (4, 8), "strides": (2, 2), "latent": 3, "size": (32, 32)},
    "patch-discriminator": {"width": 4, "layers": 2},
    "patch-discriminators": {"width": 4, "layers": 1, "smallest": 32},
}
SWIN_FAULT = "width" if importlib.util.find_spec("einops") else "einops"


@pytest.mark.parametrize("name", SMALL)
def test_every_network_answers_in_the_right_shape(name):
    import torch

    entry = ENTRIES[name]
    if any(importlib.util.find_spec(package) is None for package in entry.needs):
        with pytest.raises(MedAIError, match=r"needs einops.*pip install einops"):
            make_network(name, 2, 1, 3, **SMALL[name])
        return
    network = make_network(name, 2, 1, 3, **SMALL[name]).eval()
    size = max(32, entry.least)
    with torch.inference_mode():
        answer = network(torch.zeros(2, 1, size, size))
    if "segmentation" in entry.tasks:
        assert answer.shape == (2, 3, size, size)
    elif entry.tasks:
        assert answer.shape == (2, 3)
    elif name == "autoencoder":
        assert answer.shape == (2, 3, 32, 32)
    elif name == "vae":
        assert answer[0].shape == (2, 3, 32, 32)
        assert all(part.shape == (2, 3) for part in answer[1:])
    else:
        verdicts = answer[0] if name == "patch-discriminators" else answer
        assert verdicts[-1].shape[:2] == (2, 3)


def test_the_table_here_is_the_whole_table():
    assert set(SMALL) | {"heat-cascade"} >= set(ENTRIES)


@pytest.mark.parametrize(
    ("network", "tile", "said"),
    [
        ({"name": "resnet"}, [32, 32], "not one for segmentation"),
        ({"name": "vae", "arguments": SMALL["vae"]}, [32, 32], "not one for segmentation"),
        ({"name": "unet++"}, [32, 40], "needed multiples of 16"),
        ({"name": "segresnet", "arguments": {}}, [32, 12], "needed multiples of 8"),
        ({"name": "dynunet", "arguments": SMALL["dynunet"]}, [9, 8], "multiples of (2, 4)"),
        ({"name": "segresnet", "arguments": {"width": 9}}, [32, 32], "width"),
        ({"name": "swin-unetr", "arguments": {"with": 24}}, [32, 32], SWIN_FAULT),
        ({"name": "vnet"}, [32, 32], "3 input channels"),
    ],
)
def test_what_does_not_fit_is_refused(network, tile, said):
    channels = ["a", "b", "c"] if network["name"] == "vnet" else ["a"]
    network = json.loads(json.dumps(network))
    spec = ModelSpec.model_validate(description(network=network, tile=tile, channels=channels))
    with pytest.raises(MedAIError) as caught:
        build_network(spec)
    assert said in str(caught.value)


def test_a_network_can_be_added_under_a_new_name_only(monkeypatch):
    import napari_medai.models.networks.table as table

    monkeypatch.setattr(table, "ENTRIES", dict(table.ENTRIES))
    monkeypatch.setattr(table, "NETWORKS", dict(table.NETWORKS))
    add_network("mine", NetworkEntry(unet))
    assert make_network("mine", 2, 1, 2, widths=(4, 8), strides=(2,)) is not None
    with pytest.raises(MedAIError, match="already"):
        add_network("dynunet", NetworkEntry(unet))


def test_cost_of_one_convolution_is_what_arithmetic_says():
    cost = network_cost("nnunet", 2, 32, frozenset(), SMALL["nnunet"] | {"residual": False})
    weights = (9 * 4 + 4 + 8) + 2 * (9 * 8 * 8 + 8 + 16) - (9 * 4 * 8)  # down: 1 to 4, 4 to 8, 8 to 8
    weights += (8 * 4 * 4 + 4) + (9 * 8 * 4 + 4 + 8) + (4 * 2 + 2)  # up, joined, head
    assert cost.parameters == weights
    volume = 32 * 32 * 4  # bytes of one channel
    assert cost.predicting >= 12 * volume  # the joined level: eight channels in, four out
    assert cost.training > cost.predicting


def test_the_table_of_costs_counts_without_allocating():
    costs = network_costs(3, 64)
    assert set(costs) == {name for name, entry in ENTRIES.items() if entry.example is not None}
    assert costs["dynunet"].parameters == pytest.approx(16.5e6, rel=0.02)
    assert all(cost.training > 0 < cost.predicting for cost in costs.values() if cost)
