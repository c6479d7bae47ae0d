"""The state of a training in one safetensors file, written beside its place and renamed."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_medai.core.errors import ReadError, WriteError

if TYPE_CHECKING:
    import torch

KEY = "napari_medai"


@dataclass(frozen=True)
class State:
    """Tensors by name, and plain values that JSON can hold."""

    tensors: Mapping[str, torch.Tensor]
    values: Mapping[str, Any] = field(default_factory=dict)

    def under(self, prefix: str) -> dict[str, torch.Tensor]:
        """Return the tensors whose names begin with ``prefix/``, without it."""
        start = f"{prefix}/"
        return {name.removeprefix(start): t for name, t in self.tensors.items() if name.startswith(start)}


def write_state(state: State, path: Path) -> None:
    """Write a state; the file that was there stays whole until the new one is complete.

    Raises
    ------
    WriteError
        If the disk is full or the folder cannot be written; the earlier file is untouched.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    tensors = {name: t.detach().cpu().contiguous().clone() for name, t in state.tensors.items()}
    beside = path.with_name(f".{path.name}.part")
    try:
        save_file(tensors, beside, {KEY: json.dumps(dict(state.values))})
        with beside.open("rb+") as file:
            os.fsync(file.fileno())
        beside.replace(path)
    except (OSError, SafetensorError) as error:
        beside.unlink(missing_ok=True)
        raise WriteError(
            f"The checkpoint {path.name} could not be written: {error}.",
            hint="The one before it is whole. Make room on the disk, then resume the training.",
        ) from error


def read_state(path: Path) -> State:
    """Read what :func:`write_state` wrote; nothing in it is executed.

    Raises
    ------
    ReadError
        If there is no such file or it is damaged.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return State(tensors, json.loads(metadata[KEY]))
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise ReadError(
            f"{path} cannot be read as a checkpoint: {error}.", hint="Begin the training anew."
        ) from error


def pack_optimizer(optimizer: torch.optim.Optimizer) -> State:
    """Return an optimiser's memory as tensors and values; its rates and groups are settings, not memory."""
    import torch

    tensors: dict[str, torch.Tensor] = {}
    values: dict[str, Any] = {}
    for number, memory in optimizer.state_dict()["state"].items():
        for name, value in memory.items():
            place: dict[str, Any] = tensors if isinstance(value, torch.Tensor) else values
            place[f"{number}/{name}"] = value
    return State(tensors, values)


def unpack_optimizer(optimizer: torch.optim.Optimizer, state: State) -> None:
    """Give an optimiser the memory that :func:`pack_optimizer` took."""
    memory: dict[int, dict[str, Any]] = {}
    for key, value in [*state.tensors.items(), *state.values.items()]:
        number, _, name = key.partition("/")
        memory.setdefault(int(number), {})[name] = value
    optimizer.load_state_dict({"state": memory, "param_groups": optimizer.state_dict()["param_groups"]})
