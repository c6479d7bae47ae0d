"""Brain tumours of two patients learnt and found in two others, beside the real nnU-Net at equal wall time.

Both train at the same time, each on one processor core of its own, or both on one (``--one-core``), which
they share. Channels FLAIR and contrast-enhanced T1; classes necrosis, oedema, non-enhancing and enhancing;
judged is the whole tumour, all classes together.
The baseline calls tumour whatever is brighter in FLAIR than the best threshold of the training patients.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import napari_medai as medai
from napari_medai import MedicalImage
from napari_medai.models.model import Model
from napari_medai.models.pipeline import segment_image
from napari_medai.train import Cases, Plan, make_plan, train_model
from napari_medai.train.cases import Case
from napari_medai.train.plan import SplitSettings

PEER = Path(__file__).with_name("tumour_peer.py")
CHANNELS = ("Flair_subtrMeanDivStd", "T1c_subtrMeanDivStd")
CLASSES = ("background", "necrosis", "oedema", "non-enhancing", "enhancing")
STEP_MM, PATCH, SPREAD = 2.0, 64, 0.5
"""Ours sees voxels of 2 mm: on one core there is no time for finer ones."""


def tumours(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Train both on one half of the patients and judge them on the other (``--fold``)."""
    halves = [sorted((folder / "brats_examples" / half).iterdir()) for half in ("train", "validation")]
    shown, held = (halves[options.fold], halves[1 - options.fold])
    home = Path(tempfile.mkdtemp(prefix="tumours-"))
    peer = start_peer(home, shown, options) if options.python else None
    pin(0)
    model, figures = ours(shown, options)
    found: dict[str, Any] = {"trained_on": [p.name for p in shown], "tested_on": [p.name for p in held]}
    found["ours"] = figures | judged(held, lambda case: segment_image(model, image_of(case), device="cpu"))
    if peer is not None:
        found["nnunet"] = peer(held)
        found["ours_less_nnunet"] = found["ours"]["dice"] - found["nnunet"]["dice"]
    level = best_threshold(shown)
    found["threshold_of_flair"] = {"level": level} | judged(
        held, lambda case: image_of(case).with_array(flair(case) > level, kind="labels", axes="zyx")
    )
    return found | {"training": model.spec.training}


def pin(core: int) -> None:
    """Keep to one core, where the system can."""
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > core:
        os.sched_setaffinity(0, {core})


def plan_for(cases: Cases, options: argparse.Namespace) -> Plan:
    """Plan as the planner does, for 2 mm."""
    plan = make_plan(cases, name="tumour", memory_gb=4)
    loop = {"minutes": options.minutes, "epochs": 100_000, "steps": 20, "seed": options.seed}
    changes = {
        "spacing": (STEP_MM,) * 3, "patch": (PATCH,) * 3, "batch": 2, "foreground": SPREAD,
        "split": SplitSettings(none=True), "labels": CLASSES, "licence": "CC-BY-NC-SA-3.0",
        "citation": "Menze et al. 2015, BRATS, doi 10.1109/TMI.2014.2377694",
    }  # fmt: skip
    return plan.model_copy(update=changes).with_loop(**loop)


def ours(shown: list[Path], options: argparse.Namespace) -> tuple[Model, dict[str, Any]]:
    """Train ours; keep the model folder where ``--save`` says."""
    items = tuple(
        Case(p.name, tuple(p / f"{c}.nii.gz" for c in CHANNELS), p / "OTMultiClass.nii.gz") for p in shown
    )
    cases = Cases(items, labels=CLASSES, channels=("FLAIR", "T1c"))
    plan = plan_for(cases, options)
    began, used = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory() as place:
        model = train_model(cases, plan, out=Path(place) / "out", device=options.device)
        if options.save:
            shutil.copytree(Path(place) / "out" / "model", options.save, dirs_exist_ok=True)
    minutes = (time.perf_counter() - began) / 60, (time.process_time() - used) / 60
    return model, {"minutes": minutes[0], "processor_minutes": minutes[1]}


def judged(held: list[Path], segment: Callable[[Path], MedicalImage]) -> dict[str, Any]:
    """Return the whole tumour's Dice of each patient and their mean, and the seconds of a case."""
    began = time.perf_counter()
    values = {case.name: overlap(np.asarray(segment(case).array), truth_of(case)) for case in held}
    seconds = (time.perf_counter() - began) / len(held)
    return {"dice": float(np.mean(list(values.values()))), "cases": values, "seconds_a_case": seconds}


