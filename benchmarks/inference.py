"""Models on volumes: time, memory and labels beside MONAI's sliding window, in the same run.

Run ``python benchmarks/inference.py [speed] [brain] [window] [cascade] [memory] [restore] [cancel] [gpu]``;
all by default.

speed
    240 x 240 x 155, 2 channels, 5 classes, 96^3 windows, overlap 0.5. Targets: 3 times MONAI's default
    without OpenVINO, 5 times with it; scores in full precision equal to 1e-4 relative. NAPARI_MEDAI_SHAPE
    sets another shape, "96,96,144"; the shape of the network is nnU-Net's usual one.
brain
    The same network and targets on a real brain of the data folder (NAPARI_MEDAI_DATA), 240 x 240 x 155 with
    zeros around it, by ``segment_image`` as ``balanced`` runs: prepared, windows where the image is more than
    one value, labels. MONAI labels the whole grid of the same windows.
window
    The least of NAPARI_MEDAI_ROUNDS times of one window by each setting, for a machine on which others work.
cascade
    Validation patients of the data folder (NAPARI_MEDAI_DATA) by the models that ``tumour_model.py`` trained,
    in the folders NAPARI_MEDAI_TUMOUR and NAPARI_MEDAI_COARSE. Targets: 10 times, Dice loss below 0.01.
memory
    25 classes on 320^3 in a process of its own each. Targets: 0.35 of MONAI's peak, 1.1 of its time.
    NAPARI_MEDAI_SIDE sets another side.
restore
    Scores of 25 classes at 160 x 133 x 134 to labels at 512 x 512 x 321. Targets: 25 s, 2 GB.
cancel
    Cancel while windows are predicted. Targets: 2 s, memory as before.
gpu
    Against MONAI under autocast. Target 1.5 times. Says so where there is no GPU.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from napari_medai.core.errors import Cancelled
from napari_medai.core.geometry import Geometry
from napari_medai.core.image import MedicalImage
from napari_medai.core.progress import Step
from napari_medai.core.settings import VARIABLES
from napari_medai.models.blend import Box
from napari_medai.models.engine import How
from napari_medai.models.forward import Setting, UnavailableError
from napari_medai.models.infer import Plan, run_windows, tiled_scores
from napari_medai.models.model import Model
from napari_medai.models.opened import opened, release_networks
from napari_medai.models.pipeline import segment_image
from napari_medai.models.restore import labels_on_grid
from napari_medai.models.runtime import prediction_only
from napari_medai.models.sinks import LabelSink
from napari_medai.models.spec import ModelSpec
from napari_medai.models.store import load_model
from napari_medai.models.windows import window_grid

TILE = (96, 96, 96)


def main() -> None:
    """Run the cases named on the command line."""
    cases: dict[str, Any] = {
        "speed": speed, "brain": brain, "window": window, "cascade": cascade, "memory": memory,
        "restore": restore, "cancel": cancel, "gpu": gpu, "one": one,
    }  # fmt: skip
    names = sys.argv[1:2] if sys.argv[1:2] == ["one"] else sys.argv[1:]
    print(f"threads {torch.get_num_threads()}, load {os.getloadavg()[0]:.1f}", flush=True)
    for name in names or [n for n in cases if n != "one"]:
        cases[name]()


def speed() -> None:
    """Print the times of MONAI's default and of every setting, on the same windows."""
    shape = [int(n) for n in os.environ.get("NAPARI_MEDAI_SHAPE", "155,240,240").split(",")]
    volume = np.random.default_rng(0).normal(size=(2, *shape)).astype(np.float32)
    network = dynunet(2, 5, (32, 64, 128, 256, 320))
    grid = window_grid(volume.shape[1:], TILE, 0.5)
    theirs, spent = by_monai(network, volume)
    print(f"speed, {volume.shape}, {len(grid)} windows: MONAI {spent}", flush=True)
    usual = "scores torch-bf16-channels_last compiled-bf16-channels_last openvino-fp32 openvino-bf16"
    expected = theirs.argmax(axis=0)
    for name in os.environ.get("NAPARI_MEDAI_SETTINGS", usual).split():
        if name == "scores":
            watch = Watch()
            ours = tiled_scores(network, volume, TILE)
            took = watch.spent()
            apart = float(np.abs(ours - theirs).max() / np.abs(theirs).max())
            print(f"  scores, torch-fp32: {took.beside(spent)}; apart {apart:.1e} of the largest", flush=True)
            continue
        try:
            first, took, labels = by_us(network, volume, Setting.parse(name))
        except UnavailableError as error:
            print(f"  {name}: {error}")
            continue
        same = float(np.mean(labels == expected))
        print(f"  labels, {name}: {took.beside(spent)}; opened in {first.wall:.1f} s;", end=" ")
        print(f"{same:.4%} equal (random weights), load {os.getloadavg()[0]:.1f}", flush=True)


