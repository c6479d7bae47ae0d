"""How good a model becomes in how little time, beside trivial methods and people.

    NAPARI_MEDAI_DATA=... python benchmarks/training.py drive --minutes 5 --seed 0 --out results/drive-0.json

Each job writes one JSON with data, split, seed, time and device. Vessels of DRIVE: 20 images train, 20 test,
first grader, inside the field of view, pixels of all images together.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imageio.v3 as imageio
import numpy as np
import torch
from numpy.typing import NDArray

from napari_medai import Geometry, MedicalImage
from napari_medai.models.model import Model
from napari_medai.models.prepare import prepare
from napari_medai.models.restore import softmax_in_place
from napari_medai.train import Cases, Plan, cases_of, make_plan, train_model
from napari_medai.train.augment import Augmentation
from napari_medai.train.judge import class_scores
from napari_medai.train.plan import SplitSettings

VESSELS = Augmentation(rotate_deg=180, scale=0.4, flip=("y", "x"), noise=0.15, blur=1.2, brightness=0.3,
                       contrast=0.2, bias_field=0.2, share=0.3)  # fmt: skip


def main() -> None:
    """Run one job and print and write what it found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("job", choices=JOBS)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument(
        "--steps", type=int, help="as many optimiser steps, instead of minutes: on a busy machine"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    folder = Path(os.environ["NAPARI_MEDAI_DATA"]) / "segmentation"
    began = time.perf_counter()
    found = JOBS[options.job](folder, options)
    found |= {
        "job": options.job,
        "seed": options.seed,
        "minutes_allowed": options.minutes,
        "seconds_in_all": round(time.perf_counter() - began, 1),
        "threads": torch.get_num_threads(),
        "device": options.device,
        "machine": platform.processor() or platform.machine(),
        "torch": torch.__version__,
        "load": os.getloadavg()[0],
    }
    text = json.dumps(found, indent=1)
    print(text)
    if options.out:
        options.out.write_text(text + "\n", encoding="utf-8")


def picture(path: Path) -> MedicalImage:
    """Read a photograph or a grey picture; pixels have no known size."""
    array = imageio.imread(path)
    axes = "yxs" if array.ndim == 3 else "yx"
    return MedicalImage(array, axes, Geometry.from_spacing(array.shape[:2]), name=path.stem)


def mask(path: Path) -> NDArray[np.bool_]:
    """Read a black and white picture."""
    array = imageio.imread(path)
    return np.asarray((array if array.ndim == 2 else array[..., 0]) > 127)


def labels(array: NDArray[Any], like: MedicalImage) -> MedicalImage:
    """Make a labels image of an array."""
    return MedicalImage(array.astype(np.uint8), "yx", like.geometry, kind="labels")


def trained(cases: Cases, plan: Plan, device: str) -> tuple[Model, dict[str, float]]:
    """Train in a folder that is dropped; return the model and the minutes it took, of wall and processor."""
    began, used = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        model = train_model(cases, plan, out=Path(folder) / "run", device=device)
    wall, processor = time.perf_counter() - began, time.process_time() - used
    return model, {"minutes": round(wall / 60, 2), "processor_minutes": round(processor / 60, 2)}


def probability(model: Model, image: MedicalImage, device: str) -> NDArray[np.float32]:
    """Return the probability of label 1 on a 2-D image's own grid."""
    scores = class_scores(model.network, model.spec, prepare(model.spec, image).volume, device, overlap=0.5)
    softmax_in_place(scores)
    return scores[1]


def vessel_plan(cases: Cases, name: str, options: argparse.Namespace) -> Plan:
    """Plan for fundus photographs: the planner's own, with the augmentation that suits photographs."""
    plan = make_plan(cases, name=name)
    plan = plan.model_copy(update={"augment": VESSELS, "split": SplitSettings(none=True), "batch": BATCH})
    return with_budget(plan.with_loop(rate=3e-3, average=0.99, seed=options.seed), options)


def with_budget(plan: Plan, options: argparse.Namespace) -> Plan:
    """Give a plan the time or the steps asked for."""
    if options.steps:
        return plan.with_loop(minutes=None, epochs=max(1, options.steps // 20), steps=20)
    return plan.with_loop(minutes=options.minutes, epochs=100_000, steps=20)


BATCH = 8


def drive_half(folder: Path, half: str) -> list[tuple[MedicalImage, NDArray[np.bool_], NDArray[np.bool_]]]:
    """Return photographs with the first grader's vessels and the field of view."""
    eyes = []
    for path in sorted((folder / "DRIVE" / half / "images").iterdir()):
        number = path.name[:2]
        truth, field = (
            next((folder / "DRIVE" / half / part).glob(f"{number}*")) for part in ("1st_manual", "mask")
        )
        eyes.append((picture(path), mask(truth), mask(field)))
    return eyes


def drive(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Vessels of DRIVE in a few minutes on the processor."""
    eyes = drive_half(folder, "training")
    cases = cases_of([image for image, _, _ in eyes], [labels(truth, image) for image, truth, _ in eyes])
    model, minutes = trained(cases, vessel_plan(cases, "drive", options), options.device)
    return {
        "minutes": round(minutes, 2),
        "training": model.spec.training,
        **vessel_figures(folder, model, options),
    }


def vessel_figures(folder: Path, model: Model, options: argparse.Namespace) -> dict[str, Any]:
    """Dice at 0.5, ROC AUC and PR AUC on DRIVE's test half, beside the second grader and Otsu's threshold."""
    from skimage.filters import threshold_otsu
    from sklearn.metrics import average_precision_score, roc_auc_score

    found, truths, second, dark = [], [], [], []
    for image, truth, field in drive_half(folder, "test"):
        number = image.name[:2]
        found.append(probability(model, image, options.device)[field])
        truths.append(truth[field])
        second.append(mask(next((folder / "DRIVE/test/2nd_manual").glob(f"{number}*")))[field])
        green = 255 - np.asarray(image.array)[..., 1][field]
        dark.append(green > threshold_otsu(green))
    p, t, s, d = (np.concatenate(parts) for parts in (found, truths, second, dark))
    return {
        "dice": dice(p > 0.5, t),
        "roc_auc": float(roc_auc_score(t, p)),
        "pr_auc": float(average_precision_score(t, p)),
        "second_grader_dice": dice(s, t),
        "otsu_dice": dice(d, t),
    }


def dice(found: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    """Return twice the overlap over the sum of sizes."""
    return float(2 * (found & truth).sum() / (found.sum() + truth.sum()))


JOBS: dict[str, Callable[[Path, argparse.Namespace], dict[str, Any]]] = {"drive": drive}

if __name__ == "__main__":
    main()
