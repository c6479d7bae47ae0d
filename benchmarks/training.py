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
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import imageio.v3 as imageio
import numpy as np
import torch
from numpy.typing import NDArray
from tumours import tumours

from napari_medai import Geometry, MedicalImage
from napari_medai.measure import compare_partitions
from napari_medai.models.model import Model
from napari_medai.models.networks import build_network
from napari_medai.models.prepare import prepare
from napari_medai.models.restore import softmax_in_place
from napari_medai.models.store import load_model
from napari_medai.train import Cases, Plan, cases_of, fine_tune, make_plan, train_model
from napari_medai.train.augment import Augmentation
from napari_medai.train.checkpoint import read_state
from napari_medai.train.judge import class_scores
from napari_medai.train.objective import segmentation_objective
from napari_medai.train.patches import Patches
from napari_medai.train.plan import GanSettings, SplitSettings
from napari_medai.train.stepping import Stepper
from napari_medai.train.store import CaseStore

VESSELS = Augmentation(rotate_deg=180, scale=0.4, flip=("y", "x"), noise=0.15, blur=1.2, brightness=0.3,
                       contrast=0.2, bias_field=0.2, share=0.3)  # fmt: skip


def main() -> None:
    """Run one job and print and write what it found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("job", choices=JOBS, nargs="?", default="speed")
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument(
        "--steps", type=int, help="as many optimiser steps, instead of minutes: on a busy machine"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--fold", type=int, choices=(0, 1), default=0, help="tumours: which half trains")
    parser.add_argument("--one-core", action="store_true", help="tumours: both on one core")
    parser.add_argument("--python", default="", help="tumours: the python that has nnunetv2")
    parser.add_argument("--save", type=Path, help="drive, tumours: where our folder is kept")
    parser.add_argument("--parent", type=Path, help="few-labels: a model folder to fine-tune")
    parser.add_argument("--counts", type=int, nargs="+", default=[2, 4, 8], help="few-labels: images")
    parser.add_argument(
        "--level", choices=("pixel", "patch", "image"), default="image", help="gan: what it judges"
    )
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    folder = Path(os.environ.get("NAPARI_MEDAI_DATA", "")) / "segmentation"
    if not folder.is_dir():
        raise SystemExit("NAPARI_MEDAI_DATA names no folder of real images; nothing was measured.")
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
    array = imageio.imread(path, plugin="pillow", index=0)
    axes = "yxs" if array.ndim == 3 else "yx"
    return MedicalImage(array, axes, Geometry.from_spacing(array.shape[:2]), name=path.stem)


def mask(path: Path) -> NDArray[np.bool_]:
    """Read a black and white picture, white 255 or 1."""
    array = imageio.imread(path, plugin="pillow", index=0)
    grey = np.asarray(array if array.ndim == 2 else array[..., 0], dtype=np.float32)
    return np.asarray(grey > grey.max() / 2)


def labels(array: NDArray[Any], like: MedicalImage) -> MedicalImage:
    """Make a labels image of an array."""
    return MedicalImage(array.astype(np.uint8), "yx", like.geometry, kind="labels")


def trained(
    cases: Cases, plan: Plan, device: str, parent: Model | None = None, save: Path | None = None
) -> tuple[Model, dict[str, float]]:
    """Train in a folder that is dropped; return the model and the minutes it took, of wall and processor."""
    began, used = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        if parent is None:
            model = train_model(cases, plan, out=out, device=device)
        else:
            model = fine_tune(parent, cases, plan, out=out, device=device)
        if save is not None:
            shutil.copytree(out, save, dirs_exist_ok=True)
    wall, processor = time.perf_counter() - began, time.process_time() - used
    return model, {"minutes": round(wall / 60, 2), "processor_minutes": round(processor / 60, 2)}


def probability(model: Model, image: MedicalImage, device: str, overlap: float = 0.5) -> NDArray[np.float32]:
    """Return the probability of label 1 on a 2-D image's own grid."""
    volume = prepare(model.spec, image).volume
    scores = class_scores(model.network, model.spec, volume, device, overlap=overlap)
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
Tests = Sequence[tuple[MedicalImage, NDArray[np.bool_]]]


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
    model, minutes = trained(cases, vessel_plan(cases, "drive", options), options.device, save=options.save)
    figures = vessel_figures(folder, model, options)
    return {**minutes, **figures, "training": model.spec.training}


