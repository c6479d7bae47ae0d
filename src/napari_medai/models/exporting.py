"""How a network is written for each other program, and run there to compare."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.errors import ModelError
from napari_medai.models.intel import as_openvino, compiled_for_cpu

Floats = NDArray[np.float32]
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Exporter:
    """One other program.

    Parameters
    ----------
    packages : tuple of str
        What must be installed.
    write : callable
        From network, path without ending and input shape to the file written.
    run : callable
        From that file and an input to the scores.
    """

    packages: tuple[str, ...]
    write: Callable[[Any, Path, Shape], Path]
    run: Callable[[Path, Floats], Floats]

    def require(self) -> None:
        """Raise an error that names what is not installed."""
        missing = [name for name in self.packages if find_spec(name) is None]
        if missing:
            raise ModelError(
                f"{' and '.join(missing)} is not installed.", hint=f"Run: pip install {' '.join(missing)}"
            )


def _traced(network: Any, shape: Shape) -> Any:
    import torch

    trace: Any = torch.jit.trace
    with warnings.catch_warnings(), torch.inference_mode(False), torch.no_grad():
        _hush_tracer()
        return trace(network, torch.zeros(shape), check_trace=False)


def _hush_tracer() -> None:
    """Tracing warns of sizes it takes as fixed, which they are: the window's; and of its own old age."""
    from torch.jit._trace import TracerWarning

    warnings.filterwarnings("ignore", category=TracerWarning)
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    warnings.filterwarnings("ignore", category=FutureWarning)


def _write_torchscript(network: Any, stem: Path, shape: Shape) -> Path:
    path = stem.with_suffix(".torchscript")
    with warnings.catch_warnings():
        _hush_tracer()
        _traced(network, shape).save(str(path))
    return path


def _run_torchscript(path: Path, volume: Floats) -> Floats:
    import torch

    with warnings.catch_warnings(), torch.inference_mode():
        _hush_tracer()
        load: Any = torch.jit.load
        scores: Floats = load(str(path))(torch.from_numpy(volume)).numpy()
        return scores


def _write_onnx(network: Any, stem: Path, shape: Shape) -> Path:
    import torch

    path = stem.with_suffix(".onnx")
    names: dict[str, Any] = {
        "input_names": ["image"],
        "output_names": ["scores"],
        "dynamic_axes": {"image": {0: "batch"}, "scores": {0: "batch"}},
    }
    with warnings.catch_warnings(), torch.inference_mode(False), torch.no_grad():
        _hush_tracer()
        warnings.filterwarnings("ignore", category=UserWarning, module=r"torch\.onnx")
        torch.onnx.export(network, (torch.zeros(shape),), str(path), dynamo=False, **names)
    return path


def _run_onnx(path: Path, volume: Floats) -> Floats:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(["scores"], {"image": volume})[0], dtype=np.float32)


def _write_openvino(network: Any, stem: Path, shape: Shape) -> Path:
    import openvino
    import torch

    path = stem.with_suffix(".xml")
    with warnings.catch_warnings(), torch.inference_mode(False), torch.no_grad():
        _hush_tracer()
        graph = as_openvino(network, (-1, *shape[1:]))
    openvino.save_model(graph, str(path), compress_to_fp16=False)
    return path


def _run_openvino(path: Path, volume: Floats) -> Floats:
    compiled = compiled_for_cpu(str(path), {"INFERENCE_PRECISION_HINT": "f32"})
    return np.asarray(compiled(volume)[0], dtype=np.float32)


EXPORTERS = {
    "torchscript": Exporter(("torch",), _write_torchscript, _run_torchscript),
    "onnx": Exporter(("onnx", "onnxruntime"), _write_onnx, _run_onnx),
    "openvino": Exporter(("openvino",), _write_openvino, _run_openvino),
}
"""Every other program a model can be written for."""
