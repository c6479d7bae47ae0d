"""Weights by name from a file of any safe kind."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from napari_medai.core.errors import ModelError
from napari_medai.models.imports.checkpoint import read_checkpoint, state_of

if TYPE_CHECKING:
    import torch


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """Read weights by name.

    Parameters
    ----------
    path : pathlib.Path
        Safetensors, or what ``torch.save`` wrote of a state_dict.

    Raises
    ------
    ModelError
        If the file is missing or damaged, is a program (TorchScript), or needs code to be opened.
    """
    if not path.is_file():
        raise ModelError(f"{path} is missing.")
    if path.suffix == ".safetensors":
        return _from_safetensors(path)
    if is_program(path):
        raise ModelError(
            f"{path} is a program (TorchScript), not weights alone.",
            hint="Ask for the state_dict the program was made from.",
        )
    return dict(state_of(read_checkpoint(path), path))


def is_program(path: Path) -> bool:
    """Say whether a file is TorchScript: a zip file with code in it."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any("/code/" in name or name.endswith("/constants.pkl") for name in archive.namelist())


def _from_safetensors(path: Path) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return dict(load_file(path))
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path} cannot be read as safetensors: {error}.") from error