def brain() -> None:
    """Print the times of MONAI's default and of ``balanced`` with every setting, on a patient's brain."""
    if "NAPARI_MEDAI_DATA" not in os.environ:
        print("brain: not measured, set NAPARI_MEDAI_DATA")
        return
    from tumour_model import case, patients

    channels, truth = case(patients("validation")[0])
    network = dynunet(2, 5, (32, 64, 128, 256, 320))
    _, spent = by_monai(network, channels)
    share = (channels != channels[:, :1, :1, :1]).any(axis=0).mean()
    print(f"brain, {channels.shape}, {share:.0%} of it brain: MONAI {spent}", flush=True)
    model = Model(ModelSpec.model_validate(nnunet_like()), network)
    image = MedicalImage(channels, "czyx", Geometry.from_spacing(truth.shape, (1, 1, 1)))
    usual = "torch-fp32 torch-bf16-channels_last compiled-bf16-channels_last openvino-fp32 openvino-bf16"
    for name in os.environ.get("NAPARI_MEDAI_SETTINGS", usual).split():
        with pinned(name):
            try:
                segment_image(model, image, how=How(quality="balanced"))  # opens the network
            except UnavailableError as error:
                print(f"  {name}: {error}")
                continue
            watch = Watch()
            segment_image(model, image, how=How(quality="balanced"))
            print(f"  {name}: {watch.spent().beside(spent)}", flush=True)
        release_networks()


@contextmanager
def pinned(name: str) -> Iterator[None]:
    """Ask for one way of running networks by the environment, as a user can."""
    before = os.environ.get(VARIABLES["engine"])
    os.environ[VARIABLES["engine"]] = name
    try:
        yield
    finally:
        del os.environ[VARIABLES["engine"]]
        os.environ.update({} if before is None else {VARIABLES["engine"]: before})


def nnunet_like() -> dict[str, Any]:
    """Return the content of ``model.json`` for ``dynunet(2, 5, ...)``; weights are given beside."""
    widths = [32, 64, 128, 256, 320]
    return {
        "schema": "napari-medai/model/1", "name": "timed", "version": "1.0.0", "licence": "BSD-3-Clause",
        "citation": "none", "task": "segmentation", "channels": ["FLAIR", "T1c"],
        "network": {"name": "dynunet", "arguments": {
            "widths": widths, "strides": [1, 2, 2, 2, 2], "norm": "instance"}},
        "tile": list(TILE), "outputs": {"labels": ["background", "a", "b", "c", "d"]},
    }  # fmt: skip


def window() -> None:
    """Print the least time of one window by each setting, taken in turn: what a quiet machine would give."""
    network = dynunet(2, 5, (32, 64, 128, 256, 320))
    place = torch.device("cpu")
    given = torch.randn(1, 2, *TILE, generator=torch.Generator().manual_seed(0))
    usual = "torch-bf16-channels_last compiled-bf16-channels_last openvino-fp32 openvino-bf16"
    names = os.environ.get("NAPARI_MEDAI_SETTINGS", usual).split()
    rounds = int(os.environ.get("NAPARI_MEDAI_ROUNDS", "5"))
    with prediction_only():
        ways: dict[str, Any] = {"MONAI": network}
        ways |= {name: opened(network, Setting.parse(name), given.shape, place) for name in names}
        least = dict.fromkeys(ways, Spent(float("inf"), float("inf")))
        for _ in range(rounds):
            for name, way in ways.items():
                watch = Watch()
                way(given)
                took = watch.spent()
                least[name] = Spent(min(took.wall, least[name].wall), min(took.cpu, least[name].cpu))
    for name, took in least.items():
        print(f"window, {name}: {took.beside(least['MONAI'])}", flush=True)


@dataclass(frozen=True)
class Spent:
    """Seconds on the clock, and of the processor: the latter say more where others work too."""

    wall: float
    cpu: float

    def __str__(self) -> str:
        return f"{self.wall:.1f} s, CPU {self.cpu:.1f} s"

    def beside(self, other: Spent) -> str:
        """Say how many times as fast this is as another."""
        return f"{self}: {other.wall / self.wall:.2f} times, CPU {other.cpu / self.cpu:.2f} times"


