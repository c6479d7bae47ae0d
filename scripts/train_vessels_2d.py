"""Make the shipped model ``vessels-2d``: retinal vessels, trained on CHASE_DB1.

    python scripts/train_vessels_2d.py --data $NAPARI_MEDAI_DATA \\
        --out src/napari_medai/models/shipped/vessels-2d

Patients 1-10 (20 images) train, patients 11-14 (8 images) are only measured at the end. With
``--validate`` patients 9 and 10 are held back too: every choice in this file was made on them.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import imageio.v3 as imageio
import numpy as np
import torch
from fit import Batch, fit
from numpy.typing import NDArray

from napari_medai import Geometry, MedicalImage
from napari_medai.models.check import make_case
from napari_medai.models.folder import save_folder
from napari_medai.models.model import Model
from napari_medai.models.networks import build_network
from napari_medai.models.pipeline import segment_image
from napari_medai.models.prepare import prepare
from napari_medai.models.spec import ModelSpec

SEED = 2012
STEPS, BATCH, PATCH, RATE = 4000, 8, 192, 3e-3
TRAINED, CHOSEN_ON, MEASURED = range(1, 11), (9, 10), range(11, 15)
CITATION = (
    "Fraz et al. 2012, An ensemble classification-based approach applied to retinal blood vessel "
    "segmentation, IEEE Trans Biomed Eng 59(9), doi 10.1109/TBME.2012.2205687 (CHASE_DB1, CC BY 4.0)"
)
DESCRIPTION = {
    "schema": "napari-medai/model/1",
    "name": "vessels-2d",
    "version": "1.0.0",
    "licence": "CC-BY-4.0",
    "citation": CITATION,
    "task": "segmentation",
    "network": {
        "name": "dynunet",
        "arguments": {"widths": [16, 16, 32, 64, 128], "strides": [1, 2, 2, 2, 2], "norm": "batch"},
    },
    "channels": ["red", "green", "blue"],
    "intensity": [{"operation": "normalize_zscore", "arguments": {"region": "whole"}}],
    "tile": [256, 256],
    "outputs": {"labels": ["background", "vessel"]},
}


@dataclass(frozen=True)
class Eye:
    """One photograph with both graders' vessels."""

    name: str
    image: MedicalImage
    first: NDArray[np.bool_]
    second: NDArray[np.bool_]

    @property
    def field(self) -> NDArray[np.bool_]:
        """The field of view: all that is not black."""
        return np.asarray(self.image.array).sum(axis=-1, dtype=int) > 60


def main() -> None:
    """Train, measure and write the model."""
    options = read_options()
    if options.out and options.out.exists():
        raise SystemExit(f"{options.out} exists already; remove it first")
    torch.manual_seed(SEED)
    spec = ModelSpec.model_validate(DESCRIPTION)
    folder = options.data / "segmentation" / "CHASEDB1"
    held_back = CHOSEN_ON if options.validate else ()
    eyes = [read_eye(folder, p, s) for p in TRAINED if p not in held_back for s in "LR"]
    watched = [read_eye(folder, p, s) for p in held_back for s in "LR"]

    def watch(network: torch.nn.Module) -> str:
        found = [dice(labels_of(Model(spec, network), eye), eye.first) for eye in watched]
        return f"validation Dice {np.mean(found):.4f}" if found else ""

    draw = Patches(spec, eyes, np.random.default_rng(SEED))
    network = build_network(spec).to(memory_format=torch.channels_last)
    network = fit(network, draw, options.steps, rate=RATE, check=watch)
    model = Model(spec, network.requires_grad_(False))
    if options.out:
        model = with_half_weights(model)
        eyes = [read_eye(folder, p, s) for p in MEASURED for s in "LR"]
        write(model, measure(model, eyes), options.out)


def read_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds segmentation/CHASEDB1")
    parser.add_argument("--out", type=Path, help="the model folder to make")
    parser.add_argument("--steps", type=int, default=STEPS, help="batches to train on")
    parser.add_argument("--validate", action="store_true", help="hold patients 9 and 10 back and watch them")
    return parser.parse_args()


def read_eye(folder: Path, patient: int, side: str) -> Eye:
    """Read one photograph and its two gradings."""
    name = f"Image_{patient:02d}{side}"
    photograph = imageio.imread(folder / f"{name}.jpg")
    image = MedicalImage(photograph, "yxs", Geometry.from_spacing(photograph.shape[:2]), name=name)
    first, second = (imageio.imread(folder / f"{name}_{g}HO.png") > 0 for g in ("1st", "2nd"))
    return Eye(name, image, first, second)