def gan(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Vessels of DRIVE learnt with an adversary (``--level``), beside the supervised twin of equal budget."""
    eyes = drive_half(folder, "training")
    cases = cases_of([image for image, _, _ in eyes], [labels(truth, image) for image, truth, _ in eyes])
    plan = vessel_plan(cases, "drive", options)
    plan = plan.model_copy(update={"adversarial": GanSettings(level=options.level)})
    with tempfile.TemporaryDirectory() as place:
        model, minutes = trained(cases, plan, options.device, save=Path(place))
        best = read_state(Path(place) / "twin" / "best.safetensors")
    twin = build_network(model.spec)
    twin.load_state_dict(best.tensors)
    alone = replace(model, network=twin.eval().requires_grad_(False))
    found: dict[str, Any] = {"with_adversary": vessel_figures(folder, model, options)}
    found["supervised_twin"] = vessel_figures(folder, alone, options)
    gains = {
        f"gain_{k}": found["with_adversary"][k] - found["supervised_twin"][k]
        for k in ("dice", "roc_auc", "pr_auc")
    }
    return {**minutes, **found, **gains, "training": model.spec.training}


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


def chase(folder: Path, patients: Sequence[int]) -> list[tuple[MedicalImage, NDArray[np.bool_]]]:
    """Return photographs of CHASE_DB1 with the first grader's vessels."""
    names = [f"Image_{p:02d}{side}" for p in patients for side in "LR"]
    place = folder / "CHASEDB1"
    return [(picture(place / f"{name}.jpg"), mask(place / f"{name}_1stHO.png")) for name in names]


def few_labels(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """A model of DRIVE fine-tuned on a few images of CHASE_DB1, beside fresh ones of equal time.

    The parent is a folder (``--parent``), or has three times the minutes or steps of each training; patients
    11-14 test.
    """
    parent, minutes = vessel_parent(folder, options)
    tests = chase(folder, range(11, 15))
    found: dict[str, Any] = {"parent": minutes, "parent_dice": pooled(parent, tests, options.device)}
    for count in options.counts:
        shown = chase(folder, range(1, 1 + count // 2))
        cases = cases_of([image for image, _ in shown], [labels(truth, image) for image, truth in shown])
        plan = vessel_plan(cases, "chase", options).model_copy(update={"network": parent.spec.network})
        fresh, scratch_minutes = trained(cases, plan, options.device)
        tuned, tuned_minutes = trained(cases, plan.with_loop(rate=1e-3), options.device, parent)
        found[f"{count} images"] = {
            "tuned_dice": pooled(tuned, tests, options.device),
            "scratch_dice": pooled(fresh, tests, options.device),
            "tuned": tuned_minutes,
            "scratch": scratch_minutes,
        }
    return found


def vessel_parent(folder: Path, options: argparse.Namespace) -> tuple[Model, dict[str, float]]:
    """Return the model that is fine-tuned, and the minutes it took where it was trained for this."""
    if options.parent is not None:
        return load_model(options.parent), {}
    eyes = drive_half(folder, "training")
    cases = cases_of([image for image, _, _ in eyes], [labels(truth, image) for image, truth, _ in eyes])
    long = argparse.Namespace(
        **vars(options) | {"minutes": 3 * options.minutes, "steps": 3 * (options.steps or 0)}
    )
    return trained(cases, vessel_plan(cases, "drive", long), options.device)


def pooled(model: Model, tests: Tests, device: str) -> float:
    """Return the Dice at 0.5 over the pixels of all images together."""
    found = np.concatenate([(probability(model, image, device, 0.25) > 0.5).ravel() for image, _ in tests])
    return dice(found, np.concatenate([truth.ravel() for _, truth in tests]))


def sparse(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Membranes of ISBI-2012 from all labels and from strokes over 5 % of the pixels; BasicUNet beside.

    Slices 0-24 train, 25-29 test.
    """
    slices = [picture(folder / "isbi2012" / "image" / f"{k}.png") for k in range(30)]
    truths = [~mask(folder / "isbi2012" / "label" / f"{k}.png") for k in range(30)]
    rng = np.random.default_rng(options.seed)
    shown = [strokes(truth, 0.05, rng) for truth in truths[:25]]
    tests = list(zip(slices[25:], truths[25:], strict=True))
    full = cases_of(slices[:25], [labels(t, i) for t, i in zip(truths, slices[:25], strict=False)])
    some = cases_of(slices[:25], [labels(t, i) for t, i in zip(shown, slices, strict=False)], ignore=2)
    found: dict[str, Any] = {"labelled": float(np.mean([(s != 2).mean() for s in shown]))}
    for name, cases in (("full", full), ("sparse", some)):
        plan = vessel_plan(cases, "membranes", options)
        plan = plan.model_copy(update={"augment": plan.augment.model_copy(update={"elastic": 0.05})})
        model, minutes = trained(cases, plan, options.device)
        found[name] = {**minutes, **membrane_figures(model, tests, options.device)}
        found.setdefault("steps", model.spec.training["steps"])
    network, minutes = basic_unet(slices[:25], truths[:25], found["full"]["processor_minutes"], options)
    peer = replace(model, network=network)
    found["monai BasicUNet, flips and turns, as many minutes of the processor"] = {
        **minutes, **membrane_figures(peer, tests, options.device)
    }  # fmt: skip
    found["share_of_full_dice"] = found["sparse"]["dice"] / found["full"]["dice"]
    return found


def strokes(truth: NDArray[np.bool_], share: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Label strokes of three pixels' width until a share of the pixels is labelled; the rest is 2."""
    marks = np.full(truth.shape, 2, np.uint8)
    while (marks != 2).mean() < share:
        start, angle = rng.uniform(0, truth.shape), rng.uniform(0, 2 * np.pi)
        along = np.arange(40)[:, None] * [np.sin(angle), np.cos(angle)] + start
        for offset in (-1, 0, 1):
            y, x = (np.round(along + offset).astype(int) % truth.shape).T
            marks[y, x] = truth[y, x]
    return marks


def membrane_figures(
    model: Model, tests: list[tuple[MedicalImage, NDArray[np.bool_]]], device: str
) -> dict[str, float]:
    """Dice of the membranes, share of wrong pixels, and V-Rand of the cells between them."""
    from scipy import ndimage

    found = [probability(model, image, device) > 0.5 for image, _ in tests]
    truths = [truth for _, truth in tests]
    cells = [
        [ndimage.label(~m)[0].astype(np.int32) for m in both] for both in zip(truths, found, strict=True)
    ]
    grid = tests[0][0].geometry
    rand = []
    for pair in cells:
        a, b = (MedicalImage(array, "yx", grid, kind="labels") for array in pair)
        rand.append(float(compare_partitions(a, b).v_rand[0]))
    guess, truth = np.stack(found), np.stack(truths)
    return {
        "dice": dice(guess, truth),
        "pixel_error": float((guess != truth).mean()),
        "v_rand": float(np.mean(rand)),
    }


def basic_unet(
    slices: list[MedicalImage], truths: list[NDArray[np.bool_]], allowed: float, options: argparse.Namespace
) -> tuple[torch.nn.Module, dict[str, float]]:
    """Train MONAI's BasicUNet as its tutorials do: Dice + cross-entropy, Adam, crops, flips, turns by 90.

    For as many minutes of the processor as are allowed.
    """
    from monai.losses import DiceCELoss
    from monai.networks.nets import BasicUNet

    torch.manual_seed(options.seed)
    rng = np.random.default_rng(options.seed)
    network = BasicUNet(2, 1, 2, features=(16, 16, 32, 64, 128, 16))
    optimizer, loss = torch.optim.Adam(network.parameters(), 1e-3), DiceCELoss(to_onehot_y=True, softmax=True)
    arrays = [np.asarray(i.array, np.float32) for i in slices]
    arrays = [(a - a.mean()) / a.std() for a in arrays]
    began, used = time.perf_counter(), time.process_time()
    steps = 0
    while time.process_time() - used < 60 * allowed:
        steps += 1
        batch = []
        for _ in range(BATCH):
            k, (y, x) = rng.integers(len(arrays)), rng.integers(0, 512 - 192, 2)
            pair = np.stack([arrays[k], truths[k]])[:, y : y + 192, x : x + 192]
            batch.append(np.rot90(pair, rng.integers(4), (1, 2))[:, :: rng.choice([-1, 1])])
        both = torch.from_numpy(np.stack(batch).astype(np.float32))
        with torch.autocast("cpu", torch.bfloat16):
            scores = network(both[:, :1])
        value = loss(scores.float(), both[:, 1:])
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
    wall, processor = time.perf_counter() - began, time.process_time() - used
    spent = {"minutes": round(wall / 60, 2), "processor_minutes": round(processor / 60, 2), "steps": steps}
    return network.eval(), spent


def speed(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Processor's seconds of a training step in either precision, and of drawing its batch."""
    eyes = drive_half(folder, "training")
    cases = cases_of([image for image, _, _ in eyes], [labels(truth, image) for image, truth, _ in eyes])
    plan = vessel_plan(cases, "drive", options)
    store = CaseStore(cases, plan.spec())
    patches = Patches(store, store.names, plan.patch, plan.batch, plan.augment, plan.foreground)
    for name in store.names:
        store.get(name)
    kept = [patches(np.random.default_rng(k)) for k in range(4)]
    found = {}
    for precision in ("fp32", "bf16"):
        loop = plan.with_loop(precision=precision).loop
        network = build_network(plan.spec()).to(memory_format=torch.channels_last)
        stepper = Stepper(network, segmentation_objective(plan.objective, 2), loop, device=options.device)
        stepper.take(kept[:1], 0.5)
        found[f"step_{precision}"] = used_by(lambda k, s=stepper: s.take([kept[k % 4]], 0.5))
    found["draw"] = used_by(lambda k: patches(np.random.default_rng(k)))
    found["drawing_over_bf16_step"] = found["draw"] / found["step_bf16"]
    found["fp32_over_bf16"] = found["step_fp32"] / found["step_bf16"]
    return found


def used_by(job: Callable[[int], object], repeats: int = 12) -> float:
    """Return the median of the processor's time of a job; on a GPU wall time would be needed."""
    times = []
    for k in range(repeats):
        began = time.process_time()
        job(k)
        times.append(time.process_time() - began)
    return float(np.median(times))


JOBS: dict[str, Callable[[Path, argparse.Namespace], dict[str, Any]]] = {
    "drive": drive,
    "few-labels": few_labels,
    "gan": gan,
    "sparse": sparse,
    "speed": speed,
    "tumours": tumours,
}

if __name__ == "__main__":
    main()
