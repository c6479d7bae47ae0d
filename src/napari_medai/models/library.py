"""The models at hand: added, removed, packed to travel, brought in from elsewhere."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from napari_medai.core.errors import ModelError
from napari_medai.core.progress import Progress, silent
from napari_medai.models.download import downloaded, is_url
from napari_medai.models.folder import SPEC, save_folder
from napari_medai.models.imports.detect import import_folder, import_weights
from napari_medai.models.imports.words import Words
from napari_medai.models.model import Model
from napari_medai.models.package import copied_folder, pack_folder, unpacked_folder
from napari_medai.models.store import SHIPPED, load_model, model_folders, own_folder


def add_model(source: str | Path, *, sha256: str = "", progress: Progress = silent) -> Model:
    """Add a model to your own: from a folder, a zip file, or an address on the net.

    Parameters
    ----------
    source : str or path
        A model folder, a zip file that :func:`export_model` wrote, or the address of one.
    sha256 : str
        The file's checksum; needed for an address.
    progress : Progress
        Hears the download and the unpacking.

    Returns
    -------
    Model
        As loaded from its new place.

    Raises
    ------
    ModelError
        If it is no sound model, the checksum is wrong, or there is one of its name already.
    """
    if is_url(str(source)):
        with downloaded(str(source), sha256, progress) as file:
            return add_model(file, progress=progress)
    path = Path(source)
    if path.is_dir():
        return load_model(copied_folder(path, own_folder()))
    if not path.is_file():
        raise ModelError(f"There is no model folder or file {path}.")
    with unpacked_folder(path, sha256, progress) as folder:
        return load_model(copied_folder(folder, own_folder()))


def remove_model(name: str) -> None:
    """Remove one of your own models for good.

    Parameters
    ----------
    name : str
        A model that lies in your own folder.

    Raises
    ------
    ModelError
        If there is none of the name, it ships with this package, or lies in a shared folder.
    """
    folder = model_folders().get(name)
    if folder is None:
        raise ModelError(f"There is no model {name!r}; known: {', '.join(model_folders())}.")
    if folder.parent != own_folder():
        whose = "ships with napari-medai" if folder.parent == SHIPPED else f"lies in {folder.parent}"
        raise ModelError(f"The model {name} {whose}; only models of your own are removed.")
    if folder.is_symlink():
        folder.unlink()
    else:
        shutil.rmtree(folder)


def export_model(name: str, path: str | Path, *, progress: Progress = silent) -> str:
    """Pack a model into one zip file, with its checksum beside.

    Parameters
    ----------
    name : str
        A model's name, or the path of its folder.
    path : str or path
        The zip file to make.
    progress : Progress
        Hears each file.

    Returns
    -------
    str
        The file's SHA-256.

    Raises
    ------
    ModelError
        If there is no such model, or the file exists.
    """
    folder = model_folders().get(name, Path(name))
    return pack_folder(folder, Path(path), progress)


def import_model(
    source: str | Path,
    *,
    words: Words | None = None,
    spec: str | Path | None = None,
    folds: Sequence[str] = (),
    sha256: str = "",
    progress: Progress = silent,
) -> Model:
    """Bring in what another program trained, as a model of your own; nothing in it is executed.

    Parameters
    ----------
    source : str or path
        A folder that nnU-Net v2 trained, a MONAI bundle, a zip file of either, or a file of weights; a
        model folder or its zip file is added as it is.
    words : Words, optional
        Name, version, licence and citation, where the source does not say them.
    spec : str or path, optional
        For a file of weights: a ``model.json`` that describes them.
    folds : sequence of str
        Of an nnU-Net: which folds; all of them by default.
    sha256 : str
        The file's checksum.
    progress : Progress
        Hears the unpacking.

    Returns
    -------
    Model
        As loaded from its new place.

    Raises
    ------
    ModelError
        If it cannot be carried over, with the reason.
    """
    path = Path(source)
    if spec is not None:
        return _kept(import_weights(path, Path(spec)))
    if path.is_file():
        with unpacked_folder(path, sha256, progress) as folder:
            return import_model(folder, words=words, folds=folds)
    if (path / SPEC).is_file():
        return add_model(path)
    return _kept(import_folder(path, words or Words(), folds))


def _kept(model: Model) -> Model:
    return save_folder(model, own_folder() / model.spec.name)
