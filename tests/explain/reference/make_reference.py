"""Write the maps that pytorch-grad-cam gives for a small fixed network to `pytorch_grad_cam.npz`.

It needs an environment of its own, for grad-cam asks for torchvision and OpenCV:

    python -m venv peer && peer/bin/pip install grad-cam==1.5.7
    peer/bin/python tests/explain/reference/make_reference.py

The maps are stored as computed at the layer's cells, before that library cuts, scales and resizes them.
"""

from pathlib import Path

import numpy as np
import torch
from torch import nn

TARGET = 1
SCALE = 20000.0
"""Of the last layer: gradients are then large beside the peer's epsilons. Score-CAM's softmax wants 1."""
METHODS = {
    "grad_cam": "GradCAM",
    "grad_cam_plus_plus": "GradCAMPlusPlus",
    "hires_cam": "HiResCAM",
    "layer_cam": "LayerCAM",
    "xgrad_cam": "XGradCAM",
    "eigen_cam": "EigenCAM",
    "ablation_cam": "AblationCAM",
}


def small_network() -> nn.Sequential:
    """Two convolutions, a mean and a linear layer."""
    pooled = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 3))
    network = nn.Sequential(
        nn.Conv2d(2, 5, 3, padding=1), nn.ReLU(), nn.Conv2d(5, 6, 3, padding=1), nn.ReLU(), *pooled
    )
    generator = torch.Generator().manual_seed(3)
    for parameter in network.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator) * 0.4
    network[6].bias.data += 5
    return network.double().eval()


def raw_map(kind: type, network: nn.Sequential, sample: torch.Tensor) -> np.ndarray:
    """Return one method's map as it is before it is cut and scaled."""
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    kept = []

    class Kept(kind):
        def get_cam_image(self, *args, **kwargs):
            kept.append(super().get_cam_image(*args, **kwargs))
            return kept[-1]

    with Kept(network, [network[1]]) as explain:
        explain(sample, [ClassifierOutputTarget(TARGET)])
    return np.asarray(kept[0][0])


def main() -> None:
    """Compute every map and store it beside the network and its input."""
    import pytorch_grad_cam as peer

    network = small_network()
    sample = torch.randn(1, 2, 11, 14, generator=torch.Generator().manual_seed(5)).double()
    weights = {f"weight:{name}": value.numpy().copy() for name, value in network.state_dict().items()}
    maps = {"score_cam": raw_map(peer.ScoreCAM, network, sample)}
    for parameter in network[6].parameters():
        parameter.data *= SCALE
    maps |= {name: raw_map(getattr(peer, kind), network, sample) for name, kind in METHODS.items()}
    target = Path(__file__).with_name("pytorch_grad_cam.npz")
    np.savez_compressed(target, sample=sample.numpy(), scale=SCALE, **weights, **maps)


if __name__ == "__main__":
    main()
