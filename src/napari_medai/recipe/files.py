"""Recipes as files: YAML, or JSON where the name says so."""

from __future__ import annotations

import json
from pathlib import Path

from napari_medai.core.errors import ArgumentError, ReadError, WriteError
from napari_medai.core.files import write_text
from napari_medai.recipe.recipe import Recipe

_MAX_BYTES = 2_000_000


def load(path: str | Path) -> Recipe:
    """Read a recipe file.

    Parameters
    ----------
    path : str or Path
        YAML or JSON.

    Raises
    ------
    ReadError
        If there is no such file or it is neither.
    ArgumentError
        If it does not say what a recipe says: the place, what was found and what was needed.
    """
    import yaml

    path = Path(path)
    if not path.is_file():
        raise ReadError(f"There is no recipe {path}.", hint="Check the spelling of the path.")
    if path.stat().st_size > _MAX_BYTES:
        raise ReadError(f"{path.name} is larger than a recipe can be ({_MAX_BYTES // 1_000_000} MB).")
    try:
        entry = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0]
        raise ReadError(f"{path.name} is neither YAML nor JSON: {reason}.") from error
    try:
        return Recipe.from_json(entry)
    except ArgumentError as error:
        raise ArgumentError(f"{path.name}: {error.message}", error.hint) from error


def save(recipe: Recipe, path: str | Path, *, overwrite: bool = False) -> Path:
    """Write a recipe file, all of it or nothing.

    Parameters
    ----------
    recipe : Recipe
        What to write.
    path : str or Path
        Ends in ``.yaml``, ``.yml`` or ``.json``.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    WriteError
        If the name ends otherwise, or the file exists.
    """
    path = Path(path)
    if path.suffix.lower() not in (".yaml", ".yml", ".json"):
        raise WriteError(f"Found the suffix {path.suffix!r} for a recipe.", hint="Use .yaml or .json.")
    if path.exists() and not overwrite:
        raise WriteError(f"{path} exists already.", hint="Choose another name.")
    write_text(path, as_text(recipe, json_format=path.suffix.lower() == ".json"))
    return path


def as_text(recipe: Recipe, *, json_format: bool = False) -> str:
    """Return the recipe as YAML, or as JSON."""
    import yaml

    if json_format:
        return json.dumps(recipe.to_json(), indent=2) + "\n"
    return str(yaml.safe_dump(recipe.to_json(), sort_keys=False, allow_unicode=True, width=100))
