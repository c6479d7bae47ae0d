"""A folder that nnU-Net v2 trained, as a model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_medai.core.errors import ModelError
from napari_medai.models.imports.checkpoint import read_checkpoint, state_of
from napari_medai.models.imports.nnunet_plans import configuration_of, describe, network_arguments
from napari_medai.models.imports.words import Words
from napari_medai.models.model import Model
from napari_medai.models.plain_json import read_entries
from napari_medai.models.weights import fill_network

if TYPE_CHECKING:
    import torch

PLANS, DATASET, CHECKPOINT = "plans.json", "dataset.json", "checkpoint_final.pth"
MAX_JSON_BYTES = 50_000_000
CITATION = "Isensee et al. 2021, nnU-Net, doi 10.1038/s41592-020-01008-z"

_NAMES = (
    (r"encoder\.stem\.convs\.(\d+)\.(conv|norm)\.(\w+)", r"stem.\1.{part}.\3"),
    (r"encoder\.stages\.(\d+)\.0\.convs\.(\d+)\.(conv|norm)\.(\w+)", r"down.\1.\2.{part}.\4"),
    (r"encoder\.stages\.(\d+)\.blocks\.(\d+)\.conv1\.(conv|norm)\.(\w+)", r"down.\1.\2.first.{part}.\4"),
    (r"encoder\.stages\.(\d+)\.blocks\.(\d+)\.conv2\.(conv|norm)\.(\w+)", r"down.\1.\2.second.{part}.\4"),
    (
        r"encoder\.stages\.(\d+)\.blocks\.(\d+)\.skip\.(\d)\.(conv|norm)\.(\w+)",
        r"down.\1.\2.skip.\3.{part}.\5",
    ),
    (r"decoder\.transpconvs\.(\d+)\.(\w+)", r"raised.\1.\2"),
    (r"decoder\.stages\.(\d+)\.convs\.(\d+)\.(conv|norm)\.(\w+)", r"joined.\1.\2.{part}.\4"),
)
"""From a weight's name there to its name in our network; a convolution is part 0, its normalisation 1."""


def is_nnunet(folder: Path) -> bool:
    """Say whether a folder looks like one that nnU-Net trained."""
    return (folder / PLANS).is_file() and (folder / DATASET).is_file()


def import_nnunet(
    folder: Path, words: Words, *, folds: Sequence[str] = (), checkpoint: str = CHECKPOINT
) -> Model:
    """Turn a folder that nnU-Net v2 trained into a model; nothing in it is executed.

    Parameters
    ----------
    folder : pathlib.Path
        Holds ``plans.json``, ``dataset.json`` and ``fold_*``. Of a cascade, the folder of the second stage;
        that of the first one lies beside it.
    words : Words
        What the folder does not say: name, version, licence, citation.
    folds : sequence of str
        Which folds become members of the ensemble, such as ``("0", "all")``; by default every number.
    checkpoint : str
        The name of the weights in each fold.

    Returns
    -------
    Model
        One network a fold.

    Raises
    ------
    ModelError
        If something is missing or cannot be carried over, each with its reason.
    """
    plans, about = (read_entries(folder / name, MAX_JSON_BYTES) for name in (PLANS, DATASET))
    files = [folder / f"fold_{fold}" / checkpoint for fold in folds or _folds(folder, checkpoint)]
    if not files:
        raise ModelError(f"{folder} has no fold with {checkpoint}.", hint="Finish the training first.")
    contents = [read_checkpoint(path) for path in files]
    facts = contents[0]
    configuration = configuration_of(plans, _configuration_name(folder, facts))
    axes = facts.get("inference_allowed_mirroring_axes") or ()
    said = words.filled(str(plans.get("dataset_name", folder.name)), str(about.get("licence", "")), CITATION)
    try:
        spec = describe(plans, about, configuration, axes, len(files), **said)
    except (KeyError, TypeError, IndexError, ValueError) as error:
        raise ModelError(f"{folder / PLANS} lacks or misstates an entry: {error}.") from error
    previous = None
    if configuration.get("previous_stage"):
        first = _first_stage(folder, str(configuration["previous_stage"]))
        previous = import_nnunet(first, replace(words, name=f"{spec.name[:57]}-first"), checkpoint=checkpoint)
    levels = len(network_arguments(configuration)["widths"])
    networks = []
    for path, content in zip(files, contents, strict=True):
        state = translated(state_of(content, path, ("network_weights",)), levels)
        networks.append(fill_network(spec, state, str(path)))
    card = _card(spec.name, about, len(files))
    return Model(spec, networks[0], card, others=tuple(networks[1:]), previous=previous)


def _first_stage(folder: Path, configuration: str) -> Path:
    """Return the folder of a cascade's first stage, which lies beside that of the second."""
    place = folder.resolve()
    if not re.fullmatch(r"\w+", configuration) or place.name.endswith(f"__{configuration}"):
        raise ModelError(f"{place.name}: {configuration!r} is not the name of another configuration.")
    first = place.with_name(f"{place.name.rpartition('__')[0]}__{configuration}")
    if not is_nnunet(first):
        raise ModelError(
            f"{place.name} is the second stage of a cascade, and the first one, {first.name}, does not lie "
            "beside it.",
            hint="Put both folders into one, as nnU-Net writes them.",
        )
    return first


def translated(state: dict[str, torch.Tensor], levels: int) -> dict[str, torch.Tensor]:
    """Give nnU-Net's weights the names they have in our network; those of deep supervision are left.

    Parameters
    ----------
    state : dict
        nnU-Net's weights by name.
    levels : int
        Levels of the network, whose last head is the one that predicts.
    """
    names = {}
    for name, tensor in state.items():
        if ".all_modules." in name or name.startswith("decoder.encoder."):
            continue  # the same weights under a second name
        if name.startswith("decoder.seg_layers."):
            _, _, number, part = name.split(".")
            if int(number) == levels - 2:
                names[f"head.{part}"] = tensor
            continue
        names[_our_name(name)] = tensor
    return names


def _our_name(name: str) -> str:
    for pattern, ours in _NAMES:
        match = re.fullmatch(pattern, name)
        if match:
            part = "0" if "conv" in match.groups() else "1"
            return match.expand(ours.replace("{part}", part))
    return name


def _folds(folder: Path, checkpoint: str) -> list[str]:
    numbers = sorted(
        p.name.removeprefix("fold_") for p in folder.glob("fold_*") if (p / checkpoint).is_file()
    )
    return [n for n in numbers if n.isdecimal()] or numbers


def _configuration_name(folder: Path, facts: Any) -> str:
    said = facts.get("init_args", {}).get("configuration") if isinstance(facts, dict) else None
    return str(said or folder.resolve().name.rpartition("__")[2])


def _card(name: str, about: dict[str, Any], folds: int) -> str:
    labels = ", ".join(str(label) for label in about.get("labels", {}))
    channels = ", ".join(str(c) for c in about.get("channel_names", about.get("modality", {})).values())
    said = str(about.get("description", "")).strip()
    return (
        f"# {name}\n\n{said}\n\nTrained by nnU-Net v2 on {about.get('numTraining', 'unknown')} cases; "
        f"{folds} fold(s).\n\n- **Expects:** {channels}\n- **Finds:** {labels}\n\n"
        "No figures came with it: check it on cases of your own.\n"
    )