class Watch:
    """Runs from when it is made."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def spent(self) -> Spent:
        """Return the time since it was made."""
        return Spent(time.perf_counter() - self._wall, time.process_time() - self._cpu)


def cascade() -> None:
    """Print Dice and time on real patients: MONAI's default, then each quality, then with a finder."""
    data, folder = os.environ.get("NAPARI_MEDAI_DATA"), os.environ.get("NAPARI_MEDAI_TUMOUR")
    if not data or not folder:
        print("cascade: not measured, set NAPARI_MEDAI_DATA and NAPARI_MEDAI_TUMOUR")
        return
    from tumour_model import case, patients

    model = load_model(folder)
    finder = load_model(os.environ["NAPARI_MEDAI_COARSE"]) if "NAPARI_MEDAI_COARSE" in os.environ else None
    for path in patients("validation"):
        channels, truth = case(path)
        image = MedicalImage(channels, "czyx", Geometry.from_spacing(truth.shape, (1, 1, 1)))
        scores, spent = by_monai(model.network, channels)
        base = dice(scores.argmax(0), truth)
        print(f"cascade, {truth.shape}: MONAI {spent}, Dice of the whole tumour {base:.4f}", flush=True)
        ways = [("exact", None), ("balanced", None), ("fast", None), ("balanced", finder), ("fast", finder)]
        for quality, first in ways[: 5 if finder else 3]:
            how = How(quality=quality)  # type: ignore[arg-type]
            segment_image(model, image, how=how, finder=first)  # opens networks, measures what is fastest
            watch = Watch()
            labels = segment_image(model, image, how=how, finder=first)
            took = watch.spent()
            found = dice(np.asarray(labels.array), truth)
            name = quality + (" with finder" if first else "")
            print(f"  {name}: {took.beside(spent)}, Dice {found:.4f} ({found - base:+.4f});", end=" ")
            same = float(np.mean(labels.array == scores.argmax(0)))
            print(f"{same:.3%} equal; {labels.meta.get('engine', '')}", flush=True)


def memory() -> None:
    """Print peak memory and time of MONAI and of us, each in its own process."""
    found = {}
    for who in ("monai", "ours"):
        command = [sys.executable, __file__, "one", who]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        peak, wall, cpu = (float(word) for word in text.split()[-3:])
        found[who] = peak, Spent(wall, cpu)
        print(f"memory, 25 classes, {side()}^3: {who} {peak:.2f} GB, {found[who][1]}", flush=True)
    (theirs, spent), (ours, took) = found["monai"], found["ours"]
    print(f"  {ours / theirs:.2f} of MONAI's peak; its time {took.beside(spent)}", flush=True)


def one() -> None:
    """Label one large volume, by MONAI or by us, and print peak memory (GB) and seconds."""
    volume = np.random.default_rng(0).normal(size=(1, *[side()] * 3)).astype(np.float32)
    network = dynunet(1, 25, (8, 16, 32))
    if sys.argv[2] == "monai":
        watch = Watch()
        scores, _ = by_monai(network, volume)
        labels = scores.argmax(axis=0).astype(np.uint8)
        took = watch.spent()
    else:
        _, took, labels = by_us(network, volume, Setting(), warm=False)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(labels.max(), peak, took.wall, took.cpu)


def restore() -> None:
    """Print time and memory of bringing scores of organs, and of noise, to a fine grid."""
    shape, fine = (160, 133, 134), (512, 512, 321)
    source = Geometry.from_spacing(shape, tuple(b / a for a, b in zip(shape, fine, strict=True)))
    target = Geometry.from_spacing(fine, (1, 1, 1))
    for name, scores in (("organs", organs(shape)), ("noise", noise(shape))):
        before = resident()
        with Peak() as peak:
            start = time.perf_counter()
            labels = labels_on_grid(scores, source, target)
            took = time.perf_counter() - start
        print(f"restore, {name}: {took:.1f} s, {peak.most - before:.2f} GB more, ", end="")
        print(f"{len(np.unique(labels))} labels, {labels.dtype}", flush=True)


def cancel() -> None:
    """Print how long a cancel takes in the middle of windows, by every runtime, and what memory is held."""
    network = dynunet(2, 5, (32, 64, 128, 256, 320))
    volume = np.random.default_rng(0).normal(size=(2, 155, 240, 240)).astype(np.float32)
    names = os.environ.get("NAPARI_MEDAI_SETTINGS", "torch-fp32 torch-bf16 openvino-fp32 onnx-fp32")
    for name in names.split():
        waits, more = [], 0.0
        for delay in (0.3, 1.1, 1.9, 2.7):  # anywhere within a window
            waited, more = _cancelled(network, volume, Setting.parse(name), delay)
            waits.append(waited)
        print(f"cancel, {name}: after {max(waits):.2f} s at most; memory {more:+.2f} GB", flush=True)


def _cancelled(network: Any, volume: np.ndarray, setting: Setting, delay: float) -> tuple[float, float]:
    """Return the seconds from a cancel to the end of the work, and the memory that is held more."""
    grid = window_grid(volume.shape[1:], TILE, 0.5)
    place = torch.device("cpu")
    asked: list[float] = []

    def progress(_: Step) -> None:
        if asked and time.perf_counter() > asked[0]:
            raise Cancelled

    with prediction_only():
        forward = opened(network, setting, (1, len(volume), *TILE), place)
        forward(torch.zeros((1, len(volume), *TILE)))
        before = resident()
        threading.Timer(delay, lambda: asked.append(time.perf_counter())).start()
        try:
            run_windows(forward, volume, grid, Plan(1), place, lambda *_: None, progress=progress)
        except Cancelled:
            return time.perf_counter() - asked[0], resident() - before
    raise SystemExit("the work ended before it was cancelled")


