"""napari's preferences of this plugin, as one of the places that settings come from."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from napari_medai.core.settings import VARIABLES, set_source, settings

PLUGIN = "napari-medai"
ORIGIN = "napari's preferences"
CATEGORIES = ("computing", "display")
"""The keys under ``configurations`` in the manifest; their properties are the settings' names."""

_HORIZONTAL = {"radiological": "right", "neurological": "left"}


def connect() -> None:
    """Let what is chosen in napari's preferences hold for everything that runs beside the viewer."""
    set_source(ORIGIN, preferences)


def preferences() -> Mapping[str, Any]:
    """Return what napari's preferences say; nothing without a viewer, or where napari is older than 0.9."""
    if "napari.settings" not in sys.modules or "npe2" not in sys.modules:
        return {}
    from npe2 import PluginManager

    if PLUGIN not in PluginManager.instance():
        return {}
    try:
        from napari.settings import get_plugin_settings

        ours = get_plugin_settings(PLUGIN)
    except (ImportError, KeyError):
        return {}
    chosen = {name: value for key in CATEGORIES for name, value in getattr(ours, key).model_dump().items()}
    return {name: value for name, value in chosen.items() if name in VARIABLES}


def follow_convention() -> None:
    """Turn the viewer to the preferred side: the patient's left at the right of the screen, or at the left.

    The camera is turned, never a voxel.
    """
    from napari import current_viewer

    viewer = current_viewer()
    if viewer is not None:
        camera = getattr(viewer, "scene", viewer).camera
        vertical, _ = camera.orientation2d
        camera.orientation2d = (vertical, _HORIZONTAL[settings().convention])
