"""A tiny network and what it is trained on."""

import numpy as np
import torch

from napari_medai.train.settings import LoopSettings
from napari_medai.train.stepping import supervised

FAST = LoopSettings(epochs=3, steps=4, rate=0.01, precision="fp32", average=0.5, workers=0)


def make_network(seed=0, dropout=0.1):
    torch.manual_seed(seed)
    layers = (torch.nn.Linear(3, 8), torch.nn.ReLU(), torch.nn.Dropout(dropout), torch.nn.Linear(8, 1))
    return torch.nn.Sequential(*layers)


def draw(rng):
    inputs = rng.normal(size=(8, 3)).astype(np.float32)
    return torch.from_numpy(inputs), torch.from_numpy(inputs.sum(axis=1, keepdims=True))


squared = supervised(torch.nn.functional.mse_loss)