class Patches:
    """Draws batches of turned, scaled and recoloured patches at random places."""

    def __init__(self, spec: ModelSpec, eyes: list[Eye], rng: np.random.Generator) -> None:
        self._rng = rng
        self._volumes = [torch.tensor(prepare(spec, eye.image).volume) for eye in eyes]
        self._truths = [torch.from_numpy(eye.first.astype(np.float32))[None] for eye in eyes]
        self._fields = [np.argwhere(eye.field) for eye in eyes]

    def __call__(self) -> Batch:
        """Draw one batch."""
        pairs = [self._draw() for _ in range(BATCH)]
        inputs = torch.stack([p for p, _ in pairs]).contiguous(memory_format=torch.channels_last)
        return inputs, torch.stack([t for _, t in pairs])

    def _draw(self) -> Batch:
        rng = self._rng
        k = rng.integers(len(self._volumes))
        volume, truth = self._volumes[k], self._truths[k]
        centre = rng.choice(self._fields[k]) + rng.uniform(-0.5, 0.5, 2)
        grid = self._grid(centre, volume.shape[1:])
        patch = look_up(volume, grid)
        classes = (look_up(truth, grid)[0] > 0.5).long()
        return self._recolour(patch), classes

    def _grid(self, centre: NDArray[np.float64], shape: tuple[int, ...]) -> torch.Tensor:
        """Where in the photograph the patch's pixels lie, as torch wants it: (x, y) from -1 to 1."""
        rng = self._rng
        scale, aspect = np.exp(rng.uniform(np.log(0.7), np.log(1.4))), np.exp(rng.normal(0, 0.05))
        turn, mirror = rng.uniform(0, 2 * np.pi), rng.choice([-1, 1])
        line = (np.arange(PATCH) - (PATCH - 1) / 2) * scale
        v, u = np.meshgrid(line * aspect, line / aspect * mirror, indexing="ij")
        y = centre[0] + np.cos(turn) * v - np.sin(turn) * u
        x = centre[1] + np.sin(turn) * v + np.cos(turn) * u
        grid = np.stack([x / (shape[1] - 1), y / (shape[0] - 1)], axis=-1) * 2 - 1
        return torch.from_numpy(grid.astype(np.float32))

    def _recolour(self, patch: torch.Tensor) -> torch.Tensor:
        """Vary what cameras vary: exposure, colour balance, shading, sharpness, noise."""
        rng = self._rng
        if rng.random() < 0.25:  # as if the patch were the whole picture
            patch = (patch - patch.mean((1, 2), keepdim=True)) / (patch.std((1, 2), keepdim=True) + 1e-3)
        gain = np.exp(rng.normal(0, 0.2) + rng.normal(0, 0.15, (3, 1, 1)))
        offset = rng.normal(0, 0.3) + rng.normal(0, 0.25, (3, 1, 1))
        patch = patch * as_float(gain) + as_float(offset)
        if rng.random() < 0.3:
            patch = blurred(patch, rng.uniform(0.3, 1.2))
        if rng.random() < 0.3:
            slope = np.linspace(-1, 1, PATCH)
            patch = patch + as_float(rng.normal(0, 0.3) * slope[:, None] + rng.normal(0, 0.3) * slope)
        if rng.random() < 0.5:
            patch = patch + as_float(rng.normal(0, rng.uniform(0, 0.15), patch.shape))
        return patch


def look_up(volume: torch.Tensor, grid: torch.Tensor) -> torch.Tensor:
    """Look a picture (channels, y, x) up at a grid of places."""
    sample = torch.nn.functional.grid_sample
    return sample(volume[None], grid[None], align_corners=True, padding_mode="border")[0]


def blurred(patch: torch.Tensor, sigma: float) -> torch.Tensor:
    """Blur each channel by a Gaussian."""
    line = torch.exp(-(torch.arange(-4.0, 5.0) ** 2) / (2 * sigma**2))
    line = (line / line.sum())[None, None, None]
    patch = torch.nn.functional.conv2d(patch[:, None], line, padding=(0, 4))
    return torch.nn.functional.conv2d(patch, line.movedim(-1, -2), padding=(4, 0))[:, 0]


def as_float(values: NDArray[np.float64]) -> torch.Tensor:
    """Return a float32 tensor."""
    return torch.from_numpy(np.asarray(values, dtype=np.float32))


def labels_of(model: Model, eye: Eye) -> NDArray[np.bool_]:
    """Segment a photograph as ``predict_labels`` does."""
    return np.asarray(segment_image(model, eye.image).array) == 1


