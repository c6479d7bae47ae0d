"""A torch checkpoint read as tensors and plain values, nothing else."""

from __future__ import annotations

import _codecs
import pickle
import warnings
import zipfile
from pathlib import Path
from typing import Any

from napari_medai.core.device import require_torch
from napari_medai.core.errors import ModelError

MAX_BYTES = 8_000_000_000
"""What a checkpoint may hold, unpacked."""
PREFIXES = ("_orig_mod.", "module.")
"""What torch puts before every weight of a compiled or a distributed network."""


def read_checkpoint(path: Path) -> Any:
    """Read a ``.pth`` or ``.pt`` file without running anything in it.

    Parameters
    ----------
    path : pathlib.Path
        Written by ``torch.save``.

    Returns
    -------
    Any
        Dictionaries, lists, numbers, texts and tensors on the CPU.

    Raises
    ------
    ModelError
        If it is missing, damaged, packed beyond measure, or needs code to be opened.
    """
    require_torch()
    import torch

    if not path.is_file():
        raise ModelError(f"{path} is missing.", hint="Choose the folder that training wrote.")
    _check_size(path)
    try:
        with torch.serialization.safe_globals(_numbers()), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Detected pickle protocol")  # what matters is what it holds
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ModelError(
            f"{path} holds more than weights and numbers, so it was not opened: {_first_line(error)}",
            hint="Save the network's state_dict alone, or ask its makers for safetensors.",
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise ModelError(
            f"{path} cannot be read as a torch checkpoint: {_first_line(error)}", hint="Get the file again."
        ) from error


def state_of(
    content: Any, path: Path, keys: tuple[str, ...] = ("state_dict", "model", "network_weights")
) -> Any:
    """Find a network's tensors by name in what a checkpoint holds.

    Parameters
    ----------
    content : Any
        What :func:`read_checkpoint` gave.
    path : pathlib.Path
        What error messages call it.
    keys : tuple of str
        Under which name the tensors may lie.

    Returns
    -------
    dict
        From names, without what torch puts before them, to tensors.
    """
    import torch

    for key in keys:
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    tensors = {k: v for k, v in content.items() if torch.is_tensor(v)} if isinstance(content, dict) else {}
    if not tensors:
        raise ModelError(
            f"{path} holds no weights by name.", hint="Needed: a state_dict, or a dictionary that has one."
        )
    return {_bare(str(name)): tensor for name, tensor in tensors.items()}


def _bare(name: str) -> str:
    for prefix in PREFIXES:
        name = name.removeprefix(prefix)
    return name


def _numbers() -> list[Any]:
    """What numpy's numbers are made of in a pickle; trainers keep their scores so."""
    import numpy as np
    from numpy._core.multiarray import scalar

    kinds = [type(np.dtype(name)) for name in ("f4", "f8", "i4", "i8", "b1")]
    names = ("numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar")
    return [*((scalar, name) for name in names), np.dtype, *kinds, _codecs.encode]


def _check_size(path: Path) -> None:
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
    packed = any(entry.compress_type != zipfile.ZIP_STORED for entry in entries)
    if packed or sum(entry.file_size for entry in entries) > MAX_BYTES:
        raise ModelError(f"{path} is packed as torch packs nothing, so it was not opened.")


def _first_line(error: BaseException) -> str:
    text = str(error).strip().split("\n")[0] or type(error).__name__
    return text if len(text) < 300 else text[:297] + "..."
