"""What an operation returned, made ready for the viewer: layers, tables, and words for the rest."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

from napari_medai.core.boxes import Boxes
from napari_medai.core.image import MedicalImage
from napari_medai.core.landmarks import Landmarks
from napari_medai.core.transform import SpatialTransform
from napari_medai.gui.boxes import layer_from_boxes
from napari_medai.gui.landmarks.drawing import layer_from_drawing, layer_from_uncertainty
from napari_medai.gui.layers import LayerData, layers_from_image
from napari_medai.gui.meshes import layer_from_mesh
from napari_medai.gui.points import layer_from_landmarks
from napari_medai.landmarks.drawing import Drawing

_WHOLE = (MedicalImage, Landmarks, Boxes, SpatialTransform, Drawing)


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
    transforms : tuple of (title, SpatialTransform)
        New transforms.
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
    transforms: tuple[tuple[str, SpatialTransform], ...] = ()
    remarks: tuple[str, ...] = ()
    images: tuple[MedicalImage, ...] = ()
    known: tuple[MedicalImage, ...] = ()


def present(result: Any, name: str, known: Sequence[MedicalImage] = ()) -> Presentation:
    """Make a result ready to be shown; safe in a worker thread.

    Parameters
    ----------
    result : object
        What an operation returned: an image, points, a table, a transform, or a tuple or dataclass of them.
    name : str
        What the new layers are called.
    known : sequence of MedicalImage
        The images that went in.
    """
    leaves = list(_leaves(result, name))
    layers = [layer for title, leaf in leaves for layer in _layers(leaf, title)]
    tables = [(title, leaf) for title, leaf in leaves if _is_table(leaf)]
    documents = [(title, leaf) for title, leaf in leaves if isinstance(leaf, dict)]
    transforms = [(title, leaf) for title, leaf in leaves if isinstance(leaf, SpatialTransform)]
    images = [leaf for _, leaf in leaves if isinstance(leaf, MedicalImage)]
    remarks = [f"{title}: {leaf}" for title, leaf in leaves if isinstance(leaf, (str, int, float))]
    return Presentation(
        tuple(layers),
        tuple(tables),
        tuple(documents),
        tuple(transforms),
        tuple(remarks),
        tuple(images),
        tuple(known),
    )


def _layers(leaf: Any, title: str) -> list[LayerData]:
    if isinstance(leaf, MedicalImage):
        return layers_from_image(leaf.replace(name=title))
    if isinstance(leaf, Landmarks):
        around = layer_from_uncertainty(leaf, f"{title} · 90 %")
        return [*([around] if around else []), layer_from_landmarks(leaf.replace(name=title))]
    if isinstance(leaf, Drawing):
        return [layer_from_drawing(leaf, title)]
    if isinstance(leaf, Boxes):
        return [layer_from_boxes(replace(leaf, name=title))]
    return [layer_from_mesh(leaf, title)] if _is_mesh(leaf) else []


def _leaves(result: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Yield the parts of a result that are shown each by itself, named after where they stand in it."""
    for key, part in _parts(result):
        title = f"{name} · {key.replace('_', ' ')}" if key else name
        if part is result:
            yield title, part
        else:
            yield from _leaves(part, title)


def _parts(result: Any) -> list[tuple[str, Any]]:
    """Return the named parts of a result; the result itself, without a name, where it has none."""
    whole = isinstance(result, _WHOLE) or _is_mesh(result) or _is_table(result)
    if isinstance(result, tuple) and hasattr(result, "_fields"):
        return list(zip(result._fields, result, strict=True))
    if isinstance(result, (tuple, list)):
        return [(str(i), part) for i, part in enumerate(result, 1)]
    if isinstance(result, dict) and not _is_plain(result):
        return [(str(key), part) for key, part in result.items()]
    if is_dataclass(result) and not isinstance(result, type) and not whole:
        return [(f.name, getattr(result, f.name)) for f in fields(result)]
    return [("", result)]


def _is_mesh(value: Any) -> bool:
    return hasattr(value, "vertices") and hasattr(value, "faces")


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


def add_above(layers: Any, data: LayerData, sources: Sequence[Any]) -> None:
    """Put a new layer just above the one it was made from, or on top where that is gone.

    Parameters
    ----------
    layers : napari.components.LayerList
        The viewer's layers.
    data : layer data
        The new layer, as :class:`Presentation` holds it. What is no image goes above every image it was
        made from, since they would hide it.
    sources : sequence of napari layers
        What it was made from, the most important first.
    """
    from napari.layers import Image, Layer

    here = [source for source in sources if source in layers]
    below = here[:1] if data[2] == "image" else [*here[:1], *(s for s in here[1:] if isinstance(s, Image))]
    place = max((layers.index(source) + 1 for source in below), default=len(layers))
    layers.insert(place, Layer.create(*data))
