"""Train a small brain-tumour network on the data folder's two training patients, for ``inference.py``.

Run ``python benchmarks/tumour_model.py FOLDER [MINUTES] [STEP]`` with NAPARI_MEDAI_DATA set; ten minutes by
default. STEP 2 trains at 2 mm: the coarse network that says where the fine one has to look. The folder
becomes a model folder whose self-check is a piece of a training patient. Two patients teach nothing about
others: the network is there so that faster settings are judged on trained weights.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import torch
from monai.losses import DiceCELoss

from napari_medai.core.geometry import Geometry
from napari_medai.core.image import MedicalImage
from napari_medai.models.check import make_case
from napari_medai.models.folder import save_folder
from napari_medai.models.model import Model
from napari_medai.models.networks import build_network
from napari_medai.models.spec import ModelSpec

CHANNELS = ("Flair_subtrMeanDivStd", "T1c_subtrMeanDivStd")
PATCH = (64, 64, 64)
LABELS = ["background", "necrosis", "oedema", "non-enhancing", "enhancing"]


def main() -> None:
    """Train for some minutes and write the folder."""
    folder = Path(sys.argv[1])
    minutes = float(sys.argv[2]) if len(sys.argv) > 2 else 10.0
    step = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    torch.manual_seed(0)
    spec = ModelSpec.model_validate(description(step))
    network = build_network(spec)
    cases = [coarser(*case(path), step) for path in patients("train")]
    losses = fit(network, cases, minutes * 60)
    print(f"{len(losses)} steps, loss {np.mean(losses[-50:]):.3f}")
    model = Model(spec, network.eval().requires_grad_(False), card="# tumour\n\nFor a benchmark.\n")
    image, labels = cases[0]
    middle = np.argwhere(labels > 0).mean(axis=0).astype(int)
    box = tuple(slice(max(0, m - 56), max(0, m - 56) + 112) for m in middle)
    cut = image[(slice(None), *box)]
    small = MedicalImage(cut, "czyx", Geometry.from_spacing(cut.shape[1:], (step, step, step)))
    save_folder(Model(spec, model.network, model.card, make_case(model, small)), folder)


def description(step: int) -> dict[str, Any]:
    """Return the content of ``model.json`` of a network for voxels of so many mm."""
    return {
        "schema": "napari-medai/model/1", "name": f"tumour-{step}mm", "version": "1.0.0",
        "licence": "CC-BY-NC-SA-3.0",
        "citation": "Menze et al. 2015, BRATS, doi 10.1109/TMI.2014.2377694", "task": "segmentation",
        "network": {"name": "dynunet", "arguments": {
            "widths": [16, 32, 64, 128], "strides": [1, 2, 2, 2], "norm": "instance"}},
        "channels": ["FLAIR", "T1c"], "spacing": [float(step)] * 3, "tile": [96 if step == 1 else 64] * 3,
        "outputs": {"labels": LABELS},
    }  # fmt: skip


def patients(half: str) -> list[Path]:
    """Return the patients' folders of ``train`` or ``validation``."""
    return sorted((Path(os.environ["NAPARI_MEDAI_DATA"]) / "segmentation/brats_examples" / half).iterdir())


def case(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return a patient's channels (2, z, y, x), float32, and labels (z, y, x)."""
    channels = [np.asarray(nibabel.load(folder / f"{c}.nii.gz").dataobj, np.float32).T for c in CHANNELS]
    labels = np.asarray(nibabel.load(folder / "OTMultiClass.nii.gz").dataobj).T
    return np.stack(channels), labels.astype(np.int64)


def coarser(image: np.ndarray, labels: np.ndarray, step: int) -> tuple[np.ndarray, np.ndarray]:
    """Return channels averaged over cubes of so many voxels, and the labels in their midst."""
    z, y, x = (n // step for n in labels.shape)
    cubes = image[:, : z * step, : y * step, : x * step].reshape(-1, z, step, y, step, x, step)
    middle = slice(step // 2, None, step)
    return cubes.mean(axis=(2, 4, 6)), labels[middle, middle, middle][:z, :y, :x]


def fit(network: torch.nn.Module, cases: list[tuple[np.ndarray, np.ndarray]], seconds: float) -> list[float]:
    """Train on patches, two in three around the tumour, mirrored at random; return the losses."""
    rng = np.random.default_rng(0)
    loss_of = DiceCELoss(to_onehot_y=True, softmax=True, include_background=False, batch=True)
    optimiser = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=1e-4)
    inside = [np.argwhere(labels > 0) for _, labels in cases]
    network.train()
    losses: list[float] = []
    start = time.monotonic()
    while (past := time.monotonic() - start) < seconds:
        for group in optimiser.param_groups:
            group["lr"] = 2e-3 * max(1 - past / seconds, 1e-3) ** 0.9
        x, y = zip(*(patch(*cases[k], inside[k], rng) for k in rng.integers(0, len(cases), 2)), strict=True)
        with torch.autocast("cpu", torch.bfloat16):
            scores = network(torch.from_numpy(np.stack(x)))
        loss = loss_of(scores.float(), torch.from_numpy(np.stack(y))[:, None])
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 12)
        optimiser.step()
        losses.append(float(loss.detach()))
        if len(losses) % 50 == 0:
            print(f"{past:.0f} s, {len(losses)} steps, loss {np.mean(losses[-50:]):.3f}", flush=True)
    return losses


def patch(
    image: np.ndarray, labels: np.ndarray, inside: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return one patch of image and labels."""
    room = np.array(labels.shape) - PATCH
    centre = inside[rng.integers(len(inside))] if rng.random() < 2 / 3 else rng.integers(0, labels.shape)
    corner = np.clip(centre - np.array(PATCH) // 2 + rng.integers(-16, 17, 3), 0, room)
    box = tuple(slice(c, c + n) for c, n in zip(corner, PATCH, strict=True))
    flips = tuple(k for k in range(3) if rng.random() < 0.5)
    x = np.flip(image[(slice(None), *box)], [f + 1 for f in flips]) * rng.uniform(0.9, 1.1)
    return np.ascontiguousarray(x, np.float32), np.ascontiguousarray(np.flip(labels[box], flips))


if __name__ == "__main__":
    main()
