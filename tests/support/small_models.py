"""Models small enough to build within a test."""

import numpy as np

from napari_medai.core.geometry import Geometry
from napari_medai.core.image import MedicalImage
from napari_medai.models.model import Model
from napari_medai.models.networks import build_network
from napari_medai.models.spec import ModelSpec


def description(**changes):
    """The content of a valid ``model.json``, with some entries changed; None removes one."""
    entries = {
        "schema": "napari-medai/model/1",
        "name": "tiny",
        "version": "1.2.3",
        "licence": "BSD-3-Clause",
        "citation": "none",
        "task": "segmentation",
        "network": {"name": "unet", "arguments": {"widths": [4, 8], "strides": [2]}},
        "channels": ["grey"],
        "spacing": None,
        "intensity": [],
        "tile": [16, 16],
        "outputs": {"labels": ["background", "thing"]},
        "training": {"steps": 0},
        "parent": None,
    }
    return {key: value for key, value in {**entries, **changes}.items() if value is not ...}


def random_model(seed=0, **changes):
    """A model with random weights."""
    import torch

    spec = ModelSpec.model_validate(description(**changes))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build_network(spec).eval().requires_grad_(False)
    return Model(spec, network, card="# tiny\n\nFor tests.\n")


def threshold_model(level, ndim=3, spacing=None, tile=None, channels=("grey",)):
    """A model that labels exactly the voxels whose first channel lies above ``level``."""
    import torch

    spec = ModelSpec.model_validate(
        description(
            tile=tile or [16] * ndim, spacing=spacing, channels=list(channels), network={"name": "unet"}
        )
    )
    convolution = torch.nn.Conv2d if ndim == 2 else torch.nn.Conv3d
    network = convolution(len(channels), 2, 1)
    with torch.no_grad():
        network.weight.zero_()
        network.weight[1, 0] = 1.0
        network.bias.copy_(torch.tensor([0.0, -float(level)]))
    return Model(spec, network.eval().requires_grad_(False))


def noise_image(shape=(20, 30), spacing=None, seed=0, axes=None):
    """Gaussian noise on an axis-aligned grid."""
    array = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    axes = axes or "zyx"[-len(shape) :]
    spatial = tuple(n for n, a in zip(shape, axes, strict=True) if a in "zyx")
    return MedicalImage(array, axes, Geometry.from_spacing(spatial, spacing), name="noise")
