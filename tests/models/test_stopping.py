"""A network at work stops within a window, by every runtime, and works again afterwards."""

import threading

import numpy as np
import pytest
from small_models import random_model

from napari_medai import Cancelled
from napari_medai.core.progress import Step
from napari_medai.models import forward as forwards
from napari_medai.models import listen
from napari_medai.models.forward import Setting, open_forward
from napari_medai.models.infer import tiled_scores
from napari_medai.models.listen import Aside, between_layers, listening


@pytest.fixture(autouse=True)
def _listens_always(monkeypatch):
    monkeypatch.setattr(listen, "EVERY_S", 0.0)
    monkeypatch.setattr(forwards, "EVERY_S", 0.0)


def chain(count, done):
    """A network of layers that each say that they were reached."""
    import torch

    class Layer(torch.nn.Module):
        def forward(self, x):
            done.append(1)
            return x

    return torch.nn.Sequential(*[Layer() for _ in range(count)], torch.nn.Conv3d(1, 2, 1)).eval()


def test_a_window_is_left_between_two_layers():
    done = []
    network = chain(20, done)
    hooks = [len(module._forward_pre_hooks) for module in network.modules()]

    def stop(step):
        if len(done) >= 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        tiled_scores(network, np.zeros((1, 8, 8, 8), np.float32), (8, 8, 8), progress=stop)
    assert len(done) == 3
    assert [len(module._forward_pre_hooks) for module in network.modules()] == hooks


def test_nobody_listening_costs_no_hook():
    network = chain(2, [])
    with between_layers(network):
        assert not network[0]._forward_pre_hooks


def test_the_last_report_is_said_again():
    heard = []
    with listening(heard.append) as listener:
        listener.report(Step(3, 8, "Predicting"))
        listen.pause()
        listen.breathe()
    assert heard == [Step(3, 8, "Predicting")] * 3
    listen.pause()
    assert len(heard) == 3


def test_work_aside_is_asked_to_stop_and_not_waited_for():
    go_on, asked = threading.Event(), []

    def stop(step):
        raise Cancelled

    aside = Aside()
    with listening(stop), pytest.raises(Cancelled):
        aside.do(lambda: go_on.wait(60), lambda: asked.append(1))
    assert asked == [1]
    go_on.set()
    assert aside.do(lambda: 5) == 5
    with pytest.raises(ValueError, match="its own"):
        aside.do(lambda: int("its own"))


@pytest.mark.parametrize("name", ["torch-fp32", "openvino-fp32", "onnx-fp32"])
def test_every_runtime_can_be_stopped_and_used_again(name):
    import torch

    runtime = name.partition("-")[0]
    pytest.importorskip({"openvino": "openvino", "onnx": "onnxruntime"}.get(runtime, "torch"))
    deep = {
        "name": "dynunet",
        "arguments": {"widths": [16, 16, 16], "strides": [1, 2, 2], "norm": "instance"},
    }
    network = random_model(tile=[32, 32, 32], network=deep).network
    windows = torch.randn(1, 1, 32, 32, 32, generator=torch.Generator().manual_seed(0))
    forward = open_forward(network, Setting.parse(name), windows.shape, torch.device("cpu"))

    def stop(step):
        raise Cancelled

    with torch.inference_mode():
        with listening(stop), pytest.raises(Cancelled):
            forward(windows)
        expected, found = network(windows), forward(windows)
    assert float((found - expected).abs().max() / expected.abs().max()) < 1e-4
