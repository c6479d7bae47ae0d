"""The fastest way to run a network on this machine that still gives the same labels, found by a probe."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.errors import ModelError
from napari_medai.core.settings import settings
from napari_medai.models.choice_store import recall, remember
from napari_medai.models.forward import EXACT, Forward, Setting, UnavailableError, has_compiler
from napari_medai.models.opened import opened

if TYPE_CHECKING:
    import torch

LEAST_AGREEMENT = 0.995
"""Share of a check case's voxels that must get the label they get in full precision."""
LEAST_DICE = 0.998
"""Mean Dice with the labels of full precision: a change below 0.002."""
WORTH_S = 5.0
"""A shorter run is not worth a probe."""
COMPILE_S = 60.0
"""What torch.compile may cost on a processor; it is tried where it can save more."""
GAIN = 0.9
"""A faster setting must take less than this share of the slower one's time."""

WAYS = 2
"""Grows when settings run otherwise than before: what was measured then no longer counts."""

Labels = Callable[[Forward], NDArray[Any]]
"""Labels of the model's check case by an opened network; none without one."""


@dataclass
class Choice:
    """A setting, and why.

    Parameters
    ----------
    setting : Setting
        What to run.
    seconds : dict
        Measured time of one batch of windows by setting.
    reason : str
        One sentence for a person.
    """

    setting: Setting
    seconds: dict[str, float] = field(default_factory=dict)
    reason: str = ""


def choose_setting(
    network: torch.nn.Module,
    identity: str,
    shape: Sequence[int],
    place: torch.device,
    batches: int,
    labels: Labels | None,
) -> Choice:
    """Choose how to run a network.

    Parameters
    ----------
    network : torch.nn.Module
        On the CPU.
    identity : str
        The model's hash; what was measured is remembered by it. Empty: nothing is remembered.
    shape : sequence of int
        Of a batch of windows.
    place : torch.device
        Where they lie.
    batches : int
        How many the run has.
    labels : callable, optional
        Labels of the model's check case by an opened network. Without it no lower precision is chosen.

    Raises
    ------
    UnavailableError
        If the setting ``engine`` asks for what cannot run here.
    """
    pinned = settings().engine
    if pinned != "auto":
        setting = Setting.parse(pinned)
        opened(network, setting, shape, place)
        return Choice(setting, reason=f"The settings ask for {setting}.")
    key = _key(identity, shape, place)
    known = recall(key) if identity else None
    if known is not None:
        return _checked(network, Setting.parse(known), shape, place)
    seconds = {str(EXACT): _seconds(opened(network, EXACT, shape, place), shape, place)}
    left = batches * seconds[str(EXACT)]
    if left < WORTH_S:
        return Choice(EXACT, seconds, "The run is too short for a probe.")
    for setting in _candidates(place, left):
        try:
            forward = opened(network, setting, shape, place)
            seconds[str(setting)] = _seconds(forward, shape, place)
        except (UnavailableError, NotImplementedError):
            continue
    choice = _fastest_that_agrees(network, seconds, shape, place, labels)
    if identity:
        remember(key, str(choice.setting), choice.seconds)
    return choice


def agreement(found: NDArray[Any], expected: NDArray[Any]) -> tuple[float, float]:
    """Return the share of equal labels, and the mean Dice of the labels that are there."""
    equal = float(np.mean(found == expected))
    dice = []
    for label in np.unique(expected):
        ours, theirs = found == label, expected == label
        dice.append(2 * float((ours & theirs).sum()) / float(ours.sum() + theirs.sum()))
    return equal, float(np.mean(dice))


def _fastest_that_agrees(
    network: Any, seconds: dict[str, float], shape: Sequence[int], place: torch.device, labels: Labels | None
) -> Choice:
    """Go from the fastest setting to slower ones until one gives the labels of full precision."""
    expected = labels(opened(network, EXACT, shape, place)) if labels else None
    refused = []
    for name in sorted(seconds, key=lambda n: seconds[n]):
        setting = Setting.parse(name)
        if setting == EXACT or seconds[name] > GAIN * seconds[str(EXACT)]:
            break
        if labels is None or expected is None:
            if setting.precision == "fp32" and setting.layout == "plain":
                return Choice(
                    setting, seconds, f"Ran {name}; the model has no check case for less precision."
                )
            continue
        equal, dice = agreement(labels(opened(network, setting, shape, place)), expected)
        if equal >= LEAST_AGREEMENT and dice >= LEAST_DICE:
            said = f"{equal:.2%} of the check case's labels equal, Dice {dice:.4f}"
            return Choice(setting, seconds, f"Ran {name}: {said}.")
        refused.append(f"{name} ({equal:.2%}, Dice {dice:.4f})")
    why = f" Faster but not equal enough on the check case: {', '.join(refused)}." if refused else ""
    return Choice(EXACT, seconds, f"Ran {EXACT}.{why}")


def _candidates(place: torch.device, left: float) -> list[Setting]:
    if place.type == "cpu":
        settings_ = [
            Setting("openvino", "fp32"),
            Setting("openvino", "bf16"),
            Setting("onnx", "fp32"),
            Setting("torch", "bf16"),
            Setting("torch", "bf16", "channels_last"),
            Setting("torch", "fp32", "channels_last"),
        ]
        if left > 3 * COMPILE_S and has_compiler():
            settings_ += [Setting("compiled", "bf16", "channels_last"), Setting("compiled", "fp32")]
        return settings_
    kinds: tuple[Any, ...] = ("bf16", "fp16") if place.type == "cuda" else ("fp16",)
    plain = [Setting("torch", kind, layout) for kind in kinds for layout in ("plain", "channels_last")]
    return plain + ([Setting("compiled", "fp16")] if place.type == "cuda" and left > COMPILE_S else [])


def _checked(network: Any, setting: Setting, shape: Sequence[int], place: torch.device) -> Choice:
    """Open what was chosen before, or fall back with a message where it no longer runs."""
    try:
        opened(network, setting, shape, place)
    except UnavailableError as error:
        return Choice(EXACT, reason=f"{setting} no longer runs here, went on with {EXACT}: {error.message}")
    return Choice(setting, reason=f"Ran {setting}, as measured before.")


def _seconds(forward: Forward, shape: Sequence[int], place: torch.device, repeats: int = 2) -> float:
    """Return the least time of a batch, after one that warms up."""
    import torch

    windows = torch.randn(tuple(shape), generator=torch.Generator().manual_seed(0)).to(place)
    best = float("inf")
    for k in range(repeats + 1):
        start = time.perf_counter()
        scores = forward(windows)
        if place.type != "cpu":
            scores.flatten()[0].item()  # waits for the device
        if not bool(torch.isfinite(scores).all()):
            raise UnavailableError("The scores are not finite.")
        best = min(best, time.perf_counter() - start) if k else best
    return best


def _key(identity: str, shape: Sequence[int], place: torch.device) -> str:
    import torch

    machine = (
        f"{platform.machine()}-{platform.processor()}-{torch.get_num_threads()}-torch{torch.__version__}"
    )
    name = torch.cuda.get_device_name(place) if place.type == "cuda" else str(place)
    return f"{identity}|{'x'.join(map(str, shape))}|{name}|{machine}|{WAYS}"


def require_segmentation(task: str, name: str) -> None:
    """Refuse a model that gives no labels."""
    if task != "segmentation":
        raise ModelError(f"Model {name} is for {task}; needed one that labels voxels.")