def dice(found: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    """Return twice the overlap over the sum of sizes."""
    return float(2 * (found & truth).sum() / (found.sum() + truth.sum()))


def otsu(eye: Eye) -> NDArray[np.bool_]:
    """Return what Otsu's threshold finds dark in the green channel, inside the field of view."""
    from skimage.filters import threshold_otsu

    dark = 255 - np.asarray(eye.image.array)[..., 1]
    return (dark > threshold_otsu(dark[eye.field])) & eye.field


def measure(model: Model, eyes: list[Eye]) -> dict[str, dict[str, float]]:
    """Return the Dice of three methods against the first grader for each photograph."""
    return {
        eye.name: {
            "model": round(dice(labels_of(model, eye), eye.first), 4),
            "second grader": round(dice(eye.second, eye.first), 4),
            "otsu": round(dice(otsu(eye), eye.first), 4),
        }
        for eye in eyes
    }


def with_half_weights(model: Model) -> Model:
    """Round the weights as they will be stored, so that what is measured is what is shipped."""
    network = model.network.half().float()
    return replace(model, network=network)


def write(model: Model, figures: dict[str, dict[str, float]], out: Path) -> None:
    """Write the model folder with its card, figures and self-check."""
    mean = {
        m: round(float(np.mean([f[m] for f in figures.values()])), 4) for m in next(iter(figures.values()))
    }
    summary = {
        "data": "CHASE_DB1, first grader; patients 1-10 (20 images) train, 11-14 (8 images) test",
        "method": f"{STEPS} batches of {BATCH} patches of {PATCH} x {PATCH}, cross-entropy + Dice, AdamW, "
        f"averaged weights, seed {SEED}",
        "dice_mean": mean,
        "dice": figures,
        "script": "scripts/train_vessels_2d.py",
    }
    spec = model.spec.model_copy(update={"training": summary})
    model = replace(model, spec=spec, card=card(model.spec, figures, mean))
    saved = save_folder(replace(model, case=make_case(model, drawn_fundus())), out, half=True)
    print(saved.card, saved.reference, sep="\n")


def drawn_fundus(size: int = 192) -> MedicalImage:
    """Draw a reddish disc with dark winding lines, the input of the self-check: nobody's eye."""
    rng = np.random.default_rng(SEED)
    y, x = np.mgrid[:size, :size].astype(float)
    shade = 150 - 0.004 * ((y - size / 2) ** 2 + (x - size / 2) ** 2)
    depth = np.zeros_like(shade)
    for width in (1.2, 1.6, 2.2, 3.0, 4.0):
        turn, shift, phase = rng.uniform(0, np.pi), rng.uniform(-60, 60), rng.uniform(0, 6)
        along = np.cos(turn) * (x - size / 2) + np.sin(turn) * (y - size / 2)
        across = np.cos(turn) * (y - size / 2) - np.sin(turn) * (x - size / 2)
        line = np.exp(-((across - shift - 9 * np.sin(along / 25 + phase)) ** 2) / (2 * width**2))
        depth = np.maximum(depth, line)
    colour = np.stack([shade * 1.25 - 25 * depth, shade * 0.55 - 32 * depth, shade * 0.3 - 8 * depth], -1)
    noisy = colour + rng.normal(0, 3, colour.shape)
    inside = (y - size / 2) ** 2 + (x - size / 2) ** 2 < (0.49 * size) ** 2
    array = np.where(inside[..., None], np.clip(noisy, 0, 255), 2).astype(np.uint8)
    return MedicalImage(array, "yxs", Geometry.from_spacing((size, size)), name="drawn fundus")


def card(spec: ModelSpec, figures: dict[str, dict[str, float]], mean: dict[str, float]) -> str:
    """Write the model's card."""
    methods = list(mean)
    rows = [f"| {name} | " + " | ".join(f"{f[m]:.3f}" for m in methods) + " |" for name, f in figures.items()]
    template = Path(__file__).with_name("vessels_2d_card.md").read_text(encoding="utf-8")
    return template.format(
        version=spec.version,
        header=" | ".join(methods),
        rule="|".join(["---"] * (len(methods) + 1)),
        rows="\n".join(rows),
        mean=" | ".join(f"**{mean[m]:.3f}**" for m in methods),
        citation=CITATION,
        licence=spec.licence,
        model=f"{mean['model']:.3f}",
        human=f"{mean['second grader']:.3f}",
    )


if __name__ == "__main__":
    main()
