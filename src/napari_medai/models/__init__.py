"""Trained networks as folders of data: described, checked, loaded and run."""

from typing import TYPE_CHECKING

from napari_medai.core.lazy import lazy_names

if TYPE_CHECKING:
    from napari_medai.models.check import CheckResult as CheckResult
    from napari_medai.models.check import check_model as check_model
    from napari_medai.models.exports import export_network as export_network
    from napari_medai.models.folder import load_folder as load_folder
    from napari_medai.models.folder import save_folder as save_folder
    from napari_medai.models.imports.words import Words as Words
    from napari_medai.models.library import add_model as add_model
    from napari_medai.models.library import export_model as export_model
    from napari_medai.models.library import import_model as import_model
    from napari_medai.models.library import remove_model as remove_model
    from napari_medai.models.model import Model as Model
    from napari_medai.models.networks import make_network as make_network
    from napari_medai.models.schema import model_schema as model_schema
    from napari_medai.models.spec import ModelSpec as ModelSpec
    from napari_medai.models.store import list_models as list_models
    from napari_medai.models.store import load_model as load_model

_NAMES = {
    "Words": "napari_medai.models.imports.words",
    "add_model": "napari_medai.models.library",
    "export_model": "napari_medai.models.library",
    "export_network": "napari_medai.models.exports",
    "import_model": "napari_medai.models.library",
    "make_network": "napari_medai.models.networks",
    "remove_model": "napari_medai.models.library",
    "CheckResult": "napari_medai.models.check",
    "Model": "napari_medai.models.model",
    "ModelSpec": "napari_medai.models.spec",
    "check_model": "napari_medai.models.check",
    "list_models": "napari_medai.models.store",
    "load_folder": "napari_medai.models.folder",
    "load_model": "napari_medai.models.store",
    "model_schema": "napari_medai.models.schema",
    "save_folder": "napari_medai.models.folder",
}

__all__ = list(_NAMES)

__getattr__, __dir__ = lazy_names(__name__, _NAMES)
