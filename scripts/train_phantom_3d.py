"""Make the shipped model ``phantom-3d``: organs of the project's own CT torso.

    python scripts/train_phantom_3d.py --out src/napari_medai/models/shipped/phantom-3d

Everything it learns from is drawn here by seed; the persons it is measured on have other seeds.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from fit import Batch, fit
from numpy.typing import NDArray

from napari_medai import MedicalImage
from napari_medai.models.check import make_case
from napari_medai.models.folder import save_folder
from napari_medai.models.model import Model
from napari_medai.models.networks import build_network
from napari_medai.models.pipeline import segment_image
from napari_medai.models.prepare import prepare
from napari_medai.models.spec import ModelSpec
from napari_medai.phantoms.torso import TORSO_LABELS, ct_torso

SEED = 8
STEPS, BATCH, RATE = 1000, 2, 4e-3
MEASURED = range(10)
TRAINED = range(1000, 1048)
SCANS = (
    ((60, 128, 128), (5.0, 3.0, 3.0)),
    ((75, 110, 110), (4.0, 3.5, 3.5)),
    ((50, 150, 150), (6.0, 2.5, 2.5)),
)
DESCRIPTION = {
    "schema": "napari-medai/model/1",
    "name": "phantom-3d",
    "version": "1.0.0",
    "licence": "BSD-3-Clause",
    "citation": "napari-medai, the CT torso phantom; no patient's data",
    "task": "segmentation",
    "network": {
        "name": "dynunet",
        "arguments": {"widths": [8, 24, 48, 96], "strides": [1, 2, 2, 2], "norm": "batch"},
    },
    "channels": ["CT"],
    "spacing": [5.0, 4.0, 4.0],
    "intensity": [
        {
            "operation": "window_intensity",
            "arguments": {"preset": "custom", "center": -200.0, "width": 1600.0, "low": -2.0, "high": 2.0},
        }
    ],
    "tile": [48, 64, 64],
    "outputs": {"labels": ["background", *TORSO_LABELS.values()]},
}


@dataclass(frozen=True)
class Person:
    """What the network sees of one phantom, and what it should say."""

    volume: torch.Tensor
    classes: torch.Tensor
    inside: NDArray[np.intp]
    """Indices of labelled voxels, one row each."""


def main() -> None:
    """Draw the persons, train, measure and write the model."""
    options = read_options()
    if options.out.exists():
        raise SystemExit(f"{options.out} exists already; remove it first")
    torch.manual_seed(SEED)
    spec = ModelSpec.model_validate(DESCRIPTION)
    persons = [draw_person(spec, seed, k) for k, seed in enumerate(TRAINED)]
    print(f"drew {len(persons)} persons", flush=True)
    draw = Patches(spec, persons, np.random.default_rng(SEED))
    network = fit(build_network(spec), draw, options.steps, rate=RATE)
    model = Model(spec, network.half().float().requires_grad_(False))  # as it will be stored
    write(model, measure(model), options.out)


def read_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="the model folder to make")
    parser.add_argument("--steps", type=int, default=STEPS, help="batches to train on")
    return parser.parse_args()


def draw_person(spec: ModelSpec, seed: int, k: int) -> Person:
    """Draw a phantom, every second one oblique, in one of three spacings; its labels on the model's grid."""
    shape, spacing = SCANS[k // 2 % len(SCANS)]
    oblique = k % 2 == 1
    image, _ = ct_torso(seed, shape, spacing, oblique=oblique)
    seen = prepare(spec, image)
    _, labels = ct_torso(seed, seen.grid.shape, tuple(seen.grid.spacing), oblique=oblique)
    if not labels.geometry.is_close(seen.grid):
        raise RuntimeError("the labels were drawn on another grid than the image was brought to")
    classes = np.asarray(labels.array)
    return Person(torch.tensor(seen.volume), torch.tensor(classes), np.argwhere(classes))


class Patches:
    """Draws batches of windows, two in three around a labelled voxel, with varied intensities."""

    def __init__(self, spec: ModelSpec, persons: list[Person], rng: np.random.Generator) -> None:
        self._rng = rng
        self._persons = persons
        self._tile = np.array(spec.tile)

    def __call__(self) -> Batch:
        """Draw one batch."""
        pairs = [self._draw() for _ in range(BATCH)]
        return torch.stack([p for p, _ in pairs]), torch.stack([c for _, c in pairs])

    def _draw(self) -> Batch:
        rng = self._rng
        person = self._persons[rng.integers(len(self._persons))]
        room = np.array(person.classes.shape) - self._tile
        corner = rng.integers(0, room + 1)
        if rng.random() < 0.67:
            centre = rng.choice(person.inside) + rng.integers(-8, 9, 3)
            corner = np.clip(centre - self._tile // 2, 0, room)
        box = tuple(slice(a, a + n) for a, n in zip(corner, self._tile, strict=True))
        patch = person.volume[(slice(None), *box)]
        noise = torch.from_numpy(rng.normal(0, rng.uniform(0, 0.04), patch.shape).astype(np.float32))
        return patch * rng.normal(1, 0.03) + rng.normal(0, 0.03) + noise, person.classes[box].long()


def measure(model: Model) -> dict[str, dict[str, list[float]]]:
    """Return the mean Dice of each organ over unseen persons, straight and oblique, beside thresholds'."""
    organs = list(TORSO_LABELS.values())
    result: dict[str, dict[str, list[float]]] = {}
    for name, oblique in (("straight", False), ("oblique", True)):
        found, trivial = [], []
        for seed in MEASURED:
            image, labels = ct_torso(seed, oblique=oblique)
            truth = np.asarray(labels.array)
            predicted = np.asarray(segment_image(model, image).array)
            found.append([dice(predicted == k, truth == k) for k in TORSO_LABELS])
            trivial.append(threshold_dice(image, truth))
        result[name] = {
            organ: [round(float(np.mean(found, axis=0)[k]), 4), round(float(np.mean(trivial, axis=0)[k]), 4)]
            for k, organ in enumerate(organs)
        }
        worst = np.min(np.mean(found, axis=1))
        result[name]["mean"] = [round(float(np.mean(found)), 4), round(float(np.mean(trivial)), 4)]
        print(f"{name}: mean {np.mean(found):.4f}, worst person {worst:.4f}", flush=True)
    return result


def threshold_dice(image: MedicalImage, truth: NDArray[np.uint8]) -> list[float]:
    """Return the Dice of the best of four Otsu intensity classes for each organ: thresholding at its best."""
    from skimage.filters import threshold_multiotsu

    values = np.clip(np.asarray(image.array), -1000, 600)
    classes = np.digitize(values, threshold_multiotsu(values[values > -950], classes=4))
    classes[values <= -950] = -1
    return [max(dice(classes == c, truth == k) for c in range(4)) for k in TORSO_LABELS]


def dice(found: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    """Return twice the overlap over the sum of sizes."""
    return float(2 * (found & truth).sum() / (found.sum() + truth.sum()))


def write(model: Model, figures: dict[str, dict[str, list[float]]], out: Path) -> None:
    """Write the model folder with its card, figures and self-check."""
    summary = {
        "data": f"{len(TRAINED)} phantoms by seed ({TRAINED[0]} to {TRAINED[-1]}), half of them oblique; "
        f"measured on seeds {MEASURED[0]} to {MEASURED[-1]}, straight and oblique",
        "method": f"{STEPS} batches of {BATCH} patches, cross-entropy + Dice, AdamW, averaged weights, "
        f"seed {SEED}",
        "dice_model_and_thresholds": figures,
        "script": "scripts/train_phantom_3d.py",
    }
    spec = model.spec.model_copy(update={"training": summary})
    model = replace(model, spec=spec, card=card(model.spec, figures))
    small, _ = ct_torso(0, (20, 48, 48), (12.0, 7.0, 7.0))
    small = small.with_array(np.asarray(small.array, dtype=np.int16))
    saved = save_folder(replace(model, case=make_case(model, small)), out, half=True)
    print(saved.card, saved.reference, sep="\n")


def card(spec: ModelSpec, figures: dict[str, dict[str, list[float]]]) -> str:
    """Write the model's card."""
    rows = "\n".join(
        f"| {organ} | "
        + " | ".join(f"{figures[view][organ][k]:.3f}" for view in ("straight", "oblique") for k in (0, 1))
        + " |"
        for organ in figures["straight"]
    )
    template = Path(__file__).with_name("phantom_3d_card.md").read_text(encoding="utf-8")
    return template.format(version=spec.version, rows=rows, licence=spec.licence, persons=len(TRAINED))


if __name__ == "__main__":
    main()
