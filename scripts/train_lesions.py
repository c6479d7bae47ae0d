"""Make one of the models of tissue with and without a lesion; `lesion-2d` ships.

    python scripts/train_lesions.py lesion-2d --out src/napari_medai/models/shipped/lesion-2d
    python scripts/train_lesions.py lesion-3d --out src/napari_medai/models/shipped/lesion-3d
    python scripts/train_lesions.py lesion-size-2d --out src/napari_medai/models/shipped/lesion-size-2d

Everything they learn from is drawn here by seed; the pieces they are measured on have other seeds.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fit import Batch, fit
from numpy.typing import NDArray

from napari_medai import MedicalImage
from napari_medai.models.check import make_case
from napari_medai.models.folder import save_folder
from napari_medai.models.model import Model
from napari_medai.models.networks import build_network
from napari_medai.models.prepare import prepare
from napari_medai.models.spec import ModelSpec
from napari_medai.models.store import load_model
from napari_medai.models.whole import image_scores
from napari_medai.phantoms import tissue_with_lesion

SEED = 11
FIRST_TRAINED = 1000
MEASURED = range(100)
BRIGHT_HU = 90
RIDGE = 0.1


@dataclass(frozen=True)
class Kind:
    """How one of the models is trained."""

    ndim: int
    sized: bool
    widths: tuple[int, ...]
    gather: int
    """How many cells the last layer averages along each axis, to fill a lesion from its rim. In 3-D two
    levels and 3 cells: with a third level cells respond outside of the lesion, and 5 fill no large one."""
    pieces: int
    crop: int
    stages: tuple[tuple[int, int, bool], ...]
    """Steps, batch and whether crops are drawn, one entry a stage."""
    rate: float = 4e-3


KINDS = {
    "lesion-2d": Kind(2, False, (16, 32, 64), 5, 2000, 48, ((2000, 32, True), (2000, 16, False))),
    "lesion-3d": Kind(3, False, (16, 32), 3, 500, 24, ((1600, 16, True), (500, 8, False))),
    "lesion-size-2d": Kind(2, True, (16, 32, 64), 5, 800, 96, ((300, 16, False),), 2e-3),
}


@dataclass(frozen=True)
class Piece:
    """What the network sees of one piece of tissue, where its lesion lies, and what it should say."""

    volume: NDArray[np.float32]
    lesion: NDArray[np.bool_]
    truth: float


def description(name: str) -> ModelSpec:
    """Return what ``model.json`` says of a model, without its figures."""
    kind = KINDS[name]
    window = {"preset": "custom", "center": 40.0, "width": 400.0, "low": -1.0, "high": 1.0}
    return ModelSpec.model_validate(
        {
            "schema": "napari-medai/model/1",
            "name": name,
            "version": "1.0.0",
            "licence": "BSD-3-Clause",
            "citation": "napari-medai, the phantom of tissue with a lesion; no patient's data",
            "task": "regression" if kind.sized else "classification",
            "network": {
                "name": "pooled",
                "arguments": {
                    "widths": list(kind.widths),
                    "strides": [2, 2, 1][: len(kind.widths)],
                    "gather": kind.gather,
                },
            },
            "channels": ["CT"],
            "spacing": [1.0, 1.0] if kind.ndim == 2 else [2.0, 2.0, 2.0],
            "intensity": [{"operation": "window_intensity", "arguments": window}],
            "tile": [96, 96] if kind.ndim == 2 else [48, 48, 48],
            "outputs": {"values": ["lesion diameter [mm]"]}
            if kind.sized
            else {"classes": ["none", "lesion"]},
        }
    )


def main() -> None:
    """Draw the pieces, train, measure and write the model."""
    options = read_options()
    if options.out.exists():
        raise SystemExit(f"{options.out} exists already; remove it first")
    torch.manual_seed(SEED)
    spec, kind = description(options.name), KINDS[options.name]
    pieces = [draw_piece(spec, kind, FIRST_TRAINED + k) for k in range(kind.pieces)]
    print(f"drew {len(pieces)} pieces", flush=True)
    network = build_network(spec)
    if kind.sized:
        begin_as_classifier(network, pieces)
    for steps, batch, cropped in kind.stages:
        draw = Draws(pieces, kind, batch, cropped, np.random.default_rng(SEED + steps))
        network = fit(network, draw, max(1, round(steps * options.share)), rate=kind.rate, loss=loss_of(kind))
        network.requires_grad_(True)
    model = Model(spec, network.eval().half().float().requires_grad_(False))  # as it will be stored
    write(model, kind, measure(model, kind), options.out)


def begin_as_classifier(network: Any, pieces: list[Piece]) -> None:
    """Take over what `lesion-2d` sees, and fit the diameter to it by ridge regression."""
    network.features.load_state_dict(load_model("lesion-2d").network.features.state_dict())
    network.eval()
    with torch.no_grad():
        seen = [network.flat(network.average(network.features(as_input(p)))) for p in pieces]
    values, truth = torch.cat(seen).double(), torch.tensor([p.truth for p in pieces]).double()
    middle, width = values.mean(0), values.std(0) + 1e-6
    scaled = (values - middle) / width
    normal = scaled.T @ scaled + RIDGE * torch.eye(scaled.shape[1]).double()
    slope = torch.linalg.solve(normal, scaled.T @ (truth - truth.mean())) / width
    with torch.no_grad():
        network.head.weight.copy_(slope[None])
        network.head.bias.copy_((truth.mean() - slope @ middle)[None])


def as_input(piece: Piece) -> torch.Tensor:
    """Return a piece as a batch of one."""
    return torch.from_numpy(np.array(piece.volume))[None, None]


def read_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("name", choices=list(KINDS))
    parser.add_argument("--out", type=Path, required=True, help="the model folder to make")
    parser.add_argument("--share", type=float, default=1.0, help="share of the training steps to take")
    return parser.parse_args()


def draw_piece(spec: ModelSpec, kind: Kind, seed: int) -> Piece:
    """Draw a piece of tissue; of a classifier's every second one has a lesion, of the other's each."""
    image, labels = tissue_with_lesion(seed, kind.ndim, lesion=kind.sized or seed % 2 == 1)
    lesion = np.asarray(labels.array) == 1
    return Piece(prepare(spec, image).volume[0], lesion, truth_of(kind, labels))


def truth_of(kind: Kind, labels: MedicalImage) -> float:
    """Return the class, or the diameter in mm of a disc of the lesion's area."""
    area = float((np.asarray(labels.array) == 1).sum()) * labels.geometry.voxel_volume
    return 2 * (area / np.pi) ** 0.5 if kind.sized else float(area > 0)


