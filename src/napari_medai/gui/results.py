"""What an operation returned, made ready for the viewer: layers, tables, and words for the rest."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

from napari_medai.core.boxes import Boxes
from napari_medai.core.image import MedicalImage
from napari_medai.core.landmarks import Landmarks
from napari_medai.gui.boxes import layer_from_boxes
from napari_medai.gui.layers import LayerData, layers_from_image
from napari_medai.gui.meshes import layer_from_mesh
from napari_medai.gui.points import layer_from_landmarks


@dataclass(frozen=True)
class Presentation:
    """A result in the forms a viewer can show.

    Parameters
    ----------
    layers : tuple of layer data
        New layers, the one to show on top last.
    tables : tuple of (title, pandas.DataFrame)
        New tables.
    documents : tuple of (title, dict)
        Plain values to be kept as JSON files.
    remarks : tuple of str
        Results that are neither.
    images : tuple of MedicalImage
        The images behind the layers.
    known : tuple of MedicalImage
        The images that went in.
    """

    layers: tuple[LayerData, ...] = ()
    tables: tuple[tuple[str, Any], ...] = ()
    documents: tuple[tuple[str, dict[str, Any]], ...] = ()
    remarks: tuple[str, ...] = ()
    images: tuple[MedicalImage, ...] = ()
    known: tuple[MedicalImage, ...] = ()


def present(result: Any, name: str, known: Sequence[MedicalImage] = ()) -> Presentation:
    """Make a result ready to be shown; safe in a worker thread.

    Parameters
    ----------
    result : object
        What an operation returned: an image, landmarks, a table, or a tuple or dataclass of them.
    name : str
        What the new layers are called.
    known : sequence of MedicalImage
        The images that went in.
    """
    layers: list[LayerData] = []
    tables: list[tuple[str, Any]] = []
    documents: list[tuple[str, dict[str, Any]]] = []
    remarks: list[str] = []
    images: list[MedicalImage] = []
    for title, part in _parts(result, name):
        if isinstance(part, MedicalImage):
            images.append(part)
            layers.extend(layers_from_image(part.replace(name=title)))
        elif isinstance(part, Landmarks):
            layers.append(layer_from_landmarks(part.replace(name=title)))
        elif isinstance(part, Boxes):
            layers.append(layer_from_boxes(replace(part, name=title)))
        elif hasattr(part, "vertices") and hasattr(part, "faces"):
            layers.append(layer_from_mesh(part, title))
        elif isinstance(part, dict):
            documents.append((title, part))
        elif _is_table(part):
            tables.append((title, part))
        elif part is not None:
            remarks.append(f"{title}: {part}")
    return Presentation(
        tuple(layers), tuple(tables), tuple(documents), tuple(remarks), tuple(images), tuple(known)
    )


def _parts(result: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Yield the parts of a result, the main one named as the whole."""
    if isinstance(result, (MedicalImage, Landmarks, Boxes)) or hasattr(result, "vertices"):
        yield name, result
        return
    if isinstance(result, tuple) and hasattr(result, "_fields"):
        entries = list(zip(result._fields, result, strict=True))
    elif isinstance(result, (tuple, list)):
        entries = [(str(i + 1), part) for i, part in enumerate(result)]
    elif isinstance(result, dict) and not _is_plain(result):
        entries = [(str(key), part) for key, part in result.items()]
    elif is_dataclass(result) and not isinstance(result, type):
        entries = [(f.name, getattr(result, f.name)) for f in fields(result)]
    else:
        yield name, result
        return
    for key, part in entries:
        yield f"{name} · {key.replace('_', ' ')}", part


def _is_plain(value: dict[str, Any]) -> bool:
    """Tell whether a dictionary can be written as JSON."""
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return False
    return True


def _is_table(value: Any) -> bool:
    """Tell whether this is a pandas table, without importing pandas."""
    return type(value).__name__ == "DataFrame" and hasattr(value, "columns")