def gpu() -> None:
    """Print the time beside MONAI's under autocast."""
    if not torch.cuda.is_available():
        print("gpu: not measured, there is none")
        return
    volume = np.random.default_rng(0).normal(size=(2, 155, 240, 240)).astype(np.float32)
    network = dynunet(2, 5, (32, 64, 128, 256, 320))
    for _ in range(2):
        with torch.autocast("cuda", torch.float16):
            _, spent = by_monai(network.cuda(), volume, "cuda")
    for name in ("torch-fp16", "torch-fp16-channels_last", "compiled-fp16"):
        _, took, _ = by_us(network.cpu(), volume, Setting.parse(name), device="cuda")
        print(f"gpu, {name}: MONAI {spent}, {took.beside(spent)}")


def by_monai(network: Any, volume: np.ndarray, device: str = "cpu") -> tuple[np.ndarray, Spent]:
    """Return MONAI's scores and its time."""
    from monai.inferers import sliding_window_inference

    with torch.inference_mode():
        watch = Watch()
        given = torch.from_numpy(volume)[None].to(device)
        scores = sliding_window_inference(
            given, TILE, 1, network, overlap=0.5, mode="gaussian", padding_mode="reflect"
        )
        found = scores[0].float().cpu().numpy()
    return found, watch.spent()


def by_us(
    network: Any, volume: np.ndarray, setting: Setting, *, warm: bool = True, device: str = "cpu"
) -> tuple[Spent, Spent, np.ndarray]:
    """Return the time to open a network, that to label a volume, and the labels."""
    place = torch.device(device)
    grid = window_grid(volume.shape[1:], TILE, 0.5)
    with prediction_only():
        watch = Watch()
        forward = opened(network, setting, (1, len(volume), *TILE), place)
        if warm:
            forward(torch.zeros((1, len(volume), *TILE), device=place))
        opening = watch.spent()
        watch = Watch()
        sink: LabelSink | None = None

        def put(brick: torch.Tensor, box: Box) -> None:
            nonlocal sink
            sink = sink or LabelSink(len(brick), grid.shape)
            sink.put(brick, box)

        run_windows(forward, volume, grid, Plan(1), place, put)
        took = watch.spent()
    release_networks()
    assert sink is not None
    return opening, took, sink.labels


def dynunet(inputs: int, classes: int, widths: tuple[int, ...]) -> Any:
    """Return a network of nnU-Net's layout with random weights."""
    from monai.networks.nets import DynUNet

    torch.manual_seed(0)
    strides = [1] + [2] * (len(widths) - 1)
    return DynUNet(
        3, inputs, classes, kernel_size=[3] * len(widths), strides=strides, upsample_kernel_size=strides[1:],
        filters=widths, norm_name="instance",
    ).eval().requires_grad_(False)  # fmt: skip


def organs(shape: tuple[int, ...]) -> np.ndarray:
    """Return scores of 24 balls and a background, a little noise on them."""
    rng = np.random.default_rng(0)
    grid = np.indices(shape).astype(np.float32)
    scores = rng.normal(scale=0.3, size=(25, *shape)).astype(np.float32)
    for k in range(1, 25):
        centre, radius = rng.uniform(0.15, 0.85, 3) * shape, rng.uniform(8, 22)
        distance = np.sqrt(((grid - centre[:, None, None, None].astype(np.float32)) ** 2).sum(axis=0))
        scores[k] += (radius - distance).clip(-12, 12)
    return scores


def noise(shape: tuple[int, ...]) -> np.ndarray:
    """Return scores in which every class is everywhere: nothing can be left out."""
    return np.random.default_rng(0).normal(size=(25, *shape)).astype(np.float32)


def dice(found: np.ndarray, truth: np.ndarray) -> float:
    """Return the Dice of everything above 0."""
    return 2 * float(((found > 0) & (truth > 0)).sum()) / float((found > 0).sum() + (truth > 0).sum())


def side() -> int:
    """Return the side of the cube for the memory case."""
    return int(os.environ.get("NAPARI_MEDAI_SIDE", "320"))


def resident() -> float:
    """Return the resident memory in GB."""
    fields = Path("/proc/self/statm").read_text().split()
    return int(fields[1]) * resource.getpagesize() / 2**30


class Peak:
    """Watches resident memory, in GB, while it is entered."""

    most = 0.0

    def __enter__(self) -> Peak:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.02):
            self.most = max(self.most, resident())


if __name__ == "__main__":
    main()
