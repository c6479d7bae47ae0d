"""Recipes: steps in a row that are saved, read, and repeated on one case or a thousand."""

from typing import TYPE_CHECKING

from napari_medai.core.lazy import lazy_names

if TYPE_CHECKING:
    from napari_medai.recipe.batch import BatchReport as BatchReport
    from napari_medai.recipe.batch import run_batch as run_batch
    from napari_medai.recipe.cases import Case as Case
    from napari_medai.recipe.cases import find_cases as find_cases
    from napari_medai.recipe.derive import from_history as from_history
    from napari_medai.recipe.execute import run as run
    from napari_medai.recipe.files import load as load
    from napari_medai.recipe.files import save as save
    from napari_medai.recipe.recipe import Recipe as Recipe
    from napari_medai.recipe.recipe import json_schema as json_schema

_NAMES = {
    "BatchReport": "napari_medai.recipe.batch",
    "Case": "napari_medai.recipe.cases",
    "Recipe": "napari_medai.recipe.recipe",
    "find_cases": "napari_medai.recipe.cases",
    "from_history": "napari_medai.recipe.derive",
    "json_schema": "napari_medai.recipe.recipe",
    "load": "napari_medai.recipe.files",
    "run": "napari_medai.recipe.execute",
    "run_batch": "napari_medai.recipe.batch",
    "save": "napari_medai.recipe.files",
}

__all__ = list(_NAMES)

__getattr__, __dir__ = lazy_names(__name__, _NAMES)
