"""OpenVINO: networks as its graphs, and the one core of the process that compiles them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from threading import Lock
from typing import Any

_ONE_AT_A_TIME = Lock()


def compiled_for_cpu(graph: Any, hints: Mapping[str, Any]) -> Any:
    """Compile a graph for the processor.

    Parameters
    ----------
    graph : openvino.Model or str
        The graph, or the path of its file.
    hints : mapping
        OpenVINO's properties.

    Returns
    -------
    openvino.CompiledModel
    """
    with _ONE_AT_A_TIME:
        return _core().compile_model(graph, "CPU", dict(hints))


@cache
def _core() -> Any:
    """Return the process's core, which is never let go.

    A core's processor plugin brings a stack for signal handlers, and puts back the one before when it goes.
    With two cores, the one that goes last puts back the first's, which is no more: the next signal, as
    Ctrl-C, then ends the process (OpenVINO 2026.4, ``SigAltStackSetup`` in its plugin).
    """
    import openvino

    return openvino.Core()


def as_openvino(network: Any, shape: tuple[int, ...]) -> Any:
    """Turn a network into OpenVINO's graph for inputs of one shape; -1 for any size.

    Notes
    -----
    The front end is called directly: ``openvino.convert_model`` does the same, but reports its use over the
    network unless somebody has forbidden it. It would also trace the network four more times to compare.
    """
    import warnings

    import torch
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracing speaks of shapes, which are fixed here
        example = torch.zeros([max(n, 1) for n in shape])
        traced = torch.jit.trace(network, example, strict=False, check_trace=False)  # type: ignore[no-untyped-call]
        decoder = TorchScriptPythonDecoder(traced, example_input=example)
        front_end = FrontEndManager().load_by_framework("pytorch")
        graph = front_end.convert(front_end.load(decoder))
    graph.reshape(list(shape))
    return graph
