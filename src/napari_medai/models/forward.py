"""A network opened for prediction by one runtime, with one precision and memory layout."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal, get_args

from napari_medai.core.errors import ArgumentError, MedAIError
from napari_medai.core.settings import settings
from napari_medai.models.flight import bounded
from napari_medai.models.intel import as_openvino, compiled_for_cpu
from napari_medai.models.joins import joins_merged
from napari_medai.models.listen import EVERY_S, Aside, between_layers, pause
from napari_medai.models.twins import channels_last_twin

if TYPE_CHECKING:
    import torch

Runtime = Literal["torch", "compiled", "openvino", "onnx"]
Precision = Literal["fp32", "bf16", "fp16"]
Layout = Literal["plain", "channels_last"]
Forward = Callable[["torch.Tensor"], "torch.Tensor"]
"""From windows (batch, channels, \\*tile) to scores (batch, classes, \\*tile), both float32, on one place."""


@dataclass(frozen=True)
class Setting:
    """How a network is run.

    Parameters
    ----------
    runtime : {"torch", "compiled", "openvino", "onnx"}
        PyTorch as it is, compiled by torch.compile, OpenVINO, or ONNX Runtime.
    precision : {"fp32", "bf16", "fp16"}
        Of the arithmetic; weights and results stay float32 outside.
    layout : {"plain", "channels_last"}
        Order of a tensor in memory; of PyTorch's runtimes alone.
    """

    runtime: Runtime = "torch"
    precision: Precision = "fp32"
    layout: Layout = "plain"

    def __str__(self) -> str:
        parts = [self.runtime, self.precision, *(["channels_last"] if self.layout != "plain" else [])]
        return "-".join(parts)

    @classmethod
    def parse(cls, text: str) -> Setting:
        """Read what ``str`` wrote: ``"openvino-bf16"``.

        Raises
        ------
        ArgumentError
            If a part is unknown.
        """
        runtime, _, rest = text.strip().partition("-")
        precision, _, layout = rest.partition("-")
        values = (runtime, precision or "fp32", layout or "plain")
        for value, known in zip(values, (Runtime, Precision, Layout), strict=True):
            if value not in get_args(known):
                raise ArgumentError(
                    f"{value!r} in {text!r} is unknown; known: {', '.join(get_args(known))}.",
                    hint='Write runtime-precision or runtime-precision-layout: "openvino-bf16".',
                )
        return cls(*values)  # type: ignore[arg-type]


EXACT = Setting()


class UnavailableError(MedAIError):
    """A runtime that is not installed, or cannot take this network."""


def open_forward(
    network: torch.nn.Module, setting: Setting, shape: Sequence[int], place: torch.device
) -> Forward:
    """Open a network.

    Parameters
    ----------
    network : torch.nn.Module
        On the CPU; it stays there, unchanged.
    setting : Setting
        How to run it.
    shape : sequence of int
        Of the windows it will get: (batch, channels, \\*tile).
    place : torch.device
        Where windows and results lie.

    Raises
    ------
    UnavailableError
        If the runtime is not installed, needs another device, or cannot take the network.
    """
    if setting.runtime in ("openvino", "onnx") and place.type != "cpu":
        raise UnavailableError(f"{setting.runtime} runs on the CPU here; the device is {place}.")
    if setting.runtime == "openvino":
        return _openvino(network, setting, tuple(shape))
    if setting.runtime == "onnx":
        return _onnx(network, setting, tuple(shape))
    by_torch = _compiled if setting.runtime == "compiled" else _torch
    forward = by_torch(network, setting, tuple(shape), place)
    return forward if place.type == "cpu" else bounded(forward, place)


def _torch(network: Any, setting: Setting, shape: tuple[int, ...], place: torch.device) -> Forward:
    import torch

    kind = _kind(setting)
    form = _memory_format(setting, len(shape))
    lent = network
    if setting.layout != "plain" and place.type == "cpu":
        lent = channels_last_twin(network, form)
    elif place.type != "cpu" or network.training:
        lent = copy.deepcopy(network).eval().to(place).to(memory_format=form)

    def forward(windows: torch.Tensor) -> torch.Tensor:
        with between_layers(lent), torch.autocast(place.type, kind, enabled=kind != torch.float32):
            scores: torch.Tensor = lent(windows.to(memory_format=form))
        return scores.float()

    return forward


def _compiled(network: Any, setting: Setting, shape: tuple[int, ...], place: torch.device) -> Forward:
    import torch

    if place.type == "cpu" and not has_compiler():
        raise UnavailableError("torch.compile needs a C++ compiler here; none was found.")
    kind = _kind(setting)
    form = _memory_format(setting, len(shape))
    simpler = joins_merged(network) if place.type == "cpu" else network
    lent: Any = copy.deepcopy(simpler).eval().to(place)
    lent = lent.to(memory_format=form)
    compiled: Any = torch.compile(lent, dynamic=False)
    aside = Aside()

    def predicted(windows: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode(), torch.autocast(place.type, kind, enabled=kind != torch.float32):
            scores: torch.Tensor = compiled(windows.to(memory_format=form))
        return scores.float()

    def forward(windows: torch.Tensor) -> torch.Tensor:
        return aside.do(lambda: predicted(windows))

    try:
        forward(torch.zeros(shape, device=place))
    except torch._dynamo.exc.TorchDynamoException as error:
        raise UnavailableError(f"torch.compile could not take the network: {_first_line(error)}") from error
    return forward


def _openvino(network: Any, setting: Setting, shape: tuple[int, ...]) -> Forward:
    if find_spec("openvino") is None:
        raise UnavailableError("OpenVINO is not installed.", hint="Run: pip install napari-medai[openvino]")
    if setting.precision == "fp16":
        raise UnavailableError("OpenVINO runs fp32 and bf16 on the CPU; found fp16.")
    import torch

    hints = {
        "INFERENCE_PRECISION_HINT": "bf16" if setting.precision == "bf16" else "f32",
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": settings().threads or torch.get_num_threads(),
    }
    try:
        compiled = compiled_for_cpu(as_openvino(joins_merged(network), shape), hints)
    except RuntimeError as error:
        raise UnavailableError(f"OpenVINO could not take the network: {_first_line(error)}") from error
    request = compiled.create_infer_request()

    def forward(windows: torch.Tensor) -> torch.Tensor:
        given = _filled(windows, shape[0]).numpy()  # lent to the request: it must live until that is done
        request.start_async([given], share_inputs=True)
        try:
            while not request.wait_for(round(1000 * EVERY_S)):
                pause()
        except BaseException:
            _cancelled(request)
            raise
        return torch.from_numpy(request.get_output_tensor(0).data[: len(windows)].copy())

    return forward


def _cancelled(request: Any) -> None:
    """Stop a request, and wait until it has let go of what it was lent."""
    request.cancel()
    with contextlib.suppress(RuntimeError):  # that it was cancelled
        request.wait()


def _onnx(network: Any, setting: Setting, shape: tuple[int, ...]) -> Forward:
    if find_spec("onnxruntime") is None or find_spec("onnx") is None:
        raise UnavailableError(
            "ONNX Runtime or onnx is not installed.", hint="Run: pip install onnx onnxruntime"
        )
    if setting.precision != "fp32":
        raise UnavailableError(f"ONNX Runtime runs fp32 here; found {setting.precision}.")
    import onnxruntime
    import torch

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = settings().threads or torch.get_num_threads()
    graph = _as_onnx(joins_merged(network), shape)
    try:
        session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except RuntimeError as error:
        raise UnavailableError(f"ONNX Runtime could not take it: {_first_line(error)}") from error

    aside = Aside()

    def forward(windows: torch.Tensor) -> torch.Tensor:
        given = {"windows": _filled(windows, shape[0]).numpy()}
        running = onnxruntime.RunOptions()
        (found,) = aside.do(
            lambda: session.run(None, given, running), lambda: setattr(running, "terminate", True)
        )
        return torch.from_numpy(found[: len(windows)])

    return forward


def _as_onnx(network: Any, shape: tuple[int, ...]) -> bytes:
    import tempfile
    import warnings
    from pathlib import Path

    import torch

    names = {"input_names": ["windows"], "output_names": ["scores"]}
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # the exporter speaks of its own plans; the result is compared
        path = Path(folder) / "network.onnx"
        torch.onnx.export(network, (torch.zeros(shape),), path, dynamo=False, **names)  # type: ignore[arg-type]
        return path.read_bytes()


def has_compiler() -> bool:
    """Whether torch.compile finds the C++ compiler that it needs on a CPU."""
    from shutil import which

    return any(which(name) for name in ("g++", "clang++", "cl"))


def _kind(setting: Setting) -> torch.dtype:
    import torch

    return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[setting.precision]


def _memory_format(setting: Setting, dimensions: int) -> torch.memory_format:
    import torch

    if setting.layout == "plain":
        return torch.contiguous_format
    return torch.channels_last if dimensions == 4 else torch.channels_last_3d


def _filled(windows: torch.Tensor, count: int) -> torch.Tensor:
    """Return windows filled up with zeros to the count a graph was made for."""
    import torch

    if len(windows) == count:
        return windows.contiguous()
    rest = torch.zeros((count - len(windows), *windows.shape[1:]))
    return torch.cat([windows, rest])


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:200]
