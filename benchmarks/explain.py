"""What Grad-CAM of a segmentation U-Net costs beside its forward pass (target: under 2 times)."""

import statistics
import time
from collections.abc import Callable

import torch

from napari_medai.explain.cam import gradient_map
from napari_medai.explain.layers import default_layer, list_layers
from napari_medai.explain.targets import region_score
from napari_medai.models.networks import dynunet

REPEATS = 5
SIZE = 96


def seconds(job: Callable[[], object]) -> float:
    """Return the wall time of one run."""
    start = time.perf_counter()
    job()
    return time.perf_counter() - start


def main() -> None:
    """Time both in turn on one thread, so that a busy machine slows both alike, and print the medians."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    network = dynunet(3, 1, 4, widths=(8, 24, 48, 96), strides=(1, 2, 2, 2)).eval()
    sample = torch.randn(1, 1, SIZE, SIZE, SIZE)
    layer = default_layer(list_layers(network, sample), dense=True)
    mask = torch.zeros(SIZE, SIZE, SIZE)
    mask[SIZE // 4 : SIZE // 2, SIZE // 4 : SIZE // 2, SIZE // 4 : SIZE // 2] = 1

    def forward() -> object:
        with torch.inference_mode():
            return network(sample)

    def explain() -> object:
        return gradient_map(network, sample, region_score(1, mask), layer)

    pairs = [(seconds(forward), seconds(explain)) for _ in range(REPEATS)]
    plain, cam = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(b / a for a, b in pairs)
    print(f"{SIZE}^3, {layer}")
    print(f"forward pass   {plain:7.2f} s")
    print(f"Grad-CAM       {cam:7.2f} s   {ratio:.2f} times the forward pass")


if __name__ == "__main__":
    main()
