"""A network's weights to and from safetensors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from napari_medai.core.errors import ModelError
from napari_medai.models.networks import build_network
from napari_medai.models.networks.undrawn import undrawn
from napari_medai.models.spec import ModelSpec

if TYPE_CHECKING:
    import torch


def named_tensors(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Return each parameter and buffer once, by name, however often the network refers to it."""
    return {**dict(network.named_parameters()), **dict(network.named_buffers())}


def write_weights(network: torch.nn.Module, path: Path, half: bool = False) -> None:
    """Write weights as safetensors.

    Parameters
    ----------
    network : torch.nn.Module
        The network.
    path : pathlib.Path
        The file to make.
    half : bool
        Store floating-point weights with 16 bits; they come back as float32.
    """
    import torch
    from safetensors.torch import save_file

    tensors = {
        name: (t.half() if half and t.dtype.is_floating_point else t).detach().cpu().contiguous().clone()
        for name, t in named_tensors(network).items()
    }
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise ModelError(f"The weight {name} holds NaN or infinity; nothing was written.")
    save_file(tensors, path)


def read_weights(spec: ModelSpec, path: Path) -> torch.nn.Module:
    """Build the network a specification asks for, and fill in its weights from a safetensors file.

    Parameters
    ----------
    spec : ModelSpec
        The description.
    path : pathlib.Path
        The file; only read as data.

    Returns
    -------
    torch.nn.Module
        On the CPU, in evaluation mode, its parameters frozen.

    Raises
    ------
    ModelError
        If the file is truncated or no safetensors, or a weight is missing, unknown, of another
        shape, or not finite.
    """
    stored = _read_tensors(path, _plan(spec))
    return _filled(spec, stored, path)


def fill_network(spec: ModelSpec, tensors: Mapping[str, torch.Tensor], where: str) -> torch.nn.Module:
    """Build the network a specification asks for, and fill in its weights.

    Parameters
    ----------
    spec : ModelSpec
        The description.
    tensors : mapping
        Each parameter and buffer by name.
    where : str
        What error messages call them.

    Returns
    -------
    torch.nn.Module
        On the CPU, in evaluation mode, its parameters frozen.

    Raises
    ------
    ModelError
        If a weight is missing, unknown, of another shape, or not finite.
    """
    _compare(_plan(spec), {name: tuple(t.shape) for name, t in tensors.items()}, where)
    _check_finite(tensors, where)
    return _filled(spec, tensors, where)


def _plan(spec: ModelSpec) -> dict[str, tuple[int, ...]]:
    """Return every weight's shape; nothing is allocated, whatever a false description asks for."""
    import torch

    with torch.device("meta"), undrawn():
        return {name: tuple(t.shape) for name, t in named_tensors(build_network(spec)).items()}


def _filled(spec: ModelSpec, tensors: Mapping[str, torch.Tensor], where: Path | str) -> torch.nn.Module:
    import torch

    with torch.random.fork_rng(devices=[]):  # fresh weights are drawn; leave the caller's generator alone
        network = build_network(spec)
    with torch.no_grad():
        for name, tensor in named_tensors(network).items():
            tensor.copy_(tensors[name])
    _check_finite(named_tensors(network), where)  # numbers of 64 bits may be too large for 32
    return network.eval().requires_grad_(False)


def _read_tensors(path: Path, plan: dict[str, tuple[int, ...]]) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            found = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
            _compare(plan, found, path)
            tensors = {name: file.get_tensor(name) for name in plan}
    except (SafetensorError, OSError) as error:
        raise ModelError(
            f"{path} cannot be read as safetensors: {error}.",
            hint="The file is truncated or of another kind (a pickle?); get the model folder again.",
        ) from error
    _check_finite(tensors, path)
    return tensors


def _compare(plan: dict[str, tuple[int, ...]], found: dict[str, tuple[int, ...]], path: Path | str) -> None:
    faults = [f"{name} is missing" for name in plan if name not in found]
    faults += [f"{name} is unknown" for name in found if name not in plan]
    faults += [
        f"{name} has shape {found[name]}, needed {shape}"
        for name, shape in plan.items()
        if name in found and found[name] != shape
    ]
    if faults:
        more = f" and {len(faults) - 3} more" if len(faults) > 3 else ""
        raise ModelError(
            f"{path} does not fit the network in model.json: {'; '.join(faults[:3])}{more}.",
            hint="Weights and description come from different models; get the folder again.",
        )


def _check_finite(tensors: Mapping[str, torch.Tensor], path: Path | str) -> None:
    import torch

    for name, tensor in tensors.items():
        _require_numbers(name, tensor, path)
        if not torch.isfinite(tensor).all():
            raise ModelError(
                f"{path}: the weight {name} holds NaN or infinity.",
                hint="The training failed; use another model.",
            )


def _require_numbers(name: str, tensor: torch.Tensor, path: Path | str) -> None:
    """Refuse a tensor that is no plain array of numbers of 16 to 64 bits."""
    import torch

    known = (torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.int32, torch.int64)
    plain = tensor.layout == torch.strided and tensor.device.type == "cpu"
    if plain and tensor.dtype in known:
        return
    kind = str(tensor.dtype if plain else tensor.layout if tensor.device.type == "cpu" else tensor.device)
    raise ModelError(
        f"{path}: the weight {name} is of the kind {kind.removeprefix('torch.')}; needed plain numbers of "
        "16, 32 or 64 bits.",
        hint="Ask its makers for weights in float32.",
    )
