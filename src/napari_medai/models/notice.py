"""Licence and citation of a model, said once before its first use."""

from __future__ import annotations

from pathlib import Path

from napari_medai.models.card import terms
from napari_medai.models.folder import SPEC
from napari_medai.models.spec import read_spec
from napari_medai.models.store import SHIPPED, model_folders, own_folder

SEEN = ".seen-models"


def first_notice(model: str) -> str:
    """Return what to say before the first use of a model here; an empty text ever after.

    Parameters
    ----------
    model : str
        A model's name, or the path of its folder. Nothing is said of those that ship with the package,
        whose terms its documentation lists.

    Returns
    -------
    str
        Name, licence and citation. That it was said is kept in a small file in the folder of one's own
        models; where that cannot be written it is said each time.
    """
    folder = model_folders().get(model.partition("@")[0], Path(model))
    if folder.parent == SHIPPED or not (folder / SPEC).is_file():
        return ""
    spec = read_spec(folder / SPEC)
    key = f"{spec.name}@{spec.version}"
    path = own_folder() / SEEN
    if path.is_file() and key in path.read_text(encoding="utf-8").split("\n"):
        return ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{key}\n")
    except OSError:
        pass  # a folder for reading only: the notice comes again
    return f"First use of {key}.\n{terms(spec)}"
