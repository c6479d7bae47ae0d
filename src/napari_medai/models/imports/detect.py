"""Which importer a folder or file is for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from napari_medai.core.errors import ModelError
from napari_medai.models.imports.bundle import import_bundle, is_bundle
from napari_medai.models.imports.nnunet import import_nnunet, is_nnunet
from napari_medai.models.imports.tensors import read_tensors
from napari_medai.models.imports.words import Words
from napari_medai.models.model import Model
from napari_medai.models.spec import read_spec
from napari_medai.models.weights import fill_network


def import_folder(folder: Path, words: Words, folds: Sequence[str] = ()) -> Model:
    """Turn another program's folder into a model.

    Parameters
    ----------
    folder : pathlib.Path
        Of nnU-Net v2, or a MONAI bundle.
    words : Words
        Name, version, licence and citation, where the folder does not say them.
    folds : sequence of str
        Of an nnU-Net: which folds.

    Raises
    ------
    ModelError
        If it is neither, or cannot be carried over.
    """
    if is_nnunet(folder):
        return import_nnunet(folder, words, folds=folds)
    if is_bundle(folder):
        return import_bundle(folder, words)
    raise ModelError(
        f"{folder} is of no known kind.",
        hint="Known: a folder that nnU-Net v2 trained (plans.json, dataset.json, fold_0), a MONAI bundle "
        "(configs/metadata.json, models/model.pt), and model folders (model.json).",
    )


def import_weights(path: Path, spec: Path) -> Model:
    """Turn a file of weights into a model, by a description of yours.

    Parameters
    ----------
    path : pathlib.Path
        A ``state_dict`` as ``.pt``, ``.pth`` or ``.safetensors``; its names those of the network here, or
        of MONAI's, which are the same.
    spec : pathlib.Path
        A ``model.json``.

    Raises
    ------
    ModelError
        If the weights are not those of the network described.
    """
    described = read_spec(spec)
    network = fill_network(described, read_tensors(path), str(path))
    card = f"# {described.name}\n\nMade from a file of weights; no figures came with it.\n"
    return Model(described, network, card)
