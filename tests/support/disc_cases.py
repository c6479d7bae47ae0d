"""Noise with bright discs: cases that a small network learns within seconds."""

import numpy as np

from napari_medai import Geometry, MedicalImage
from napari_medai.train import cases_of, make_plan


def discs(seed, size=48, value=1):
    """Draw noise with bright discs, and where they are."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size]
    array, marks = rng.normal(0, 1, (size, size)).astype(np.float32), np.zeros((size, size), np.uint8)
    for _ in range(2):
        cy, cx, radius = rng.uniform((10, 10, 5), (size - 10, size - 10, 9))
        inside = (y - cy) ** 2 + (x - cx) ** 2 < radius**2
        array[inside], marks[inside] = array[inside] + 4, value
    geometry = Geometry.from_spacing((size, size))
    return MedicalImage(array, "yx", geometry, name=f"d{seed}"), MedicalImage(marks, "yx", geometry, "labels")


def disc_cases(count=5, **given):
    pairs = [discs(seed, **given) for seed in range(count)]
    return cases_of([image for image, _ in pairs], [marks for _, marks in pairs])


def small_plan(cases, **loop):
    plan = make_plan(cases, name="discs")
    arguments = {"widths": [8, 8, 16], "strides": [1, 2, 2], "norm": "batch"}
    network = plan.network.model_copy(update={"arguments": arguments})
    plan = plan.model_copy(update={"network": network, "batch": 4, "patch": (32, 32)})
    settings = {"epochs": 2, "steps": 20, "average": 0.8, "rate": 0.01, "precision": "fp32"}
    return plan.with_loop(**settings | loop)
