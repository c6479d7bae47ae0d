"""An nnU-Net that nnU-Net itself trained: its labels and its time beside ours, the same mirroring.

    python benchmarks/nnunet_import.py --python /path/to/an/environment/with/nnunetv2/bin/python

That environment is made by: python -m venv nn; nn/bin/pip install torch nnunetv2. Makes six phantoms, lets
nnU-Net plan and train on them for a while, imports the folder, and segments a seventh with both.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import napari_medai as medai
from napari_medai import MedicalImage
from napari_medai.models.check import make_case
from napari_medai.models.engine import How
from napari_medai.models.imports.nnunet import import_nnunet
from napari_medai.models.imports.words import Words
from napari_medai.models.model import Model
from napari_medai.models.pipeline import segment_image
from napari_medai.phantoms.torso import TORSO_LABELS, ct_torso

PEER = Path(__file__).with_name("nnunet_peer.py")
DATASET = "Dataset077_Torso"
REPEATS = 3
Grid = tuple[tuple[int, int, int], tuple[float, float, float]]
SMALL: Grid = (70, 110, 100), (4.4, 3.7, 4.1)
LARGE: Grid = (170, 270, 250), (1.8, 1.5, 1.6)
"""Voxels, and mm: the same torso, finer than the network sees it."""
REGIONS = {"organs": [1, 2, 3, 4, 5, 6, 7], "soft": [2, 3, 4, 5, 7], "liver": [3]}
"""Each within the one before."""


def main() -> None:
    """Train, import, predict with both, compare."""
    options = _options()
    if not options.python:
        print("Not measured: --python names no environment with nnunetv2.")
        return
    home = options.folder or Path(tempfile.mkdtemp(prefix="nnunet-"))
    image = write_phantoms(home / "raw" / DATASET, options.kind, LARGE if options.large else SMALL)
    trained = options.trained or Path(
        _peer(
            options.python, home, "train", DATASET, options.kind, options.folds, options.epochs, options.steps
        )
    )
    model = import_nnunet(trained, Words(licence="CC0-1.0"))
    for mirrored in (False, True):
        compare(model, image, trained, home, options.python, mirrored)


def compare(model: Model, path: Path, trained: Path, home: Path, python: str, mirrored: bool) -> None:
    """Print agreement and times of one way of mirroring."""
    word = "mirrored" if mirrored else "plain"
    result = home / f"theirs-{word}.nii.gz"
    theirs = _peer(python, home, "predict", trained, path, result, word)
    wanted = np.asarray(_read(result).array)
    image = _read(path)
    case, _ = ct_torso(1, (44, 64, 64), (7, 6, 6))
    chosen = replace(model, case=make_case(model, case), digest=f"benchmark {word}")
    for quality in ("exact", "balanced"):
        how = How(quality=quality, mirrored=mirrored)  # type: ignore[arg-type]
        labels, times, work = image, [], []
        for _ in range(REPEATS + 1):  # the first one opens the network, and finds the fastest way
            start, begun = time.perf_counter(), time.process_time()
            labels = segment_image(chosen, image, how=how)
            times.append(time.perf_counter() - start)
            work.append(time.process_time() - begun)
        wall, cpu = theirs["seconds"], theirs["cpu_seconds"]
        said = f"{_ratio('wall', times[1:], wall)}, {_ratio('CPU', work[1:], cpu)}"
        same = _agreement(np.asarray(labels.array), wanted)
        print(f"{word}, {quality}: {said}; {same}; {labels.meta.get('engine', '')}", flush=True)


def write_phantoms(folder: Path, kind: str, last: Grid) -> Path:
    """Write a data set as nnU-Net wants it; return the path of the image that is kept apart."""
    for name in ("imagesTr", "labelsTr", "imagesTs"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for seed in range(6):
        image, labels = ct_torso(seed, (44, 64, 64), (7, 6, 6))
        medai.write(image, folder / f"imagesTr/case_{seed}_0000.nii.gz")
        medai.write(labels, folder / f"labelsTr/case_{seed}.nii.gz")
    image, _ = ct_torso(77, *last, oblique=True)
    path = folder / "imagesTs/case_77_0000.nii.gz"
    medai.write(image, path)
    named = REGIONS if kind == "regions" else {name: value for value, name in TORSO_LABELS.items()}
    about = {
        "channel_names": {"0": "CT"},
        "labels": {"background": 0, **named},
        "numTraining": 6,
        "file_ending": ".nii.gz",
    }
    if kind == "regions":
        about["regions_class_order"] = list(range(1, len(REGIONS) + 1))
    (folder / "dataset.json").write_text(json.dumps(about))
    return path


def _ratio(word: str, ours: list[float], theirs: float) -> str:
    mine = statistics.median(ours)
    return f"{word} {mine:.2f} s, nnU-Net {theirs:.2f} s, ratio {theirs / mine:.2f}"


def _agreement(labels: np.ndarray, wanted: np.ndarray) -> str:
    shares = []
    for value in np.unique(wanted)[1:]:
        mine, other = labels == value, wanted == value
        shares.append(2 * (mine & other).sum() / (mine.sum() + other.sum()))
    least = min(shares) if shares else float("nan")
    return f"same label {(labels == wanted).mean():.6f}, least Dice of {len(shares)} labels {least:.5f}"


def _read(path: Path) -> MedicalImage:
    found = medai.read(path)
    return found[0] if isinstance(found, list) else found


def _peer(python: str, home: Path, *arguments: object) -> Any:
    places = {"nnUNet_raw": "raw", "nnUNet_preprocessed": "preprocessed", "nnUNet_results": "results"}
    variables = {name: str(home / folder) for name, folder in places.items()}
    environment = {**os.environ, **variables, "nnUNet_n_proc_DA": "1", "nnUNet_def_n_proc": "1"}
    command = [python, str(PEER), *map(str, arguments)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--python", default="", help="the python that has nnunetv2")
    parser.add_argument("--folder", type=Path, help="where to work; a temporary folder by default")
    parser.add_argument("--trained", type=Path, help="a folder that nnU-Net trained before")
    parser.add_argument("--kind", choices=("plain", "residual", "regions", "cascade"), default="plain")
    parser.add_argument("--large", action="store_true", help="segment a finer, larger image")
    parser.add_argument("--folds", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--steps", type=int, default=60)
    return parser.parse_args()


if __name__ == "__main__":
    main()
