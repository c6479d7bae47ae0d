"""A model as a folder on disk: read as data only, written whole or not at all."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from napari_medai.core.device import require_torch
from napari_medai.core.errors import ModelError
from napari_medai.models.case import read_case, write_case
from napari_medai.models.intensity import check_recipe
from napari_medai.models.model import Model
from napari_medai.models.plain_text import without_commands
from napari_medai.models.spec import ModelSpec, read_spec

SPEC, WEIGHTS, CARD, CHECK = "model.json", "weights.safetensors", "README.md", "check"
PREVIOUS = "previous"
"""Holds the folder of a cascade's first stage."""
PICKLES = {".bin", ".ckpt", ".dill", ".joblib", ".npy", ".npz", ".pickle", ".pkl", ".pt", ".pth"}
MAX_CARD_BYTES = 1_000_000
MAX_FILES = 1000
MAX_FILE_BYTES = 8_000_000_000


def load_folder(folder: str | Path) -> Model:
    """Load a model folder; nothing in it is executed.

    Parameters
    ----------
    folder : path
        Holds ``model.json``, ``weights.safetensors``, ``README.md`` and ``check/``.

    Raises
    ------
    ModelError
        If anything in the folder is missing, damaged, unknown, a pickle, or leads outside.
    """
    require_torch()
    from napari_medai.models.weights import read_weights

    folder = Path(folder)
    spec = read_spec(_inside(folder, SPEC))
    _refuse_strangers(folder)
    check_recipe(spec)
    networks = []
    for name in weight_files(spec):
        weights = _inside(folder, name)
        if not weights.is_file():
            raise ModelError(f"{weights} is missing.", hint="Get the model folder again.")
        networks.append(read_weights(spec, weights))
    text = read_card(folder)
    case = read_case(_inside(folder, CHECK), spec)
    previous = _first_stage(spec, _inside(folder, PREVIOUS))
    return Model(spec, networks[0], text, case, folder_digest(folder), tuple(networks[1:]), previous)


def read_card(folder: Path) -> str:
    """Return the beginning of a model folder's card, without characters that command a terminal."""
    card = _inside(folder, CARD)
    if not card.is_file():
        return ""
    with card.open("rb") as file:
        return without_commands(file.read(MAX_CARD_BYTES).decode("utf-8", "replace"))


def _first_stage(spec: ModelSpec, folder: Path) -> Model | None:
    """Load the model whose labels go into another one."""
    if not spec.previous:
        return None
    if read_spec(folder / SPEC).previous:
        raise ModelError(f"{folder} has a first stage too; a cascade has two.")
    first = load_folder(folder)
    if first.spec.outputs.labels[1:] != spec.previous:
        found = ", ".join(first.spec.outputs.labels[1:])
        raise ModelError(f"{folder} finds {found}; model.json needs {', '.join(spec.previous)}.")
    return first


def own_files(folder: Path, spec: ModelSpec) -> list[Path]:
    """Return the paths, within the folder, of all files that make a model; strangers are none of them."""
    names = [SPEC, *weight_files(spec), CARD]
    files = [Path(name) for name in names if (folder / name).is_file()]
    files += sorted(p.relative_to(folder) for p in (folder / CHECK).glob("*") if p.is_file())
    if spec.previous:
        first = folder / PREVIOUS
        files += [Path(PREVIOUS) / path for path in own_files(first, read_spec(first / SPEC))]
    return files


def weight_files(spec: ModelSpec) -> list[str]:
    """Return the name of each member's file: ``weights.safetensors``, ``weights-1.safetensors``, ..."""
    return [WEIGHTS, *(f"weights-{k}.safetensors" for k in range(1, spec.members))]


def save_folder(model: Model, folder: str | Path, *, half: bool = False) -> Model:
    """Write a model as a new folder: beside its place first, then renamed.

    Parameters
    ----------
    model : Model
        What to write.
    folder : path
        Must not exist yet.
    half : bool
        Store the weights with 16 bits.

    Returns
    -------
    Model
        The model as loaded back from the folder, with its hash.

    Raises
    ------
    ModelError
        If the folder exists or a weight is not finite; nothing is left behind.
    """
    from napari_medai.models.weights import write_weights

    folder = Path(folder)
    if folder.exists():
        raise ModelError(f"{folder} exists already.", hint="Choose a new name, or remove that model first.")
    if len(model.networks) != model.spec.members:
        found = len(model.networks)
        raise ModelError(f"The description has {model.spec.members} members, the model {found}.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        (beside / SPEC).write_text(model.spec.to_json(), encoding="utf-8")
        (beside / CARD).write_text(model.card, encoding="utf-8")
        for name, network in zip(weight_files(model.spec), model.networks, strict=True):
            write_weights(network, beside / name, half)
        if model.case is not None:
            write_case(model.case, beside / CHECK)
        if model.previous is not None:
            save_folder(model.previous, beside / PREVIOUS, half=half)
        saved = load_folder(beside)
        _make_readable(beside)
        beside.rename(folder)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    return replace(saved, card=model.card)


def folder_digest(folder: Path) -> str:
    """Return ``sha256:`` over description and weights; card and check may change without it."""
    hasher = hashlib.sha256()
    further = sorted(folder.glob("weights-*.safetensors"), key=lambda path: (len(path.name), path.name))
    for path in (folder / SPEC, folder / WEIGHTS, *further):
        hasher.update(f"{path.name} {path.stat().st_size}\n".encode())
        with path.open("rb") as file:
            while block := file.read(2**20):
                hasher.update(block)
    if (folder / PREVIOUS / SPEC).is_file():
        hasher.update(folder_digest(folder / PREVIOUS).encode())
    return f"sha256:{hasher.hexdigest()}"


def _inside(folder: Path, name: str) -> Path:
    """Return ``folder/name`` once it is sure not to lead elsewhere."""
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ModelError(
            f"{path} leads outside the model folder, to {path.resolve()}.", hint="Do not use this model."
        )
    return path


def _make_readable(folder: Path) -> None:
    """Give back the usual rights, which temporary folders and safetensors withhold from others."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)


def _refuse_strangers(folder: Path) -> None:
    count = 0
    for root, folders, files in os.walk(folder):  # does not follow links
        for name in (*folders, *files):
            path = _inside(folder, str((Path(root) / name).relative_to(folder)))
            if path.suffix.lower() in PICKLES:
                raise ModelError(
                    f"{path} is of a kind that can run a stranger's code when opened.",
                    hint="A model folder holds safetensors, JSON and text only; it was not opened.",
                )
            if path.is_file() and path.stat().st_size > MAX_FILE_BYTES:
                raise ModelError(f"{path} is larger than {MAX_FILE_BYTES / 1e9:.0f} GB; it was not opened.")
            count += 1
        if count > MAX_FILES:
            raise ModelError(f"{folder} holds more than {MAX_FILES} files; a model folder holds five.")