def overlap(found: NDArray[Any], truth: NDArray[Any]) -> float:
    """Return the Dice of all that is not background."""
    a, b = found > 0, truth > 0
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


def one(path: Path) -> MedicalImage:
    """Read a file with one image."""
    return medai.read(path)[0]


def image_of(case: Path) -> MedicalImage:
    """Return a patient's image with its two channels."""
    first, second = (one(case / f"{name}.nii.gz") for name in CHANNELS)
    return first.with_array(np.stack([first.array, second.array]).astype(np.float32), axes="czyx")


def flair(case: Path) -> NDArray[Any]:
    """Return a patient's FLAIR."""
    return np.asarray(one(case / f"{CHANNELS[0]}.nii.gz").array)


def truth_of(case: Path) -> NDArray[Any]:
    """Return a patient's classes."""
    return np.asarray(one(case / "OTMultiClass.nii.gz").array)


def best_threshold(shown: list[Path]) -> float:
    """Return the level of FLAIR whose Dice is best on the training patients."""
    pairs = [(flair(case), truth_of(case)) for case in shown]
    levels = np.linspace(0.5, 4, 36)
    means = [np.mean([overlap(image > level, truth) for image, truth in pairs]) for level in levels]
    return float(levels[int(np.argmax(means))])


def start_peer(
    home: Path, shown: list[Path], options: argparse.Namespace
) -> Callable[[list[Path]], dict[str, Any]]:
    """Let nnU-Net plan, then begin to train on a core of its own; return what waits for it and judges it."""
    dataset = f"Dataset08{options.fold}_Tumour"
    core = 0 if options.one_core else (os.cpu_count() or 1) - 1
    write_raw(home / "raw" / dataset, shown)
    plans = answer(call(options.python, home, core, "plan", dataset))
    training = call(options.python, home, core, "train", dataset, plans, options.minutes * 60)

    def finish(held: list[Path]) -> dict[str, Any]:
        trained = answer(training)
        inputs = [link(case, home / "test", f"{k}") for k, case in enumerate(held)]
        results = [home / f"{k}.nii.gz" for k in range(len(held))]
        spent = answer(call(options.python, home, core, "predict", trained["folder"], *inputs, *results))
        figures = judged(held, lambda case: one(results[held.index(case)]))
        return {k: v for k, v in trained.items() if k != "folder"} | figures | spent

    return finish


def call(python: str, home: Path, core: int, *arguments: object) -> subprocess.Popen[str]:
    """Start the peer on a core, with one thread."""
    places = {"nnUNet_raw": "raw", "nnUNet_preprocessed": "preprocessed", "nnUNet_results": "results"}
    variables = {name: str(home / folder) for name, folder in places.items()}
    once = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "nnUNet_def_n_proc"), "1")
    environment = {
        **os.environ,
        **variables,
        **once,
        "nnUNet_n_proc_DA": "1" if arguments[0] == "plan" else "0",
    }
    pinned = ["taskset", "-c", str(core)] if shutil.which("taskset") else []
    command = [*pinned, python, str(PEER), *map(str, arguments)]
    with (home / f"{arguments[0]}.log").open("w", encoding="utf-8") as log:
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log, text=True)


def answer(process: subprocess.Popen[str]) -> Any:
    """Wait for the peer and return what it says last."""
    said, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"nnU-Net failed: {process.args}")
    return json.loads(said.strip().splitlines()[-1])


def write_raw(place: Path, shown: list[Path]) -> None:
    """Lay patients out as nnU-Net wants them."""
    (place / "labelsTr").mkdir(parents=True)
    for case in shown:
        link(case, place / "imagesTr", case.name)
        truth = one(case / "OTMultiClass.nii.gz")
        medai.write(
            truth.with_array(np.asarray(truth.array).astype(np.uint8), kind="labels"),
            place / "labelsTr" / f"{case.name}.nii.gz",
        )
    about = {
        "channel_names": {"0": "FLAIR", "1": "T1c"},
        "labels": {name: value for value, name in enumerate(CLASSES)},
        "numTraining": len(shown),
        "file_ending": ".nii.gz",
    }
    (place / "dataset.json").write_text(json.dumps(about))


def link(case: Path, place: Path, name: str) -> Path:
    """Link a patient's channels under nnU-Net's names; return their common beginning."""
    place.mkdir(parents=True, exist_ok=True)
    for number, channel in enumerate(CHANNELS):
        (place / f"{name}_{number:04d}.nii.gz").symlink_to(case / f"{channel}.nii.gz")
    return place / name
