"""One of two processes that train together; run by torch's launcher from a test."""

import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from tiny_training import FAST, draw, make_network, squared

from napari_medai.train.loop import run_training

if __name__ == "__main__":
    torch.distributed.init_process_group("gloo")
    network = make_network(dropout=0.0)
    run_training(network, draw, squared, FAST, device="cpu", out=sys.argv[1])
    torch.distributed.destroy_process_group()
