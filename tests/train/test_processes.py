"""Two processes train as one with twice the batch."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_training import FAST, draw, make_network, squared
from torch.distributed import is_available

from napari_medai.train.checkpoint import read_state
from napari_medai.train.loader import generator_of
from napari_medai.train.loop import run_training


@pytest.mark.slow
@pytest.mark.skipif(not is_available() or sys.platform == "win32", reason="needs torch.distributed with gloo")
def test_two_processes_reach_the_loss_of_one_with_twice_the_batch(tmp_path):
    script = Path(__file__).with_name("two_processes.py")
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    subprocess.run([*launch, str(script), str(tmp_path)], check=True, capture_output=True, timeout=120)

    drawn = iter(range(100))

    def draw_twice(rng):
        pairs = [draw(generator_of(FAST.seed, next(drawn))) for _ in range(2)]
        return tuple(torch.cat(parts) for parts in zip(*pairs, strict=True))

    alone = run_training(make_network(dropout=0.0), draw_twice, squared, FAST, device="cpu")
    together = read_state(tmp_path / "last.safetensors")
    for name, tensor in alone.network.state_dict().items():
        np.testing.assert_allclose(together.tensors[f"averaged/{name}"], tensor, atol=1e-6)
    losses = [epoch["loss"] for epoch in together.values["epochs"]]
    np.testing.assert_allclose(losses, [epoch.loss for epoch in alone.epochs], rtol=1e-5)