def loss_of(kind: Kind) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """Return what is made small: cross-entropy, or the error in mm."""
    if kind.sized:
        return lambda output, truth: torch.nn.functional.smooth_l1_loss(output[:, 0], truth)
    return torch.nn.functional.cross_entropy


class Draws:
    """Draws batches: turned, noisy, with parts blanked out that hold no lesion."""

    def __init__(
        self, pieces: list[Piece], kind: Kind, batch: int, cropped: bool, rng: np.random.Generator
    ) -> None:
        self._pieces, self._kind, self._batch, self._cropped, self._rng = pieces, kind, batch, cropped, rng

    def __call__(self) -> Batch:
        """Draw one batch."""
        pairs = [self._draw() for _ in range(self._batch)]
        truth = [t for _, t in pairs]
        dtype = torch.float32 if self._kind.sized else torch.long
        return torch.stack([v for v, _ in pairs]), torch.tensor(truth, dtype=dtype)

    def _draw(self) -> tuple[torch.Tensor, float]:
        rng = self._rng
        piece = self._pieces[rng.integers(len(self._pieces))]
        volume, lesion, truth = np.array(piece.volume), piece.lesion, piece.truth
        if self._cropped:
            volume, lesion = self._crop(volume, lesion)
            truth = float(lesion.any())
        self._blank(volume, lesion)
        volume = np.flip(volume, [axis for axis in range(volume.ndim) if rng.random() < 0.5])
        volume = volume * rng.normal(1, 0.05) + rng.normal(0, 0.05)
        noisy = volume + rng.normal(0, rng.uniform(0, 0.05), volume.shape)
        return torch.from_numpy(noisy.astype(np.float32))[None], truth

    def _crop(
        self, volume: NDArray[np.float32], lesion: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Cut a part that holds the whole lesion or nothing of it."""
        for _ in range(50):
            corner = [self._rng.integers(0, n - self._kind.crop + 1) for n in volume.shape]
            box = tuple(slice(a, a + self._kind.crop) for a in corner)
            if lesion[box].sum() in (0, lesion.sum()):
                return np.array(volume[box]), lesion[box]
        return volume[box] * 0 - 1, np.zeros_like(lesion[box])

    def _blank(self, volume: NDArray[np.float32], lesion: NDArray[np.bool_]) -> None:
        """Blank out up to three boxes by one value: what a check of maps will do as well."""
        rng = self._rng
        for _ in range(rng.integers(0, 4)):
            sizes = [int(rng.integers(n // 8, n // 2)) for n in volume.shape]
            corner = [int(rng.integers(0, n - s + 1)) for n, s in zip(volume.shape, sizes, strict=True)]
            box = tuple(slice(a, a + s) for a, s in zip(corner, sizes, strict=True))
            if not lesion[box].any():
                volume[box] = volume.mean() if rng.random() < 0.5 else rng.uniform(-1, 0.3)


def measure(model: Model, kind: Kind) -> dict[str, float]:
    """Return the figures over unseen pieces, beside those of the trivial method."""
    found, trivial, truth = [], [], []
    for seed in MEASURED:
        image, labels = tissue_with_lesion(seed, kind.ndim, lesion=kind.sized or seed % 2 == 1)
        scores, _ = image_scores(model, image)
        found.append(float(scores[-1]))
        trivial.append(float((np.asarray(image.array) > BRIGHT_HU).sum()))
        truth.append(truth_of(kind, labels))
    if kind.sized:
        error = np.abs(np.array(found) - truth)
        beside = np.abs(np.mean(truth) - truth)
        return {
            "mean_error_mm": round(float(error.mean()), 2),
            "mean_guess_mm": round(float(beside.mean()), 2),
        }
    yes = np.array(truth) == 1
    return {
        "accuracy": round(float(np.mean((np.array(found) > 0.5) == yes)), 3),
        "accuracy_of_brightness": round(best_threshold(np.array(trivial), yes), 3),
    }


def best_threshold(values: NDArray[np.float64], yes: NDArray[np.bool_]) -> float:
    """Return the accuracy of the best threshold on a value, knowing the truth."""
    return max(float(np.mean((values > v) == yes)) for v in values)


def write(model: Model, kind: Kind, figures: dict[str, float], out: Path) -> None:
    """Write the model folder with its card, figures and self-check."""
    print(figures)
    summary: dict[str, Any] = {
        "data": f"{kind.pieces} pieces of tissue by seed, from {FIRST_TRAINED}; measured on seeds "
        f"{MEASURED[0]} to {MEASURED[-1]}",
        "method": f"{'from lesion-2d, ' if kind.sized else ''}stages of (steps, batch, cropped) "
        f"{kind.stages}, AdamW, averaged weights, seed {SEED}",
        "figures": figures,
        "script": "scripts/train_lesions.py",
    }
    spec = model.spec.model_copy(update={"training": summary})
    image, _ = tissue_with_lesion(1, kind.ndim)
    small = image.with_array(np.asarray(image.array, dtype=np.int16))
    model = replace(model, spec=spec, card=card(spec, kind, figures))
    saved = save_folder(replace(model, case=make_case(model, small)), out, half=True)
    print(saved.card, saved.reference, sep="\n")


def card(spec: ModelSpec, kind: Kind, figures: dict[str, float]) -> str:
    """Write the model's card."""
    shape = " x ".join(map(str, spec.tile))
    answer = "the lesion's diameter in mm" if kind.sized else "none or lesion"
    rows = "\n".join(f"| {name.replace('_', ' ')} | {value} |" for name, value in figures.items())
    template = Path(__file__).with_name("lesions_card.md").read_text(encoding="utf-8")
    return template.format(
        name=spec.name,
        version=spec.version,
        licence=spec.licence,
        shape=shape,
        answer=answer,
        rows=rows,
        pieces=kind.pieces,
        measured=len(MEASURED),
        spacing=spec.spacing[0] if spec.spacing else "",
    )


if __name__ == "__main__":
    main()
