"""Make the shipped model ``deform-2d``: slices of made-up heads bent onto each other.

    python scripts/train_deform_2d.py --out src/napari_medai/models/shipped/deform-2d

Heads are phantoms drawn by seed; 48 are learnt from, and 20 pairs of other seeds are measured at the end. A
few minutes on one processor core.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from napari_medai import MedicalImage, SpatialTransform
from napari_medai.models.check import make_case
from napari_medai.models.folder import save_folder
from napari_medai.models.model import Model
from napari_medai.phantoms import mr_head
from napari_medai.register.channels import as_pair
from napari_medai.register.images import register_images
from napari_medai.train.deforming import predict_deformation
from napari_medai.train.pairs.fit import PairPlan, fit_pairs

LEARNT, MEASURED = range(1000, 1048), range(2000, 2040)
STEPS, SIZE, WIDTH, SMOOTHNESS, SEED = 600, 96, 8, 0.1, 2019


def main() -> None:
    """Train, measure, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    out = parser.parse_args().out
    slices = [head_slice(seed)[0] for seed in LEARNT]
    plan = PairPlan("deform-2d", STEPS, SIZE, SMOOTHNESS, WIDTH, SEED, "cpu")
    done = fit_pairs(slices, plan)
    figures = measure(done.model)
    print(done.figures.mean(numeric_only=True), figures)
    spec = done.model.spec.model_copy(update={
        "licence": "BSD-3-Clause",
        "citation": "Made by scripts/train_deform_2d.py from phantoms",
        "training": {**done.model.spec.training, "dice": figures},
    })  # fmt: skip
    with tempfile.TemporaryDirectory() as box:
        # the self-check is of the weights as they are stored
        stored = save_folder(replace(done.model, spec=spec, card=card(spec.training)), f"{box}/m", half=True)
    pair = as_pair(*(head_slice(seed, coarse=True)[0] for seed in MEASURED[:2]), SpatialTransform.identity(2))
    save_folder(replace(stored, case=make_case(stored, pair)), out, half=True)


def head_slice(seed: int, coarse: bool = False) -> tuple[MedicalImage, MedicalImage]:
    """A slice through the ventricles of a head, and its tissues."""
    step = 4.0 if coarse else 2.0
    head = mr_head(seed, shape=(1, int(224 / step), int(192 / step)), spacing=(2.0, step, step))
    geometry = head.image.geometry
    flat = type(geometry).from_spacing(geometry.shape[1:], geometry.spacing[1:], geometry.origin[:2])
    return (
        MedicalImage(np.asarray(head.image.array)[0], "yx", flat, name=f"head {seed}"),
        MedicalImage(np.asarray(head.labels.array)[0], "yx", flat, kind="labels"),
    )


def measure(model: Model) -> dict[str, float]:
    """Mean overlap of tissues over pairs of unseen heads."""
    rows = []
    for one, two in zip(MEASURED[::2], MEASURED[1::2], strict=True):
        (fixed, here), (moving, there) = head_slice(one), head_slice(two)
        linear = register_images(fixed, moving, transform="affine", device="cpu").transform
        bent = predict_deformation(fixed, moving, linear, model=model, device="cpu")
        rows.append([dice(here, there, t) for t in (SpatialTransform.identity(2), linear, bent)])
    means = np.mean(rows, axis=0).round(3).tolist()
    return dict(zip(("nothing", "affine", "model"), means, strict=True))


def dice(here: MedicalImage, there: MedicalImage, found: SpatialTransform) -> float:
    """Mean overlap of the labels that both slices show."""
    one, two = np.asarray(here.array), np.asarray(found.apply_to_image(there, here).array)
    numbers = [n for n in np.unique(one) if n and (np.asarray(there.array) == n).any()]
    shares = [2 * ((one == n) & (two == n)).sum() / ((one == n).sum() + (two == n).sum()) for n in numbers]
    return float(np.mean(shares))


def card(told: dict) -> str:
    """Return the model's card."""
    figures, likeness = told["dice"], told["likeness"]
    return f"""# deform-2d 1.0.0

Bends a slice of one made-up head onto that of another.

## Use
To try the program and to test it: images and model come from this project (`mr_head`). It has never seen a
patient. It finds no more than smooth differences after a linear registration, and is meant as a start for
`register_images`. `train_registration` makes such a model from images of your own.

Input: a fixed and a moving slice, brought to {SIZE} voxels along the longest side. Output: a displacement.

## Data
{told["images"]} heads drawn by seed, without supervision, {told["steps"]} steps.
Measured on 20 pairs of other seeds.

## Figures
| | mean Dice of the tissues |
|---|---|
| nothing | {figures["nothing"]} |
| affine | {figures["affine"]} |
| affine, then this model | {figures["model"]} |

Mean local correlation of pairs with a head held back: {likeness["before"]} before, {likeness["after"]} after.

## Limits
- Phantoms are simpler than heads; other slices, organs and contrasts were not in its training.

## Terms
BSD-3-Clause. Made by `scripts/train_deform_2d.py` in the source repository.
"""


if __name__ == "__main__":
    main()
