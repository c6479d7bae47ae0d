"""What the real nnU-Net does in ``training.py tumours``: plan, train for so many seconds, predict.

Run by the python that has nnunetv2; the folders come from nnU-Net's own environment variables.
"""

import json
import os
import sys
import time
from pathlib import Path

PATCH, WIDTHS = [64, 64, 64], [16, 32, 64, 128]
"""A patch and widths that a processor can train with; all else is as nnU-Net plans it."""
PREPROCESSED = "nnUNet_preprocessed"
FIRST_RATE, POWER = 0.01, 0.9
"""nnU-Net's own learning rate and its polynomial fall."""


def plan(dataset: str) -> str:
    """Plan and preprocess."""
    from nnunetv2.experiment_planning.plan_and_preprocess_api import (
        extract_fingerprints,
        plan_experiments,
        preprocess,
    )

    number = int(dataset[7:10])
    extract_fingerprints([number], num_processes=1, check_dataset_integrity=True, clean=False)
    name = plan_experiments([number]) or "nnUNetPlans"
    path = Path(os.environ[PREPROCESSED]) / dataset / f"{name}.json"
    plans = json.loads(path.read_text())
    full = plans["configurations"]["3d_fullres"]
    full["patch_size"] = PATCH
    levels = len(WIDTHS)
    arguments = full["architecture"]["arch_kwargs"] | {"n_stages": levels, "features_per_stage": WIDTHS}
    for key in ("kernel_sizes", "strides", "n_conv_per_stage"):
        arguments[key] = arguments[key][:levels]
    arguments["n_conv_per_stage_decoder"] = arguments["n_conv_per_stage_decoder"][: levels - 1]
    full["architecture"]["arch_kwargs"] = arguments
    path.write_text(json.dumps(plans, indent=1))
    preprocess([number], plans_identifier=name, configurations=("3d_fullres",), num_processes=(1,))
    return name


def train(dataset: str, plans_name: str, seconds: float) -> dict[str, object]:
    """Take nnU-Net's own training steps on all cases until the time is over; its rate falls with time."""
    import torch
    from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

    home = Path(os.environ[PREPROCESSED]) / dataset
    plans = json.loads((home / f"{plans_name}.json").read_text())
    plans["continue_training"] = False
    about = json.loads((home / "dataset.json").read_text())
    trainer = nnUNetTrainer(plans, "3d_fullres", "all", about, torch.device("cpu"))
    trainer.on_train_start()
    trainer.network.train()
    losses = []
    began, used = time.perf_counter(), time.process_time()
    while (share := (time.perf_counter() - began) / seconds) < 1:
        for group in trainer.optimizer.param_groups:
            group["lr"] = FIRST_RATE * (1 - share) ** POWER
        losses.append(float(trainer.train_step(next(trainer.dataloader_train))["loss"]))
    spent = {
        "minutes": (time.perf_counter() - began) / 60,
        "processor_minutes": (time.process_time() - used) / 60,
    }
    trainer.save_checkpoint(str(Path(trainer.output_folder) / "checkpoint_final.pth"))
    folder = str(Path(trainer.output_folder).parent)
    return {"folder": folder, "steps": len(losses), "loss": sum(losses[-20:]) / len(losses[-20:]), **spent}


def predict(model: Path, images: list[Path], results: list[Path]) -> dict[str, float]:
    """Predict each image (its channels next to each other) without mirroring."""
    import torch
    from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    predictor = nnUNetPredictor(use_mirroring=False, device=torch.device("cpu"), allow_tqdm=False)
    predictor.initialize_from_trained_model_folder(str(model), ("all",), "checkpoint_final.pth")
    began = time.perf_counter()
    for image, result in zip(images, results, strict=True):
        channels = sorted(str(path) for path in image.parent.glob(f"{image.name}_0*.nii.gz"))
        array, properties = SimpleITKIO().read_images(channels)
        labels = predictor.predict_single_npy_array(array, properties, None, None, False)
        SimpleITKIO().write_seg(labels, str(result), properties)
    return {"seconds_a_case": (time.perf_counter() - began) / len(images)}


def main() -> None:
    """Do one of the steps and print its answer as the last line, in JSON."""
    if len(sys.argv) < 2:
        print("Run by benchmarks/training.py tumours.")
        return
    import torch

    torch.set_num_threads(1)
    step, *rest = sys.argv[1:]
    answer: object
    if step == "plan":
        answer = plan(rest[0])
    elif step == "train":
        answer = train(rest[0], rest[1], float(rest[2]))
    else:
        paths = [Path(path) for path in rest[1:]]
        half = len(paths) // 2
        answer = predict(Path(rest[0]), paths[:half], paths[half:])
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
