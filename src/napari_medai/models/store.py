"""Where models are found by name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, TypeAlias

from pydantic import AfterValidator

from napari_medai.core.errors import ModelError
from napari_medai.core.settings import VARIABLES, settings
from napari_medai.models.folder import SPEC, load_folder
from napari_medai.models.model import Model
from napari_medai.models.spec import ModelSpec, read_spec

SHIPPED = Path(__file__).parent / "shipped"


def model_folders() -> Mapping[str, Path]:
    """Return every known model's folder by name; a user's model goes before a shipped one of its name.

    Notes
    -----
    Shipped models lie inside the package; users' own where :func:`own_folder` says; those of a group in
    the further folders that the setting ``models`` names. One's own go first, then the folders in order.
    """
    places = [SHIPPED, *reversed(_named_folders()[1:]), own_folder()]
    return {
        path.name: path
        for place in places
        if place.is_dir()
        for path in sorted(place.iterdir())
        if (path / SPEC).is_file() and not path.name.startswith(".")
    }


def own_folder() -> Path:
    """Return the folder of one's own models.

    The first folder of the setting ``models``, which the environment variable ``NAPARI_MEDAI_MODELS`` or
    the viewer's preferences name; further ones, shared with others, follow it after a ``:`` (``;`` on
    Windows). Without the setting: ``.napari-medai/models`` in the home folder.
    """
    named = _named_folders()
    return named[0] if named else Path.home() / ".napari-medai" / "models"


def _named_folders() -> list[Path]:
    return [Path(text) for text in settings().models.split(os.pathsep) if text.strip()]


def list_models() -> dict[str, ModelSpec]:
    """Return the description of every known model by name; no weights are read.

    Raises
    ------
    ModelError
        If a description is damaged.
    """
    return {name: read_spec(path / SPEC) for name, path in model_folders().items()}


def load_model(model: str | Path) -> Model:
    """Load a model by name, by a history's reference, or from its folder.

    Parameters
    ----------
    model : str or path
        A name (``"vessels-2d"``), a reference (``"vessels-2d@1.0.0#0123456789abcdef"``, whose
        version and hash must match), or the path of a model folder.

    Returns
    -------
    Model
        Ready to run.

    Raises
    ------
    ModelError
        If no such model is known, it is another version, or its folder is damaged.
    """
    text = str(model)
    name, _, mark = text.partition("@")
    folders = model_folders()
    if name in folders:
        return _as_referred(load_folder(folders[name]), text, mark)
    if Path(model).is_dir():
        return load_folder(model)
    raise ModelError(
        f"There is no model {text!r}; known: {', '.join(folders) or 'none'}.",
        hint="Give a name, or the path of a model folder; "
        f"{VARIABLES['models']} names a folder of your own models.",
    )


def as_model(model: str | Path | Model) -> Model:
    """Return a loaded model as it is, and load any other."""
    return model if isinstance(model, Model) else load_model(model)


ModelArgument: TypeAlias = Annotated[str | Path | Model, AfterValidator(as_model)]
"""An operation's parameter that takes a name, a folder or a loaded model; histories hold its reference."""


def _as_referred(model: Model, text: str, mark: str) -> Model:
    version, _, digest = mark.partition("#")
    same_version = not version or version == model.spec.version
    if same_version and model.digest.removeprefix("sha256:").startswith(digest):
        return model
    raise ModelError(
        f"Found model {model.reference}; needed {text}.",
        hint="The result was made with another version of that model; get that one to repeat it.",
    )
