"""Layers given to operations in a script or a notebook, and layers given back."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from types import SimpleNamespace
from typing import Any

from napari_medai.core.boxes import Boxes
from napari_medai.core.image import MedicalImage
from napari_medai.core.landmarks import Landmarks
from napari_medai.gui.boxes import layer_from_boxes
from napari_medai.gui.layers import LayerData, layers_from_image, snapshot
from napari_medai.gui.meshes import layer_from_mesh
from napari_medai.gui.points import layer_from_landmarks
from napari_medai.gui.step import as_input
from napari_medai.measure.mesh import Mesh


def enter(guest: Any) -> Any:
    """Turn an Image, Labels, Points or Shapes layer into an image, landmarks or boxes.

    Of a Shapes layer that holds lines alone their ends are taken.

    Parameters
    ----------
    guest : napari.layers.Layer
        Labels are copied, so painting may go on.

    Raises
    ------
    MedAIError
        If the layer's place in the world cannot be understood.
    """
    return as_input(snapshot(guest))


def leave(result: Any, guest: Any, title: str) -> Any:
    """Turn images, landmarks, boxes and meshes of a result into layers; tables and numbers stay.

    Parameters
    ----------
    result : object
        What the operation returned. Several results under names come back under those names.
    guest : napari.layers.Layer
        The first input, after which the layers are called.
    title : str
        The operation's title.

    Returns
    -------
    object
        One layer for an image, or a list of them, one a channel.
    """
    return _leave(result, f"{guest.name} · {title}")


def _leave(result: Any, name: str) -> Any:
    if isinstance(result, MedicalImage):
        made = [_layer(data) for data in layers_from_image(result.replace(name=name))]
        return made if "c" in result.axes else made[0]
    if isinstance(result, Landmarks):
        return _layer(layer_from_landmarks(result.replace(name=name)))
    if isinstance(result, Boxes):
        return _layer(layer_from_boxes(replace(result, name=name)))
    if isinstance(result, Mesh):
        return _layer(layer_from_mesh(result, name))
    return _parts(result, name)


def _parts(result: Any, name: str) -> Any:
    """Turn the layers among several results; what holds none stays as it is."""
    if isinstance(result, tuple) and hasattr(result, "_fields"):
        named = zip(result._fields, result, strict=True)
        make: Any = type(result)
        return make._make(_leave(part, f"{name} · {key}") for key, part in named)
    if type(result) in (list, tuple):
        return type(result)(_leave(part, f"{name} · {i}") for i, part in enumerate(result, 1))
    if is_dataclass(result) and not isinstance(result, type):
        parts = {f.name: getattr(result, f.name) for f in fields(result)}
        if any(isinstance(part, MedicalImage | Landmarks | Boxes | Mesh) for part in parts.values()):
            return SimpleNamespace(**{key: _leave(part, f"{name} · {key}") for key, part in parts.items()})
    return result


def _layer(data: LayerData) -> Any:
    from napari.layers import Layer

    return Layer.create(*data)
