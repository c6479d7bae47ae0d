"""A learned start: each pair of brain slices by a network that has seen the eight other people alone.

Run ``python benchmarks/registration_learned.py [steps]``. The slices are in ``registration/brain_slices`` of
the folder that NAPARI_MEDAI_DATA names. Training takes a few CPU minutes a pair.
"""

from __future__ import annotations

import sys
import tempfile
import time
from functools import partial

import numpy as np
from registration import brain_slice, dice, folder, ours, slice_pair

from napari_medai.train.deforming import predict_deformation
from napari_medai.train.registration import train_registration


def main() -> None:
    """Train, predict and refine for each pair."""
    if not (folder() / "brain_slices").is_dir():
        print("No slices: set NAPARI_MEDAI_DATA to the folder that holds registration/brain_slices.")
        return
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else 1500
    rows: dict[str, list[float]] = {}
    for one in range(1, 10, 2):
        for name, value in learned(one, steps).items():
            rows.setdefault(name, []).append(value)
        print(f"pair {one}-{one + 1}: " + ", ".join(f"{k} {v[-1]:.4f}" for k, v in rows.items()), flush=True)
    print("mean: " + ", ".join(f"{name} {np.mean(values):.4f}" for name, values in rows.items()))


def learned(one: int, steps: int) -> dict[str, float]:
    """Mean overlap of the labels of a pair, and the CPU seconds of training and of one look."""
    others = [brain_slice(n)[0] for n in range(1, 11) if n not in (one, one + 1)]
    fixed, here, moving, there, numbers = slice_pair(one)
    with tempfile.TemporaryDirectory() as box:
        clock = time.process_time()
        done = train_registration(others, steps=steps, device="cpu", folder=box)
        trained = time.process_time() - clock
        clock = time.process_time()
        model = f"{box}/{done.model.partition('@')[0]}"
        guess = predict_deformation(fixed, moving, model=model, device="cpu")
        looked = time.process_time() - clock
    score = partial(dice, here, there, numbers)
    found = {"affine": score(ours(transform="affine")(fixed, moving)), "network": score(guess)}
    for effort in ("fast", "standard"):
        found[effort] = score(ours(preset="slices", effort=effort)(fixed, moving))
        found[f"network, then {effort}"] = score(
            ours(preset="slices", effort=effort, start=guess)(fixed, moving)
        )
    return found | {"training CPU s": trained, "one look CPU s": looked}


if __name__ == "__main__":
    main()
