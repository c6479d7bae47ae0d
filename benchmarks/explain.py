"""What explaining costs: Grad-CAM's time beside the forward pass, and the memory of a tiled map.

Run ``python benchmarks/explain.py [time] [memory]``; both by default.

time
    Grad-CAM of a segmentation U-Net on 96^3 beside its forward pass, one thread. Target: under 2 times.
memory
    Peak memory of a process that labels 240 x 240 x 155 in windows of 96^3, beside one that explains a
    label of the same volume. Target: not more. NAPARI_MEDAI_SHAPE sets another shape, "155,240,240".
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import torch

from napari_medai.core.geometry import Geometry
from napari_medai.core.image import MedicalImage
from napari_medai.explain.cam import gradient_map
from napari_medai.explain.layers import default_layer, list_layers
from napari_medai.explain.prediction import explain_prediction
from napari_medai.explain.targets import region_score
from napari_medai.models.model import Model
from napari_medai.models.networks import build_network, dynunet
from napari_medai.models.spec import ModelSpec
from napari_medai.segment.predict import predict_labels

REPEATS = 5
SIZE = 96


def main() -> None:
    """Run the cases named on the command line."""
    if sys.argv[1:2] == ["one"]:
        one(sys.argv[2])
        return
    cases = {"time": timed, "memory": memory}
    for name in sys.argv[1:] or cases:
        cases[name]()


def seconds(job: Callable[[], object]) -> float:
    """Return the wall time of one run."""
    start = time.perf_counter()
    job()
    return time.perf_counter() - start


def timed() -> None:
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


def memory() -> None:
    """Print the peak of labelling, of explaining what the network finds, and of a painted region."""
    peaks = {}
    for what in ("labels", "map", "region"):
        command = [sys.executable, __file__, "one", what]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        peaks[what], took = (float(word) for word in text.split()[-2:])
        share = peaks[what] / peaks["labels"]
        print(
            f"memory, {what}: peak {peaks[what]:.2f} GB ({share:.2f} of labelling), {took:.0f} s", flush=True
        )


def one(what: str) -> None:
    """Label or explain one volume and print the process's peak memory (GB) and seconds."""
    torch.set_num_threads(1)
    shape = [int(n) for n in os.environ.get("NAPARI_MEDAI_SHAPE", "155,240,240").split(",")]
    model = small_model()
    array = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    image = MedicalImage(array, "zyx", Geometry.from_spacing(shape, (1.0, 1.0, 1.0)))
    start = time.perf_counter()
    if what == "labels":
        predict_labels(image, model, quality="exact", device="cpu")
    else:
        region = region_of(image) if what == "region" else None
        explain_prediction(image, model, region, target="a", device="cpu")
    took = time.perf_counter() - start
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, took)


def small_model() -> Model:
    """Build a U-Net of four classes, with weights as drawn: what it says does not matter here."""
    torch.manual_seed(0)
    spec = ModelSpec.model_validate(
        {
            "schema": "napari-medai/model/1",
            "name": "memory",
            "version": "1.0.0",
            "licence": "BSD-3-Clause",
            "citation": "none",
            "task": "segmentation",
            "network": {"name": "dynunet", "arguments": {"widths": [8, 16, 32], "strides": [1, 2, 2]}},
            "channels": ["image"],
            "spacing": [1.0, 1.0, 1.0],
            "tile": [SIZE] * 3,
            "outputs": {"labels": ["background", "a", "b", "c"]},
        }
    )
    return Model(spec, build_network(spec).eval().requires_grad_(False))


def region_of(image: MedicalImage) -> MedicalImage:
    """Mark a box of a third of each side in the middle."""
    marks = np.zeros(image.spatial_shape, np.uint8)
    marks[tuple(slice(n // 3, 2 * n // 3) for n in marks.shape)] = 1
    return image.with_array(marks, kind="labels")


if __name__ == "__main__":
    main()
