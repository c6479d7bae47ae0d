"""What the real nnU-Net does in benchmarks/nnunet_import.py: plan, train a little, predict.

Run by the python that has nnunetv2; the folders come from nnU-Net's own environment variables.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

PREPROCESSED = "nnUNet_preprocessed"
PATCH, WIDTHS = [32, 48, 48], [8, 16, 32, 64]


def plan(dataset: str, kind: str) -> str:
    """Plan and preprocess; make patch and network small enough for a processor."""
    from nnunetv2.experiment_planning.plan_and_preprocess_api import (
        extract_fingerprints,
        plan_experiments,
        preprocess,
    )

    residual = kind == "residual"
    planner = "nnUNetPlannerResEncM" if residual else "ExperimentPlanner"
    number = int(dataset[7:10])
    extract_fingerprints([number], num_processes=1, check_dataset_integrity=True, clean=False)
    name = plan_experiments([number], planner)
    name = name if isinstance(name, str) else ("nnUNetResEncUNetMPlans" if residual else "nnUNetPlans")
    path = Path(os.environ[PREPROCESSED]) / dataset / f"{name}.json"
    plans = json.loads(path.read_text())
    _make_small(plans["configurations"]["3d_fullres"])
    names = ["3d_fullres"]
    if kind == "cascade":
        _add_cascade(plans["configurations"])
        names = ["3d_lowres", *names]  # the second stage takes the images of full resolution
    path.write_text(json.dumps(plans, indent=1))
    preprocess([number], plans_identifier=name, configurations=tuple(names), num_processes=(1,) * len(names))
    return name


def _make_small(full: dict[str, Any]) -> None:
    full["patch_size"] = PATCH
    arguments = full["architecture"]["arch_kwargs"]
    levels = len(WIDTHS)
    arguments.update(n_stages=levels, features_per_stage=WIDTHS)
    for key, count in (
        ("kernel_sizes", levels),
        ("strides", levels),
        ("n_conv_per_stage_decoder", levels - 1),
    ):
        arguments[key] = arguments[key][:count]
    for key in ("n_conv_per_stage", "n_blocks_per_stage"):
        if key in arguments:
            arguments[key] = arguments[key][:levels]


def _add_cascade(configurations: dict[str, Any]) -> None:
    """Add both stages, as nnU-Net's planner does for large images."""
    full = configurations["3d_fullres"]
    configurations["3d_lowres"] = {
        "inherits_from": "3d_fullres",
        "data_identifier": "nnUNetPlans_3d_lowres",
        "spacing": [1.5 * step for step in full["spacing"]],
        "next_stage": "3d_cascade_fullres",
    }
    configurations["3d_cascade_fullres"] = {"inherits_from": "3d_fullres", "previous_stage": "3d_lowres"}


def train(dataset: str, name: str, kind: str, folds: int, epochs: int, iterations: int) -> Path:
    """Train with nnU-Net's own trainer, for a while only; a cascade's stages on all cases."""
    if kind != "cascade":
        for fold in range(folds):
            trainer = _train(dataset, name, "3d_fullres", fold, epochs, iterations)
        return Path(trainer.output_folder).parent
    first = _train(dataset, name, "3d_lowres", "all", epochs, iterations)
    first.perform_actual_validation(False)  # writes what the second stage is trained with
    second = _train(dataset, name, "3d_cascade_fullres", "all", epochs, iterations)
    return Path(second.output_folder).parent


def _train(dataset: str, name: str, configuration: str, fold: Any, epochs: int, iterations: int) -> Any:
    import torch
    from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

    home = Path(os.environ[PREPROCESSED]) / dataset
    plans = json.loads((home / f"{name}.json").read_text())
    plans["continue_training"] = False
    about = json.loads((home / "dataset.json").read_text())
    trainer = nnUNetTrainer(plans, configuration, fold, about, torch.device("cpu"))
    trainer.num_epochs = epochs
    trainer.num_iterations_per_epoch, trainer.num_val_iterations_per_epoch = iterations, 1
    trainer.run_training()
    return trainer


def predict(model: Path, image: Path, result: Path, mirror: bool) -> dict[str, float]:
    """Predict one image; say how long preparation, network and export took together, the middle of three."""
    from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO

    array, properties = SimpleITKIO().read_images([str(image)])
    predictors = [_predictor(folder, mirror) for folder in _stages(model)]
    times, work = [], []
    for _ in range(3):
        start, begun = time.perf_counter(), time.process_time()
        labels = None
        for predictor in predictors:  # the labels of a cascade's first stage go to the second one
            before = None if labels is None else labels[None].astype(np.float32)
            labels = predictor.predict_single_npy_array(array, properties, before, None, False)
        times.append(time.perf_counter() - start)
        work.append(time.process_time() - begun)
    SimpleITKIO().write_seg(labels, str(result), properties)
    return {"seconds": sorted(times)[1], "cpu_seconds": sorted(work)[1]}


def _stages(model: Path) -> list[Path]:
    first = model.with_name(model.name.replace("3d_cascade_fullres", "3d_lowres"))
    return [model] if first == model else [first, model]


def _predictor(model: Path, mirror: bool) -> Any:
    import torch
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    predictor = nnUNetPredictor(use_mirroring=mirror, device=torch.device("cpu"), allow_tqdm=False)
    folds = ("all",) if (model / "fold_all").is_dir() else None
    predictor.initialize_from_trained_model_folder(str(model), folds, "checkpoint_final.pth")
    return predictor


def main() -> None:
    """Do one of the steps and print its answer as the last line, in JSON."""
    if len(sys.argv) < 2:
        print("Run by benchmarks/nnunet_import.py.")
        return
    import torch

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    step, *rest = sys.argv[1:]
    if step == "train":
        dataset, kind, *numbers = rest
        answer: object = str(train(dataset, plan(dataset, kind), kind, *map(int, numbers)))
    else:
        model, image, result, mirror = rest
        answer = predict(Path(model), Path(image), Path(result), mirror == "mirrored")
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
