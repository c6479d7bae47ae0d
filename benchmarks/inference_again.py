"""Several models in a row on one image: what the second one saves because the image is prepared already.

Run ``python benchmarks/inference_again.py``: 240 x 240 x 155 voxels of 1 mm, two channels; two small networks
at 2 mm, each channel normalised by its foreground. Seconds of the processor.
"""

from __future__ import annotations

import os
import time
from dataclasses import replace

import numpy as np
import torch

from napari_medai.core.geometry import Geometry
from napari_medai.core.image import MedicalImage
from napari_medai.models.engine import How
from napari_medai.models.kept import kept_with, release_prepared
from napari_medai.models.model import Model
from napari_medai.models.networks import build_network
from napari_medai.models.pipeline import prepared_for, segment_image
from napari_medai.models.spec import ModelSpec

SHAPE = (155, 240, 240)
RECIPE = [
    {"operation": "normalize_zscore", "arguments": {"region": "foreground"}, "channels": [k]}
    for k in range(2)
]


def main() -> None:
    """Print the time of two models, one after the other, with and without what is kept."""
    print(f"threads {torch.get_num_threads()}, load {os.getloadavg()[0]:.1f}")
    array = np.random.default_rng(0).normal(100, 30, (2, *SHAPE)).astype(np.float32)
    image = MedicalImage(array, "czyx", Geometry.from_spacing(SHAPE, (1, 1, 1)))
    first, second = (small(seed) for seed in (0, 1))
    plain = [seconds(lambda model=model: segment_image(model, image, how=How())) for model in (first, second)]
    with kept_with(image):
        kept = [
            seconds(lambda model=model: segment_image(model, image, how=How())) for model in (first, second)
        ]
        again = seconds(lambda: prepared_for(second, image, How(), lambda _: None))
    release_prepared()
    alone = seconds(lambda: prepared_for(second, image, How(), lambda _: None))
    print(f"two models: {plain[0]:.2f} and {plain[1]:.2f} s; kept: {kept[0]:.2f} and {kept[1]:.2f} s")
    print(f"preparing: {alone:.2f} s; found prepared: {again:.2f} s")


def small(seed: int) -> Model:
    """Return a small U-Net with random weights."""
    spec = ModelSpec.model_validate(
        {
            "schema": "napari-medai/model/1", "name": "small", "version": "1.0.0", "licence": "none",
            "citation": "none", "task": "segmentation", "channels": ["a", "b"], "spacing": [2, 2, 2],
            "network": {"name": "unet", "arguments": {"widths": [4, 8], "strides": [2]}},
            "tile": [64, 64, 64], "intensity": RECIPE, "outputs": {"labels": ["background", "one"]},
        }
    )  # fmt: skip
    torch.manual_seed(seed)
    return replace(Model(spec, build_network(spec).eval().requires_grad_(False)), card="")


def seconds(work: object) -> float:
    """Return the processor's seconds of some work."""
    begun = time.process_time()
    work()  # type: ignore[operator]
    return time.process_time() - begun


if __name__ == "__main__":
    main()
