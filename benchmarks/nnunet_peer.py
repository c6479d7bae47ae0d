"""What the real nnU-Net does in benchmarks/nnunet_import.py: plan, train a little, predict.

Run by the python that has nnunetv2; the folders come from nnU-Net's own environment variables.
"""

import json
import os
import sys
import time
from pathlib import Path

PREPROCESSED = "nnUNet_preprocessed"
PATCH, WIDTHS = [32, 48, 48], [8, 16, 32, 64]


def plan(dataset: str, residual: bool) -> str:
    """Plan and preprocess; make patch and network small enough for a processor."""
    from nnunetv2.experiment_planning.plan_and_preprocess_api import (
        extract_fingerprints,
        plan_experiments,
        preprocess,
    )

    planner = "nnUNetPlannerResEncM" if residual else "ExperimentPlanner"
    number = int(dataset[7:10])
    extract_fingerprints([number], num_processes=1, check_dataset_integrity=True, clean=False)
    name = plan_experiments([number], planner)
    name = name if isinstance(name, str) else ("nnUNetResEncUNetMPlans" if residual else "nnUNetPlans")
    path = Path(os.environ[PREPROCESSED]) / dataset / f"{name}.json"
    plans = json.loads(path.read_text())
    full = plans["configurations"]["3d_fullres"]
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
    path.write_text(json.dumps(plans, indent=1))
    preprocess([number], plans_identifier=name, configurations=("3d_fullres",), num_processes=(1,))
    return name


def train(dataset: str, plans_name: str, fold: int, epochs: int, iterations: int) -> Path:
    """Train one fold with nnU-Net's own trainer, for a while only."""
    import torch
    from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

    home = Path(os.environ[PREPROCESSED]) / dataset
    plans = json.loads((home / f"{plans_name}.json").read_text())
    plans["continue_training"] = False
    about = json.loads((home / "dataset.json").read_text())
    trainer = nnUNetTrainer(plans, "3d_fullres", fold, about, torch.device("cpu"))
    trainer.num_epochs = epochs
    trainer.num_iterations_per_epoch, trainer.num_val_iterations_per_epoch = iterations, 1
    trainer.run_training()
    return Path(trainer.output_folder).parent


def predict(model: Path, image: Path, result: Path, mirror: bool) -> dict[str, float]:
    """Predict one image; say how long preparation, network and export took together, the middle of three."""
    import torch
    from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    predictor = nnUNetPredictor(use_mirroring=mirror, device=torch.device("cpu"), allow_tqdm=False)
    predictor.initialize_from_trained_model_folder(str(model), None, "checkpoint_final.pth")
    array, properties = SimpleITKIO().read_images([str(image)])
    times, work = [], []
    for _ in range(3):
        start, begun = time.perf_counter(), time.process_time()
        labels = predictor.predict_single_npy_array(array, properties, None, None, False)
        times.append(time.perf_counter() - start)
        work.append(time.process_time() - begun)
    SimpleITKIO().write_seg(labels, str(result), properties)
    return {"seconds": sorted(times)[1], "cpu_seconds": sorted(work)[1]}


def main() -> None:
    """Do one of the steps and print its answer as the last line, in JSON."""
    if len(sys.argv) < 2:
        print("Run by benchmarks/nnunet_import.py.")
        return
    import torch

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    step, *rest = sys.argv[1:]
    if step == "train":
        dataset, kind, folds, epochs, iterations = rest
        name = plan(dataset, kind == "residual")
        for fold in range(int(folds)):
            answer: object = str(train(dataset, name, fold, int(epochs), int(iterations)))
    else:
        model, image, result, mirror = rest
        answer = predict(Path(model), Path(image), Path(result), mirror == "mirrored")
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
