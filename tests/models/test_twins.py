"""Networks arranged to predict faster give the same scores."""

import copy

import numpy as np
import pytest

from napari_medai.models.forward import Setting, open_forward
from napari_medai.models.joins import joins_merged, mergeable, merged_join
from napari_medai.models.networks.nnunet import nnunet
from napari_medai.models.networks.unets import dynunet, unet
from napari_medai.models.twins import channels_last_twin

ANISOTROPIC = {"strides": ((1, 1, 1), (1, 2, 2), (2, 2, 2)), "kernels": ((1, 3, 3), (3, 3, 3), (3, 3, 3))}


def planned(ndim, **changes):
    usual = {"widths": (4, 8, 8), "strides": (1, 2, 2), "encoder": (1, 2, 1), "decoder": (1, 2)}
    return nnunet(ndim, 2, 3, **{**usual, **changes})


NETWORKS = {
    "monai": lambda: dynunet(3, 2, 3, widths=(4, 8, 8, 16), strides=(1, 2, 2, 2), norm="instance"),
    "monai, flat, dropout": lambda: dynunet(2, 2, 3, widths=(4, 8, 8), strides=(1, 2, 2), dropout=0.3),
    "planned, bias": lambda: planned(3),
    "planned, thick slices": lambda: planned(3, **ANISOTROPIC),
    "planned, flat, residual, no bias": lambda: planned(2, residual=True, bias=False),
}


def made(name):
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = NETWORKS[name]().eval().requires_grad_(False)
        ndim = 2 if "flat" in name else 3
        return network, torch.randn(2, 2, *(16, 24, 16)[:ndim])


@pytest.mark.parametrize("name", list(NETWORKS))
def test_merged_joins_give_the_same_scores_to_the_rim(name):
    import torch

    network, x = made(name)
    before = copy.deepcopy(network.state_dict())
    merged = joins_merged(network)
    assert merged is not network
    with torch.inference_mode():
        expected, found = network(x), merged(x)
    # products are summed in another order: some units of the last of 24 bits
    assert float((found - expected).abs().max() / expected.abs().max()) < 1e-5
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    ups = [m for m in merged.modules() if type(m).__name__.startswith("ConvTranspose")]
    assert ups
    assert all(max(up.kernel_size) == 4 for up in ups)


@pytest.mark.parametrize("form", ["channels_last_3d", "channels_last"])
def test_a_twin_that_normalises_by_groups_gives_the_same_scores(form):
    import torch

    network, x = made("planned, bias" if "3d" in form else "planned, flat, residual, no bias")
    twin = channels_last_twin(network, getattr(torch, form))
    kinds = {type(layer).__name__ for layer in twin.modules()}
    assert "GroupNorm" in kinds
    assert not any("InstanceNorm" in kind for kind in kinds)
    with torch.inference_mode():
        expected, found = network(x), twin(x.to(memory_format=getattr(torch, form)))
    assert float((found - expected).abs().max() / expected.abs().max()) < 1e-4


def test_instance_normalisation_that_has_learnt_means_stays():
    import torch
    from torch import nn

    network = nn.Sequential(nn.Conv3d(1, 2, 1), nn.InstanceNorm3d(2, track_running_stats=True))
    twin = channels_last_twin(network, torch.channels_last_3d)
    assert type(twin[1]) is nn.InstanceNorm3d


def test_what_cannot_be_merged_is_left_alone():
    from torch import nn

    up, conv = nn.ConvTranspose3d(8, 4, 2, 2), nn.Conv3d(8, 4, 3, padding=1)
    assert mergeable(up, conv)
    others = [
        (nn.ConvTranspose3d(8, 4, 3, 2), conv),
        (nn.ConvTranspose3d(8, 4, 2, 2, groups=2), conv),
        (nn.Identity(), conv),
        (up, nn.Conv3d(8, 4, 3, padding=0)),
        (up, nn.Conv3d(8, 4, 3, padding=1, padding_mode="reflect")),
        (up, nn.Conv3d(8, 4, 3, 2, padding=1)),
        (nn.ConvTranspose3d(64, 4, 2, 2), conv),  # would be more work than before
    ]
    assert not any(mergeable(*pair) for pair in others)
    plain = unet(3, 1, 2, widths=(4, 8), strides=(2,))
    assert joins_merged(plain) is plain


def test_a_join_takes_the_raised_channels_first_or_last():
    import torch
    from torch import nn

    torch.manual_seed(0)
    up, coarse, fine = nn.ConvTranspose2d(6, 3, 2, 2), torch.randn(1, 6, 5, 4), torch.randn(1, 2, 10, 8)
    conv = nn.Conv2d(5, 4, 3, padding=1)
    with torch.inference_mode():
        for first in (True, False):
            parts = (up(coarse), fine) if first else (fine, up(coarse))
            expected = conv(torch.cat(parts, 1))
            found = merged_join(up, conv, raised_first=first)(coarse, fine)
            torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["torch-fp32-channels_last", "openvino-fp32", "onnx-fp32"])
def test_every_runtime_takes_a_network_with_merged_joins(name):
    import torch

    runtime = name.partition("-")[0]
    pytest.importorskip({"openvino": "openvino", "onnx": "onnxruntime"}.get(runtime, "torch"))
    network, x = made("planned, bias")
    with torch.inference_mode():
        forward = open_forward(network, Setting.parse(name), tuple(x.shape), torch.device("cpu"))
        expected, found = network(x).numpy(), forward(x).numpy()
    assert np.abs(found - expected).max() / np.abs(expected).max() < 1e-4
